//! Response headers: what every answer carries, and what no answer may tell.

use config::{Access, Serves};
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};

use crate::{authorize::Authorized, body::Outbound};

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

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

const SECURITY_COUNT: usize = 8;

/// Fields set on every answer (OWASP Secure Headers Project); the upstream's own are replaced, never doubled.
static SECURITY: [(HeaderName, HeaderValue); SECURITY_COUNT] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
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

/// Those of them that the authorization server's own pages may set: which styles and forms they have, and that a passkey
/// may be asked for.
static OF_PAGES: [HeaderName; 2] = [header::CONTENT_SECURITY_POLICY, HeaderName::from_static("permissions-policy")];

/// Fields that are added at most: these, transport security, caching, date, request id.
const ADDED: usize = SECURITY_COUNT + 4;

const STRICT_TRANSPORT_SECURITY: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

/// Adds what must be there and removes what gives the upstream away.
pub(crate) fn dress(mut response: Response<Outbound>, exposure: Exposure) -> Response<Outbound> {
    let headers = response.headers_mut();
    remove_disclosures(headers);
    headers.reserve(ADDED);
    for (name, value) in &SECURITY {
        if exposure != Exposure::Resident || !OF_PAGES.contains(name) || !headers.contains_key(name) {
            headers.insert(name, value.clone());
        }
    }
    if !headers.get(header::STRICT_TRANSPORT_SECURITY).is_some_and(is_stricter_transport) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT_SECURITY);
    }
    match exposure {
        Exposure::Public => {}
        Exposure::Resident if headers.contains_key(header::CACHE_CONTROL) => {}
        Exposure::Private | Exposure::Resident => drop(headers.insert(header::CACHE_CONTROL, NO_STORE)),
    }
    add_charset(headers);
    response
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

fn remove_disclosures(headers: &mut HeaderMap) {
    let telling: Vec<HeaderName> = headers.keys().filter(|name| discloses(name.as_str())).cloned().collect();
    for name in &telling {
        headers.remove(name);
    }
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
    fn disclosing_names_are_found() {
        assert!(DISCLOSING_PREFIXES.iter().all(|prefix| prefix.starts_with(['a', 'p', 'x'])));
        assert!(["server", "x-aspnet-version", "portcullis-identity", "expect-ct"].into_iter().all(discloses));
        assert!(!["content-type", "x-request-id", "etag"].into_iter().any(discloses));
    }
}
