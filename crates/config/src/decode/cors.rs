//! `cors` of an API, and the origins that `WebSocket`s name as well.

use std::time::Duration;

use http::HeaderName;

use super::{Context, every, some_items, values};
use crate::{Cors, codes::diagnostics, yaml::Node};

/// How long browsers keep a preflight's answer by themselves is 5 s; two hours is the most that any of them keeps.
const MAX_AGE: Duration = Duration::from_mins(10);
const LONGEST: Duration = Duration::from_hours(2);

/// What programs in pages set on most calls.
const REQUEST_HEADERS: [HeaderName; 3] =
    [http::header::AUTHORIZATION, http::header::CONTENT_TYPE, HeaderName::from_static("x-api-key")];

pub(super) fn rules(cx: &Context, node: &Node) -> Option<Cors> {
    let listed = node.get("origins")?;
    some_items(cx, listed, "origins")?;
    let origins = origins(cx, listed);
    let credentials = node.get("credentials").and_then(Node::text) == Some("true");
    let request_headers = node.get("request_headers").map_or(Some(REQUEST_HEADERS.to_vec()), |n| names(cx, n));
    let response_headers = node.get("response_headers").map_or(Some(Vec::new()), |n| names(cx, n));
    let max_age = node.get("max_age").map_or(Some(MAX_AGE), |n| max_age(cx, n));
    Some(Cors {
        origins: origins?,
        credentials,
        request_headers: request_headers?,
        response_headers: response_headers?,
        max_age: max_age?,
    })
}

fn max_age(cx: &Context, node: &Node) -> Option<Duration> {
    let age = values::duration(cx, node)?;
    if age > LONGEST {
        cx.report(
            &diagnostics::OUT_OF_BOUNDS,
            node.span,
            "no browser keeps a preflight for longer than 2 h",
            "Write `2h` or less.",
        );
        return None;
    }
    Some(age)
}

/// Origins of pages.
pub(super) fn origins(cx: &Context, node: &Node) -> Option<Vec<String>> {
    every(node.items(), |n| origin(cx, n))
}

/// `https://app.example.com`, as browsers write it (RFC 6454 §6.2).
fn origin(cx: &Context, node: &Node) -> Option<String> {
    let text = node.text()?;
    let is_origin = text.parse::<http::Uri>().is_ok_and(|uri| {
        let scheme = uri.scheme_str().unwrap_or_default();
        matches!(scheme, "https" | "http")
            && uri.authority().is_some_and(|authority| {
                let serialised = format!("{scheme}://{}", authority.as_str().to_ascii_lowercase());
                !authority.as_str().contains('@') && serialised == text
            })
    });
    if !is_origin {
        let help = "Write scheme and host in lower case, with a port only where it is not the default: `https://app.example.com`.";
        cx.report(&diagnostics::BAD_ORIGIN, node.span, format!("`{text}` is not an origin"), help);
    }
    is_origin.then(|| text.to_owned())
}

fn names(cx: &Context, node: &Node) -> Option<Vec<HeaderName>> {
    every(node.items(), |n| name(cx, n))
}

/// `*` is a name too, and would be read as all of them.
pub(super) fn name(cx: &Context, node: &Node) -> Option<HeaderName> {
    let text = node.text()?;
    let name = HeaderName::try_from(text).ok().filter(|name| name.as_str() != "*");
    if name.is_none() {
        let help = "Write the name of one field, such as `x-request-id`.";
        cx.report(&diagnostics::BAD_FIELD, node.span, format!("`{text}` does not name a field"), help);
    }
    name
}
