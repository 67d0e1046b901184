//! Redirect URIs: compared whole, character by character (RFC 9700 §2.1).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ClientKind;
use crate::settings::is_loopback;

const MAX_BYTES: usize = 2_000;

/// A redirect URI as it was registered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

/// Why a text cannot be a redirect URI of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotARedirect {
    /// Not an absolute URI, or too long.
    #[error(
        "a redirect URI is an absolute URI of at most {MAX_BYTES} characters, such as https://app.example.com/callback"
    )]
    Form,
    /// It has a fragment.
    #[error("a redirect URI has no fragment (RFC 6749 §3.1.2)")]
    Fragment,
    /// It has a user, dot segments, a wildcard or characters that are read in different ways.
    #[error("a redirect URI has no user, no `*`, no backslash and no `..` segments")]
    Ambiguous,
    /// The scheme does not protect the code.
    #[error(
        "a redirect URI is https; http is for the loopback address of native apps, and a scheme of its own (with a dot, RFC 8252 §7.1) for native apps"
    )]
    Scheme,
}

impl RedirectUri {
    /// Reads a redirect URI that a client of this kind may have.
    pub fn parse(text: &str, kind: ClientKind) -> Result<Self, NotARedirect> {
        if text.len() > MAX_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotARedirect::Form);
        }
        if text.contains('#') {
            return Err(NotARedirect::Fragment);
        }
        let (scheme, rest) = text.split_once(':').ok_or(NotARedirect::Form)?;
        if text.contains(['\\', '*', '"', '<', '>', '`', '{', '}', '|', '^', ';', ',']) || has_dot_segments(rest) {
            return Err(NotARedirect::Ambiguous);
        }
        let is_native = matches!(kind, ClientKind::Native | ClientKind::Agent);
        match scheme {
            "https" | "http" => {
                let uri: http::Uri = text.parse().map_err(|_| NotARedirect::Form)?;
                let host = uri.host().filter(|host| !host.is_empty()).ok_or(NotARedirect::Form)?;
                if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
                    return Err(NotARedirect::Ambiguous);
                }
                if scheme == "http"
                    && !(is_loopback(host) && (is_native || kind == ClientKind::Web || kind == ClientKind::Browser))
                {
                    return Err(NotARedirect::Scheme);
                }
            }
            // RFC 8252 §7.1: a reverse domain name, which nobody shares by chance.
            _ if is_native && is_private_scheme(scheme) => {}
            _ => return Err(NotARedirect::Scheme),
        }
        Ok(Self(text.to_owned()))
    }

    /// The URI.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request's URI is this one. The port of a native app's loopback address may be any (RFC 8252 §7.3).
    pub fn matches(&self, asked: &str, kind: ClientKind) -> bool {
        if self.0 == asked {
            return true;
        }
        let is_native = matches!(kind, ClientKind::Native | ClientKind::Agent);
        match (without_loopback_port(&self.0), without_loopback_port(asked)) {
            (Some(registered), Some(asked)) => is_native && registered == asked,
            _ => false,
        }
    }

    /// Scheme, host and port of a URI that matched: where a browser is sent.
    pub(crate) fn origin_of(uri: &str) -> String {
        match uri.parse::<http::Uri>().ok() {
            Some(parsed) => match (parsed.scheme_str(), parsed.authority()) {
                (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
                _ => scheme_of(uri),
            },
            None => scheme_of(uri),
        }
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn scheme_of(uri: &str) -> String {
    uri.split_once(':').map_or_else(String::new, |(scheme, _)| format!("{scheme}:"))
}

/// Also hidden ones: a browser takes `%2e` for a dot.
fn has_dot_segments(rest: &str) -> bool {
    let path = rest.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    path.split('/').any(|segment| matches!(segment, "." | ".."))
}

fn is_private_scheme(scheme: &str) -> bool {
    let plain = scheme
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    plain && scheme.contains('.') && scheme.starts_with(|c: char| c.is_ascii_lowercase())
}

/// What is around the port of `http://127.0.0.1:PORT/…` or `http://[::1]:PORT/…`. Names are not among them: what
/// `localhost` resolves to is not sure (RFC 8252 §8.3).
fn without_loopback_port(uri: &str) -> Option<(&str, &str)> {
    for host in ["http://127.0.0.1", "http://[::1]"] {
        let Some(rest) = uri.strip_prefix(host) else { continue };
        let (port, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let digits = match port.strip_prefix(':') {
            None if port.is_empty() => return Some((host, path)),
            None => return None,
            Some(digits) => digits,
        };
        let fits = digits.parse::<u16>().is_ok() && digits.bytes().all(|byte| byte.is_ascii_digit());
        return fits.then_some((host, path));
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_same_text_matches() {
        let registered = RedirectUri::parse("https://app.example.com/callback", ClientKind::Web).unwrap();
        assert!(registered.matches("https://app.example.com/callback", ClientKind::Web));
        for other in [
            "https://app.example.com/callback/",
            "https://app.example.com/callback/more",
            "https://app.example.com/callback?a=b",
            "https://app.example.com/callback#",
            "https://APP.example.com/callback",
            "https://app.example.com:443/callback",
            "https://user@app.example.com/callback",
            "https://evil.app.example.com/callback",
            "https://app.example.com.evil.example/callback",
            "https://app.example.com/other/../callback",
            "http://app.example.com/callback",
        ] {
            assert!(!registered.matches(other, ClientKind::Web), "{other}");
        }
    }

    #[test]
    fn only_the_port_of_a_native_loopback_address_may_vary() {
        let registered = RedirectUri::parse("http://127.0.0.1/callback", ClientKind::Native).unwrap();
        assert!(registered.matches("http://127.0.0.1:49152/callback", ClientKind::Native));
        for other in [
            "http://127.0.0.1:49152/other",
            "http://127.0.0.1:99999/callback",
            "http://127.0.0.1:+80/callback",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://[::1]:49152/callback",
            "http://localhost:49152/callback",
        ] {
            assert!(!registered.matches(other, ClientKind::Native), "{other}");
        }
        let web = RedirectUri::parse("http://127.0.0.1:3000/callback", ClientKind::Web).unwrap();
        assert!(!web.matches("http://127.0.0.1:3001/callback", ClientKind::Web));
    }

    #[test]
    fn what_browsers_read_in_two_ways_is_not_registered() {
        for (bad, cause) in [
            ("https://app.example.com/a#b", NotARedirect::Fragment),
            ("https://app.example.com/*", NotARedirect::Ambiguous),
            ("https://app.example.com/a/../b", NotARedirect::Ambiguous),
            ("https://app.example.com/a/%2E%2e/b", NotARedirect::Ambiguous),
            ("https://app.example.com\\@evil.example/", NotARedirect::Ambiguous),
            ("https://user@app.example.com/", NotARedirect::Ambiguous),
            ("http://app.example.com/callback", NotARedirect::Scheme),
            ("javascript:alert(1)", NotARedirect::Scheme),
            ("data:text/html,x", NotARedirect::Ambiguous),
            ("com.example.app:/callback", NotARedirect::Scheme),
            ("/callback", NotARedirect::Form),
        ] {
            assert_eq!(RedirectUri::parse(bad, ClientKind::Web), Err(cause), "{bad}");
        }
        assert!(RedirectUri::parse("com.example.app:/callback", ClientKind::Native).is_ok());
    }
}
