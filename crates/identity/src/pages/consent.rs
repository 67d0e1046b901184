//! The question whether a client may have what it asks for: who gets what for how long.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::{Visit, frame::Frame, headers::Needs};

#[derive(Template)]
#[template(path = "consent.html")]
struct Page<'p> {
    frame: Frame<'p>,
    intro: String,
    agent: Option<String>,
    unknown: Option<String>,
    scopes: &'p [String],
    lifetime: String,
    host: Option<String>,
    warning: Option<&'p str>,
    you: String,
    action: &'p str,
    csrf: String,
    fields: &'p [(&'p str, String)],
}

/// What a client asks for, in words.
pub(crate) struct ConsentView<'v> {
    /// What the client calls itself.
    pub(crate) client_name: &'v str,
    /// Where the browser goes then; none for a device.
    pub(crate) client_host: Option<&'v str>,
    /// Scheme and host of its id, if that is all that is known of it.
    pub(crate) known_by: Option<String>,
    /// Whether it acts by itself.
    pub(crate) is_agent: bool,
    /// What each scope means.
    pub(crate) scopes: &'v [String],
    /// How long it lasts, in words ([`super::span`]).
    pub(crate) lifetime: &'v str,
    /// Where the form is sent, with `decision=allow` or `decision=deny`.
    pub(crate) action: &'v str,
    /// Hidden fields besides the token: the request that is decided on.
    pub(crate) fields: &'v [(&'v str, String)],
    /// The origin that the browser is redirected to after the form was sent; it was validated.
    pub(crate) redirect_origin: Option<&'v str>,
    /// Whether it is a device that asks, which somebody else may have started.
    pub(crate) is_device: bool,
}

/// The page that asks.
pub(crate) fn consent(visit: &Visit, view: &ConsentView<'_>) -> Response {
    let texts = &visit.server.theme.messages;
    let words = &texts.consent;
    let name = visit.session.as_ref().map_or("", |session| session.user.display_name.as_str());
    let template = Page {
        frame: visit.frame(words.title.fill("client", view.client_name)),
        intro: words.intro.fill("client", view.client_name),
        agent: view.is_agent.then(|| words.agent.fill("client", view.client_name)),
        unknown: view.known_by.as_deref().map(|origin| words.unknown.fill("origin", origin)),
        scopes: view.scopes,
        lifetime: words.lifetime.fill("time", view.lifetime),
        host: view.client_host.map(|host| words.host.fill("host", host)),
        warning: view.is_device.then_some(texts.device.warning.as_str()),
        you: words.you.fill("name", name),
        action: view.action,
        csrf: visit.csrf(view.action),
        fields: view.fields,
    };
    let needs = Needs { script: None, redirect_origin: view.redirect_origin.map(str::to_owned) };
    visit.page_with(StatusCode::OK, &template, &needs)
}
