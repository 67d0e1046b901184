//! The pages that people see: plain forms that work without a script, a file for each step.
//!
//! A page is a template of `templates/`, made by [`Visit::page`] with the headers that every page has. A form comes in as
//! a [`Posted`], which is only made of a form of ours, and is answered by 303 to what comes next. Two answers to a POST are
//! pages themselves: a form that is shown again with what was wrong, and recovery codes, which are shown once.

mod account;
mod app;
mod assets;
mod consent;
pub(crate) mod cookies;
mod device;
mod error;
mod external;
mod frame;
mod headers;
mod invitation;
mod login;
mod logout;
mod messages;
mod moment;
mod passkey;
mod password;
mod return_path;
mod second;
mod theme;
mod visit;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    response::Response,
    routing::{get, post},
};
use http::StatusCode;

pub(crate) use consent::{ConsentView, consent};
pub(crate) use error::error;
pub(crate) use headers::{Needs, see_other};
pub(crate) use logout::{LogoutView, ask_to_log_out, log_out, logout};
pub(crate) use moment::span;
pub(crate) use theme::Theme;
pub use theme::ThemeError;
pub(crate) use visit::{Posted, Visit};

use crate::identity::Server;

/// The pages.
pub(crate) fn router() -> Router<Arc<Server>> {
    Router::new()
        .route("/login", get(login::show).post(login::submit))
        .route("/login/totp", get(second::show_totp).post(second::submit_totp))
        .route("/login/recovery", get(second::show_recovery).post(second::submit_recovery))
        .route("/login/passkey", get(passkey::show_login).post(passkey::submit_login))
        .route("/device", get(device::show).post(device::submit))
        .route("/login/external/{provider}", get(external::begin))
        .route("/login/external/{provider}/return", get(external::finish))
        .route("/account/external/{provider}", post(external::connect))
        .route("/account/disconnect", post(external::disconnect))
        .route("/account", get(account::show))
        .route("/account/password", get(password::show).post(password::submit))
        .route("/account/passkeys", get(passkey::show_new).post(passkey::submit_new))
        .route("/account/passkeys/remove", post(passkey::remove))
        .route("/account/totp", get(app::show).post(app::begin))
        .route("/account/totp/confirm", post(app::confirm))
        .route("/account/totp/remove", post(app::remove))
        .route("/account/recovery", post(app::new_codes))
        .route("/account/sessions", post(account::end_session))
        .route("/account/devices", post(account::forget_device))
        .route("/account/grants", post(account::revoke_grant))
        .route("/invitation/open", get(invitation::show))
        .route("/invitation/password", post(invitation::submit_password))
        .route("/invitation/passkey", post(invitation::submit_passkey))
        .route("/assets/{file}", get(assets::asset))
}

impl Visit {
    /// A page.
    pub(crate) fn page(&self, template: &impl Template) -> Response {
        self.page_with(StatusCode::OK, template, &Needs::default())
    }

    /// A page with a status and what it needs besides.
    pub(crate) fn page_with(&self, status: StatusCode, template: &impl Template, needs: &Needs) -> Response {
        let issuer = self.server.settings.issuer.as_str();
        let redirect_origin = needs.redirect_origin.clone().or_else(|| self.leads_to.clone());
        let needs = Needs { script: needs.script.clone(), redirect_origin };
        self.answer(frame::render(&self.server.theme, issuer, status, template, &needs))
    }

    /// What a page with a passkey's form needs.
    pub(crate) fn script(&self) -> Needs {
        let script = self.server.settings.issuer.at(self.server.theme.script.bare_path());
        Needs { script: Some(script), redirect_origin: None }
    }
}
