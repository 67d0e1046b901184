//! Response headers: what every answer carries, and what no answer may tell.

use std::sync::LazyLock;

use config::{Access, Serves};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use crate::{authorize::Authorized, body::Outbound, request_id::X_REQUEST_ID};

/// Whether an answer may be kept by caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exposure {
    /// Anyone may ask; the upstream decides over caching.
    Public,
    /// For one caller: never stored.
    Private,
    /// The authorization server's, whose pages have a policy of their own for content and caching.
    Resident,
}

impl Exposure {
    /// The exposure of a request's answer.
    pub(crate) fn of(authorized: &Authorized) -> Self {
        let route = &authorized.route.rule;
        match (route.serves, &route.access) {
            (Serves::Resident(_), _) => Self::Resident,
            (Serves::Upstream | Serves::Evaluation | Serves::ResourceMetadata, Access::Public { .. }) => Self::Public,
            (Serves::Upstream | Serves::Evaluation | Serves::ResourceMetadata, Access::Authenticated { .. }) => {
                Self::Private
            }
        }
    }
}

const SECURITY_COUNT: usize = 9;

/// Fields of every answer (OWASP Secure Headers Project); the upstream's own are replaced, never doubled.
static SECURITY: [(HeaderName, HeaderValue); SECURITY_COUNT] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "accelerometer=(), autoplay=(), camera=(), cross-origin-isolated=(), display-capture=(), encrypted-media=(), \
         fullscreen=(), geolocation=(), gyroscope=(), keyboard-map=(), magnetometer=(), microphone=(), midi=(), payment=(), \
         picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), sync-xhr=(), usb=(), web-share=(), \
         xr-spatial-tracking=()",
        ),
    ),
];

/// The same as HTTP/1.1 writes them: made once, as the fields of most answers are these to the letter.
static LINES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let line = |(name, value): &(HeaderName, HeaderValue)| {
        [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat()
    };
    SECURITY.iter().flat_map(line).collect()
});

/// Whether an answer's table holds the fields of [`SECURITY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    /// Whatever of them it is to have is there.
    InTable,
    /// All of them are to be written, as they are.
    Due,
}

impl Security {
    /// The lines that HTTP/1.1 writes beside the table's.
    pub(crate) fn lines(self) -> &'static [u8] {
        match self {
            Self::InTable => &[],
            Self::Due => &LINES,
        }
    }
}

/// Puts into the table what is to be written beside it: for whoever changes it, and for HTTP/2.
pub(crate) fn spell_out(response: &mut Response<Outbound>) {
    if response.body_mut().take_security() == Security::Due {
        response.headers_mut().extend(SECURITY.iter().cloned());
    }
}

/// Those of them that the authorization server's own pages may set: which styles and forms they have, and that a passkey
/// may be asked for.
static OF_PAGES: [HeaderName; 2] = [header::CONTENT_SECURITY_POLICY, HeaderName::from_static("permissions-policy")];

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Adds what must be there and removes what gives the upstream away. Fields that are always the same are left to be written
/// ([`Security::Due`]).
pub(crate) fn dress(response: &mut Response<Outbound>, exposure: Exposure) {
    let headers = response.headers_mut();
    let is_stricter = headers.get(header::STRICT_TRANSPORT_SECURITY).is_some_and(is_stricter_transport);
    let is_common = exposure != Exposure::Resident && !is_stricter;
    // The request's id is the gateway's, written beside the table; an upstream's own would be a second one.
    let is_replaced = |name: &str| name == X_REQUEST_ID.as_str() || is_common && is_security(name);
    remove(headers, |name| discloses(name) || is_replaced(name));
    if !is_common {
        headers.reserve(SECURITY_COUNT);
        for (name, value) in &SECURITY {
            let is_kept = match *name {
                header::STRICT_TRANSPORT_SECURITY => is_stricter,
                _ => exposure == Exposure::Resident && OF_PAGES.contains(name) && headers.contains_key(name),
            };
            if !is_kept {
                headers.insert(name, value.clone());
            }
        }
    }
    match exposure {
        Exposure::Public => {}
        Exposure::Resident if headers.contains_key(header::CACHE_CONTROL) => {}
        Exposure::Private | Exposure::Resident => drop(headers.insert(header::CACHE_CONTROL, NO_STORE)),
    }
    add_charset(headers);
    if is_common {
        response.body_mut().leave_security();
    }
}

/// Longer than ours, and for subdomains too.
fn is_stricter_transport(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let mut directives = text.split(';').map(str::trim);
    let age = directives.clone().find_map(|d| d.strip_prefix("max-age=")?.parse::<u64>().ok());
    age.is_some_and(|age| age >= 63_072_000) && directives.any(|d| d.eq_ignore_ascii_case("includeSubDomains"))
}

