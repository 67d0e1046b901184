//! Headers of a page. Nothing is loaded but what the page names, nothing frames it, and nobody keeps it.

use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// What a page needs beyond a style sheet and forms that lead here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    /// The script of the passkeys, by its address.
    pub(crate) script: Option<String>,
    /// Where a form leads in the end, when a client gets its answer: an origin that was validated. Chromium applies
    /// `form-action` to the redirect after a post.
    pub(crate) redirect_origin: Option<String>,
}

const FIXED: [(&str, &str); 9] = [
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("content-type", "text/html; charset=utf-8"),
];
const NOTHING_PERMITTED: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), \
    fullscreen=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// An answer with a page.
pub(crate) fn page(status: StatusCode, html: String, styles: &[String], images: &[String], needs: &Needs) -> Response {
    let mut response = Response::new(html.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    put(headers, "content-security-policy", &policy(styles, images, needs));
    let passkeys = if needs.script.is_some() { "(self)" } else { "()" };
    let permitted =
        format!("{NOTHING_PERMITTED}, publickey-credentials-create={passkeys}, publickey-credentials-get={passkeys}");
    put(headers, "permissions-policy", &permitted);
    response
}

/// Sends the browser to another page by GET (never 307, which would send a password on).
pub(crate) fn see_other(to: &str) -> Response {
    let mut response = Response::new(axum::body::Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    put(headers, "location", to);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn policy(styles: &[String], images: &[String], needs: &Needs) -> String {
    let list = |name: &str, sources: &[String]| match sources {
        [] => String::new(),
        some => format!("; {name} {}", some.join(" ")),
    };
    let script = needs.script.as_ref().map_or_else(String::new, |script| {
        format!("; script-src {script}; require-trusted-types-for 'script'; trusted-types 'none'")
    });
    let redirect = needs.redirect_origin.as_ref().map_or_else(String::new, |origin| format!(" {origin}"));
    format!(
        "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'{redirect}{}{}{script}",
        list("style-src", styles),
        list("img-src", images),
    )
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}
