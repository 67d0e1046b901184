//! Header fields: which are refused, and which never reach an upstream.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{authenticate::X_API_KEY, gate::Limits, refusal::Refusal};

/// Fields that decide over a request, so that two of them would be two requests in one: some servers take the first,
/// some the last, some refuse both. But for the lists of conditions, RFC 9110 has one value for each.
static SINGLE: [HeaderName; 17] = [
    header::HOST,
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    // Whether the body follows.
    header::EXPECT,
    X_API_KEY,
    // RFC 9449 §4.3, item 1.
    HeaderName::from_static("dpop"),
    // Whether there is an answer, and which part of it.
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
    header::IF_RANGE,
    header::RANGE,
    header::CONTENT_RANGE,
    // Who asks, and from where: what logs and rules behind the gateway go by.
    header::USER_AGENT,
    header::REFERER,
    header::MAX_FORWARDS,
];

/// Refuses fields that servers read in different ways (400) and heads that are too large (431).
pub(super) fn check(headers: &HeaderMap, limits: &Limits) -> Result<(), Refusal> {
    if headers.len() > limits.header_count {
        return Err(Refusal::HeadTooLarge);
    }
    let mut total = 0;
    for (name, value) in headers {
        // RFC 9110 tokens hold more, but applications fold `_` and `.` into `-`: `X_User` would arrive as `X-User`.
        if name.as_str().bytes().any(|b| !(b.is_ascii_alphanumeric() || b == b'-')) {
            return Err(Refusal::BadFieldName);
        }
        total += name.as_str().len() + value.len() + ": \r\n".len();
    }
    if total > limits.header_bytes {
        return Err(Refusal::HeadTooLarge);
    }
    let repeated =
        headers.keys_len() < headers.len() && SINGLE.iter().any(|name| headers.get_all(name).iter().nth(1).is_some());
    if repeated {
        return Err(Refusal::RepeatedField);
    }
    Ok(())
}

/// Makes one field of the pieces that HTTP/2 may cut Cookie into (RFC 9113 §8.2.3: before a request goes on over
/// HTTP/1.1). Servers take the first of several lines, or the last, or all of them.
pub(super) fn join_cookies(headers: &mut HeaderMap) -> Result<(), Refusal> {
    if headers.keys_len() == headers.len() || headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return Ok(());
    }
    let pieces: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    let whole = HeaderValue::from_bytes(&pieces.join(b"; ".as_slice())).map_err(|_| Refusal::RepeatedField)?;
    headers.insert(header::COOKIE, whole);
    Ok(())
}

/// Refuses a body that could end in two places. This comes before all other checks: whatever else is wrong, the
/// connection must not go on behind such a request.
pub(super) fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_chunked_alone(headers)? && headers.contains_key(header::CONTENT_LENGTH) {
        return Err(Refusal::BadFraming);
    }
    Ok(())
}

/// Whether a body comes in chunks. A list of codings that ends in `chunked` is read in as many ways as there are
/// servers, so one value is taken, once.
fn is_chunked_alone(headers: &HeaderMap) -> Result<bool, Refusal> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err(Refusal::BadFraming),
    }
}

/// Removes what a client may not say to an upstream: hop-by-hop fields (RFC 9110 §7.6.1), forwarding and identity
/// fields, fields that change the method or the path behind the gateway's back, and those of traces unless they are kept.
pub(crate) fn strip_for_upstream(headers: &mut HeaderMap, keeps_trace: bool, keeps_credential: bool) {
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    let is_unwanted = |name: &str| {
        is_forbidden(name)
            || !keeps_trace && matches!(name, "traceparent" | "tracestate")
            || !keeps_credential && matches!(name, "authorization" | "x-api-key")
    };
    let forbidden: Vec<HeaderName> = headers.keys().filter(|name| is_unwanted(name.as_str())).cloned().collect();
    for name in listed.iter().chain(&forbidden) {
        headers.remove(name);
    }
}

/// Whether no upstream sees a client's field of this name.
pub(crate) fn is_stripped(name: &HeaderName) -> bool {
    is_forbidden(name.as_str())
}

