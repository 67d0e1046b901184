//! The credential that a request carries; never more than one.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::refusal::Refusal;

/// The field of an API key.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A credential, not yet proved.
pub(super) enum Credential<'r> {
    /// Text that is presented as an API key.
    ApiKey(&'r str),
    /// Text that is presented as an access token.
    Token(Scheme, &'r str),
    /// An authentication scheme that Portcullis does not accept.
    Unsupported,
}

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// RFC 6750: whoever holds it may use it.
    Bearer,
    /// RFC 9449: with a proof that its user holds a key.
    Dpop,
}

impl<'r> Credential<'r> {
    /// Reads X-API-Key and Authorization. Both at once are refused (400).
    pub(super) fn presented(headers: &'r HeaderMap, key_prefix: &str) -> Result<Option<Self>, Refusal> {
        match (headers.get(X_API_KEY), headers.get(header::AUTHORIZATION)) {
            (Some(_), Some(_)) => Err(Refusal::TwoCredentials),
            (Some(key), None) => Ok(Some(text(key).map_or(Self::Unsupported, Self::ApiKey))),
            (None, Some(value)) => {
                Ok(Some(text(value).map_or(Self::Unsupported, |v| Self::from_authorization(v, key_prefix))))
            }
            (None, None) => Ok(None),
        }
    }

    fn from_authorization(value: &'r str, key_prefix: &str) -> Self {
        match value.split_once(' ') {
            Some((scheme, text)) if scheme.eq_ignore_ascii_case("bearer") && text.starts_with(key_prefix) => {
                Self::ApiKey(text)
            }
            Some((scheme, text)) if scheme.eq_ignore_ascii_case("bearer") => Self::Token(Scheme::Bearer, text),
            Some((scheme, text)) if scheme.eq_ignore_ascii_case("dpop") => Self::Token(Scheme::Dpop, text),
            _ => Self::Unsupported,
        }
    }
}

/// The text of a field, if it is ASCII: looked at many bytes at a time, where `to_str` looks at each.
fn text(value: &HeaderValue) -> Option<&str> {
    if value.as_bytes().is_ascii() { std::str::from_utf8(value.as_bytes()).ok() } else { None }
}
