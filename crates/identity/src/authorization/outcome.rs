//! How an authorization request ends: with a redirect that says who answers (RFC 9207), or with a page.

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use crate::{identity::Server, problem::Problem};

/// Why a request is refused, and where that is told.
#[derive(Debug)]
pub(crate) enum Refused {
    /// To the user: where the client's redirects go is not sure.
    Page(Problem),
    /// To the client.
    Redirect { redirect_uri: String, state: Option<String>, problem: Problem },
}

impl Refused {
    /// The error itself, for who is told in another way.
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::Page(problem) | Self::Redirect { problem, .. } => problem,
        }
    }
}

/// Sends the browser to a client's redirect URI with an answer.
pub(crate) fn redirect(server: &Server, uri: &str, state: Option<&str>, members: &[(&str, &str)]) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(members);
    if let Some(state) = state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", server.settings.issuer.as_str());
    let separator = if uri.contains('?') { '&' } else { '?' };
    see_other(&format!("{uri}{separator}{}", query.finish()))
}

/// 303: the browser asks with GET, and does not send a form on (RFC 9700 §4.12).
pub(crate) fn see_other(location: &str) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match HeaderValue::try_from(location) {
        Ok(location) => {
            headers.insert(header::LOCATION, location);
            *response.status_mut() = StatusCode::SEE_OTHER;
        }
        // Nothing that was registered has such bytes.
        Err(_) => *response.status_mut() = StatusCode::BAD_REQUEST,
    }
    response
}