fn is_forbidden(name: &str) -> bool {
    is_forbidden_exactly(name)
        || (name.starts_with(['c', 'p', 'x']) && PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// A match is told apart by length first, which costs less than a search for the names that are not here.
fn is_forbidden_exactly(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "dpop"
            | "forwarded"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "remote-user"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "true-client-ip"
            | "upgrade"
            | "via"
            | "x-client-ip"
            | "x-cluster-client-ip"
            | "x-http-method"
            | "x-http-method-override"
            | "x-method-override"
            | "x-original-host"
            | "x-original-method"
            | "x-original-uri"
            | "x-original-url"
            | "x-real-ip"
            | "x-request-id"
            | "x-rewrite-url"
    )
}

/// Beginning with `c`, `p` or `x`.
const PREFIXES: &[&str] = &[
    "cf-connecting-",
    "portcullis-",
    "x-auth-request-",
    "x-authenticated-",
    "x-client-cert",
    "x-consumer-",
    "x-envoy-",
    "x-forwarded-",
    "x-portcullis-",
    "x-remote-",
    "x-ssl-",
    "x-user",
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn the_forbidden_names_are_where_the_search_looks() {
        assert!(PREFIXES.iter().all(|prefix| prefix.starts_with(['c', 'p', 'x']) && is_forbidden(prefix)));
        assert!(["connection", "x-http-method-override", "te"].into_iter().all(is_forbidden));
    }

    #[test]
    fn names_that_alias_others_are_refused() {
        for name in ["x_user", "x.user", "x-user_id"] {
            assert!(
                matches!(check(&headers(&[(name, "1")]), &Limits::default()), Err(Refusal::BadFieldName)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_deciding_field_comes_once() {
        let twice = headers(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]);
        assert!(matches!(check(&twice, &Limits::default()), Err(Refusal::RepeatedField)));
        for name in ["expect", "if-match", "if-none-match", "range", "user-agent"] {
            let twice = headers(&[(name, "a"), (name, "b")]);
            assert!(matches!(check(&twice, &Limits::default()), Err(Refusal::RepeatedField)), "{name}");
        }
        assert!(check(&headers(&[("accept", "a"), ("accept", "b")]), &Limits::default()).is_ok());
    }

    #[test]
    fn pieces_of_cookies_become_one_field() {
        let mut cut = headers(&[("cookie", "a=b"), ("accept", "*/*"), ("cookie", "c=d; e=f")]);
        join_cookies(&mut cut).unwrap();
        assert_eq!(cut.get_all("cookie").iter().collect::<Vec<_>>(), ["a=b; c=d; e=f"]);
        let mut whole = headers(&[("cookie", "a=b")]);
        join_cookies(&mut whole).unwrap();
        assert_eq!(whole, headers(&[("cookie", "a=b")]));
    }

    #[test]
    fn a_body_is_framed_one_way() {
        let framed = |pairs: &[(&str, &str)]| check_framing(&headers(pairs));
        let (chunked, length) = (("transfer-encoding", "Chunked"), ("content-length", "5"));
        assert!(framed(&[chunked]).is_ok() && framed(&[length]).is_ok());
        for pairs in [&[chunked, length][..], &[chunked, chunked], &[("transfer-encoding", "cow, chunked")]] {
            assert!(matches!(framed(pairs), Err(Refusal::BadFraming)), "{pairs:?}");
        }
    }

    #[test]
    fn forwarding_identity_and_connection_listed_fields_are_removed() {
        let map = headers(&[
            ("connection", "close, x-secret"),
            ("x-secret", "1"),
            ("x-forwarded-prefix", "/a"),
            ("portcullis-subject", "root"),
            ("x-original-url", "/admin"),
            ("traceparent", "00-1-1-00"),
            ("authorization", "Bearer a"),
            ("x-api-key", "a"),
            ("accept", "*/*"),
        ]);
        let left = |keeps_trace, keeps_credential| {
            let mut map = map.clone();
            strip_for_upstream(&mut map, keeps_trace, keeps_credential);
            let mut names: Vec<_> = map.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(left(false, false), ["accept"]);
        assert_eq!(left(true, false), ["accept", "traceparent"]);
        assert_eq!(left(false, true), ["accept", "authorization", "x-api-key"]);
    }
}