/// A text without a charset is sniffed by old clients.
fn add_charset(headers: &mut HeaderMap) {
    let Some(text) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return };
    if text.starts_with("text/")
        && !text.contains("charset")
        && let Ok(value) = HeaderValue::try_from(format!("{text}; charset=utf-8"))
    {
        headers.insert(header::CONTENT_TYPE, value);
    }
}

fn remove(headers: &mut HeaderMap, is_unwanted: impl Fn(&str) -> bool) {
    let unwanted: Vec<HeaderName> = headers.keys().filter(|name| is_unwanted(name.as_str())).cloned().collect();
    for name in &unwanted {
        headers.remove(name);
    }
}

/// Whether a field of this name is one of [`SECURITY`].
fn is_security(name: &str) -> bool {
    matches!(
        name,
        "content-security-policy"
            | "cross-origin-embedder-policy"
            | "cross-origin-opener-policy"
            | "cross-origin-resource-policy"
            | "permissions-policy"
            | "referrer-policy"
            | "strict-transport-security"
            | "x-content-type-options"
            | "x-frame-options"
    )
}

/// Whether a field of this name tells more than an answer may.
pub(crate) fn discloses(name: &str) -> bool {
    is_disclosing(name)
        || (name.starts_with(['a', 'p', 'x']) && DISCLOSING_PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// OWASP Secure Headers Project, "headers to remove". A match is told apart by length first, which costs less than a
/// search for the names that are not here.
fn is_disclosing(name: &str) -> bool {
    matches!(
        name,
        "expect-ct"
            | "feature-policy"
            | "host-header"
            | "k-proxy-request"
            | "liferay-portal"
            | "oraclecommercecloud-version"
            | "pega-host"
            | "product"
            | "public-key-pins"
            | "server"
            | "server-timing"
            | "sourcemap"
            | "via"
            | "x-cf-powered-by"
            | "x-cms"
            | "x-content-encoded-by"
            | "x-framework"
            | "x-generated-by"
            | "x-generator"
            | "x-mod-pagespeed"
            | "x-nextjs-matched-path"
            | "x-nextjs-page"
            | "x-page-speed"
            | "x-powered-by"
            | "x-powered-by-plesk"
            | "x-powered-cms"
            | "x-redirect-by"
            | "x-runtime"
            | "x-server-powered-by"
            | "x-sourcemap"
            | "x-turbo-charged-by"
            | "x-varnish"
            | "x-varnish-backend"
            | "x-varnish-server"
            | "x-version"
            | "x-xss-protection"
    )
}

/// Beginning with `a`, `p` or `x`. What pages of other origins may do is the configuration's to say.
const DISCLOSING_PREFIXES: &[&str] = &[
    "access-control-",
    "portcullis-",
    "x-aspnet",
    "x-b3-",
    "x-envoy-",
    "x-kong-",
    "x-kubernetes-",
    "x-litespeed-",
    "x-atmosphere-",
    "x-backside-",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_every_answer_are_known_by_their_names_and_replace_the_upstreams() {
        assert!(SECURITY.iter().all(|(name, _)| is_security(name.as_str())));
        let mut answer = Response::new(Outbound::empty());
        answer.headers_mut().append("x-frame-options", HeaderValue::from_static("SAMEORIGIN"));
        answer.headers_mut().append("x-frame-options", HeaderValue::from_static("ALLOWALL"));
        answer.headers_mut().insert("strict-transport-security", HeaderValue::from_static("max-age=1"));
        dress(&mut answer, Exposure::Public);
        assert!(answer.headers().is_empty(), "they would be written twice");
        for _ in 0..2 {
            spell_out(&mut answer);
            assert_eq!(answer.headers().len(), SECURITY_COUNT);
            assert_eq!(answer.headers()["x-frame-options"], "DENY");
        }
    }

    #[test]
    fn a_stricter_transport_of_the_upstream_stays_among_the_fields() {
        let mut answer = Response::new(Outbound::empty());
        let stricter = HeaderValue::from_static("max-age=63072001; includeSubDomains; preload");
        answer.headers_mut().insert("strict-transport-security", stricter.clone());
        dress(&mut answer, Exposure::Public);
        assert_eq!(answer.body_mut().take_security(), Security::InTable);
        assert_eq!(answer.headers()["strict-transport-security"], stricter);
        assert_eq!(answer.headers().len(), SECURITY_COUNT);
    }

    #[test]
    fn disclosing_names_are_found() {
        assert!(DISCLOSING_PREFIXES.iter().all(|prefix| prefix.starts_with(['a', 'p', 'x'])));
        assert!(["server", "x-aspnet-version", "portcullis-identity", "expect-ct"].into_iter().all(discloses));
        assert!(!["content-type", "x-request-id", "etag"].into_iter().any(discloses));
    }
}
