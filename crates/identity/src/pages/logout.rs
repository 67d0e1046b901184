//! Logging out. A link alone does not do it: another site could have set it.

use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode};

use super::{
    Visit,
    cookies::{self, Cookie},
    error,
    frame::Frame,
    headers::{Needs, see_other},
};
use crate::accounts::EventKind;

/// Where the form is sent, whoever asks.
const PATH: &str = "/logout";

#[derive(Template)]
#[template(path = "logout.html")]
struct Page<'p> {
    frame: Frame<'p>,
    client: Option<String>,
    intro: String,
    action: &'p str,
    csrf: String,
    fields: &'p [(&'p str, String)],
}

/// What is asked before somebody is logged out.
pub(crate) struct LogoutView<'v> {
    /// The client that asks for it.
    pub(crate) client: Option<&'v str>,
    /// Hidden fields besides the token.
    pub(crate) fields: &'v [(&'v str, String)],
    /// The origin that the browser is redirected to after the form was sent; it was validated.
    pub(crate) redirect_origin: Option<&'v str>,
}

/// The page that asks.
pub(crate) fn logout(visit: &Visit, view: &LogoutView<'_>) -> Response {
    let texts = &visit.server.theme.messages.logout;
    let name = visit.session.as_ref().map_or("", |session| session.user.display_name.as_str());
    let template = Page {
        frame: visit.frame(texts.title.as_str()),
        client: view.client.map(|client| texts.client.fill("client", client)),
        intro: texts.intro.fill("name", name),
        action: PATH,
        csrf: visit.csrf(PATH),
        fields: view.fields,
    };
    let needs = Needs { script: None, redirect_origin: view.redirect_origin.map(str::to_owned) };
    visit.page_with(StatusCode::OK, &template, &needs)
}

/// Logs the browser out, and sends it to a client or shows that it is done.
pub(crate) async fn log_out(visit: &Visit, then: Option<&str>) -> Response {
    if let Some(session) = &visit.session {
        let (user, id) = (&session.user.id, &session.id);
        if let Err(stored) = visit.server.end_session(&visit.browser, user, id, EventKind::LoggedOut).await {
            return error::stored(&visit.server, &stored);
        }
    }
    let texts = &visit.server.theme.messages.logout;
    let mut response = if let Some(then) = then {
        see_other(then)
    } else {
        let next = Some(("/login".to_owned(), texts.login.as_str()));
        error::notice(&visit.server, StatusCode::OK, texts.done_title.as_str(), texts.done.as_str(), None, next)
    };
    let headers = response.headers_mut();
    // Not the cookies: the browser stays known to its user.
    headers.insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
    for cookie in [Cookie::Session, Cookie::Step, Cookie::Visitor] {
        cookies::clear(headers, cookie);
    }
    response
}

/// Somebody wants to go, by a link of ours.
pub(crate) async fn ask_to_log_out(visit: Visit) -> Response {
    if visit.session.is_none() {
        return see_other("/login");
    }
    logout(&visit, &LogoutView { client: None, fields: &[], redirect_origin: None })
}
