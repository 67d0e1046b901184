//! Pages that say what did not work, in words for people.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use store::StoreError;

use super::{
    frame::{self, Frame},
    headers::Needs,
    messages::Text,
};
use crate::identity::Server;

/// What can be wrong with a visit to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A form that is not of a page that this browser was shown.
    Form,
    /// A form of another site.
    Foreign,
    /// No such page.
    NotFound,
    /// The database does not answer.
    Unavailable,
    /// More than a password is needed, and the user has nothing more.
    SecondFactor,
    /// A one-time link that is no longer good.
    Link,
    /// A login at another provider that led nowhere.
    External,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'p> {
    frame: Frame<'p>,
    text: String,
    code: Option<String>,
    next: Option<(String, &'p str)>,
}

/// The page for a fault.
pub(crate) fn of(server: &Arc<Server>, fault: Fault) -> Response {
    let texts = &server.theme.messages;
    let (status, title, text): (StatusCode, &Text, &Text) = match fault {
        Fault::Form => (StatusCode::FORBIDDEN, &texts.error.form_title, &texts.error.form),
        Fault::Foreign => (StatusCode::FORBIDDEN, &texts.error.foreign_title, &texts.error.foreign),
        Fault::NotFound => (StatusCode::NOT_FOUND, &texts.error.not_found_title, &texts.error.not_found),
        Fault::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, &texts.error.unavailable_title, &texts.error.unavailable)
        }
        Fault::SecondFactor => (StatusCode::FORBIDDEN, &texts.error.second_title, &texts.error.second),
        Fault::External => (StatusCode::BAD_GATEWAY, &texts.external.failed_title, &texts.external.failed),
        Fault::Link => (StatusCode::GONE, &texts.invitation.over_title, &texts.invitation.over),
    };
    let next = match fault {
        Fault::Form | Fault::Foreign | Fault::NotFound | Fault::SecondFactor => {
            Some(("/account".to_owned(), texts.common.account.as_str()))
        }
        Fault::External => Some(("/login".to_owned(), texts.login.title.as_str())),
        Fault::Unavailable | Fault::Link => None,
    };
    let mut response = notice(server, status, title.as_str(), text.as_str(), None, next);
    if fault == Fault::Unavailable {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

/// The page for what the database said, which is told to the operator.
pub(crate) fn stored(server: &Arc<Server>, error: &StoreError) -> Response {
    eprintln!("identity: {error}");
    of(server, Fault::Unavailable)
}

/// A page about a request of a client that leads nowhere: what is wrong with it, and a word for those who help.
pub(crate) fn error(server: &Arc<Server>, status: StatusCode, text: &str, code: &str) -> Response {
    let texts = &server.theme.messages.error;
    notice(server, status, texts.title.as_str(), text, Some(texts.code.fill("code", code)), None)
}

/// A page with one thing to say.
pub(crate) fn notice(
    server: &Arc<Server>,
    status: StatusCode,
    title: &str,
    text: &str,
    code: Option<String>,
    next: Option<(String, &str)>,
) -> Response {
    let template = Notice { frame: Frame::new(&server.theme, title.to_owned()), text: text.to_owned(), code, next };
    frame::render(&server.theme, server.settings.issuer.as_str(), status, &template, &Needs::default())
}
