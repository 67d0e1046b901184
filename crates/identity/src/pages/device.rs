//! The page where somebody enters the code that their device shows (RFC 8628 §3.3).

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::{Visit, error, frame::Frame, headers::Needs, moment};

const PATH: &str = "/device";

#[derive(Template)]
#[template(path = "device.html")]
struct Page<'p> {
    frame: Frame<'p>,
    problem: Option<String>,
    csrf: String,
    user_code: &'p str,
}

/// What the page has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceView<'v> {
    /// A code is asked for; one that came with the address is there already, but still has to be confirmed (§3.3.1).
    Enter { user_code: &'v str },
    /// There is no such code.
    Unknown { user_code: &'v str },
    /// Too many wrong codes: seconds to wait.
    Locked(u64),
    /// It is done.
    Allowed,
    /// Nothing was given.
    Denied,
}

/// The page. A known code is asked about by [`super::consent`].
pub(crate) fn device(visit: &Visit, view: DeviceView<'_>) -> Response {
    let texts = &visit.server.theme.messages.device;
    let (status, user_code, problem) = match view {
        DeviceView::Enter { user_code } => (StatusCode::OK, user_code, None),
        DeviceView::Unknown { user_code } => {
            (StatusCode::UNPROCESSABLE_ENTITY, user_code, Some(texts.unknown.to_string()))
        }
        DeviceView::Locked(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, "", Some(texts.locked.fill("time", &moment::span(seconds))))
        }
        DeviceView::Allowed => return done(visit, texts.allowed_title.as_str(), texts.allowed.as_str()),
        DeviceView::Denied => return done(visit, texts.denied_title.as_str(), texts.denied.as_str()),
    };
    let template = Page { frame: visit.frame(texts.title.as_str()), problem, csrf: visit.csrf(PATH), user_code };
    let response = visit.page_with(status, &template, &Needs::default());
    match view {
        DeviceView::Locked(seconds) => super::login::retry_after(response, seconds),
        DeviceView::Enter { .. } | DeviceView::Unknown { .. } | DeviceView::Allowed | DeviceView::Denied => response,
    }
}

fn done(visit: &Visit, title: &str, text: &str) -> Response {
    error::notice(&visit.server, StatusCode::OK, title, text, None, None)
}
