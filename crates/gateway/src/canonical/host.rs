//! The one form of a host: lower case, no dot at its end, no port.

use http::{HeaderMap, Uri, header};

use crate::refusal::Refusal;

/// A host in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Host(String);

impl Host {
    /// Canonicalises a host without a port: a DNS name, an IPv4 literal or a bracketed IPv6 literal.
    pub(crate) fn parse(raw: &str) -> Option<Self> {
        let name = raw.strip_suffix('.').unwrap_or(raw);
        match name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
            // One address has many spellings (RFC 5952); the configuration knows it by the same one.
            Some(literal) => literal.parse::<std::net::Ipv6Addr>().ok().map(|address| Self(format!("[{address}]"))),
            None => is_name(name).then(|| Self(name.to_ascii_lowercase())),
        }
    }

    /// The host, IPv6 literals in brackets.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(name: &str) -> bool {
    let mut label = 0;
    for byte in name.bytes() {
        label = match byte {
            b'.' if label > 0 => 0,
            b'-' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' if label < 63 => label + 1,
            _ => return false,
        };
    }
    label > 0 && name.len() <= 253
}

/// The host a request is for: its target's authority, else its Host field (RFC 9112 §3.2.2: the target wins).
pub(crate) fn host_of(uri: &Uri, headers: &HeaderMap) -> Result<Host, Refusal> {
    let text = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST).and_then(|value| value.to_str().ok()).ok_or(Refusal::BadHost)?,
    };
    without_port(text).and_then(Host::parse).ok_or(Refusal::BadHost)
}

/// The port behind the host, in a request whose host was found.
pub(super) fn port_of(uri: &Uri, headers: &HeaderMap) -> Option<u16> {
    let text = match uri.authority() {
        Some(authority) => authority.as_str(),
        None => headers.get(header::HOST)?.to_str().ok()?,
    };
    text.get(without_port(text)?.len()..)?.strip_prefix(':')?.parse().ok()
}

/// `host [":" port]` (RFC 9110 §7.2) without its port; `None` for a port that is none. Userinfo is no part of a host.
fn without_port(text: &str) -> Option<&str> {
    let end_of_host = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, port) = text.split_at_checked(end_of_host)?;
    let port_is_valid = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some("") => true,
        Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
    };
    port_is_valid.then_some(host)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(field: &str) -> Result<String, Refusal> {
        let headers = HeaderMap::from_iter([(header::HOST, field.parse().unwrap())]);
        host_of(&Uri::from_static("/"), &headers).map(|host| host.as_str().to_owned())
    }

    #[test]
    fn case_port_and_a_trailing_dot_do_not_matter() {
        for raw in
            ["api.example.com", "API.example.COM", "api.example.com.", "api.example.com:8443", "api.example.com.:1"]
        {
            assert_eq!(of(raw).unwrap(), "api.example.com", "{raw}");
        }
        assert_eq!(of("[::1]:80").unwrap(), "[::1]");
        assert_eq!(of("[0:0:0:0:0:0:0:1]").unwrap(), "[::1]");
        assert_eq!(of("a:").unwrap(), "a");
    }

    #[test]
    fn userinfo_and_malformed_hosts_are_refused() {
        for raw in
            ["user@api.example.com", "a..b", "a:99999", ".", "a:1:2", "[::1", "[::1]x", "a:+1", "", ":80", "a b", "a,b"]
        {
            assert!(of(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn the_target_wins_over_the_field() {
        let headers = HeaderMap::from_iter([(header::HOST, "field.example".parse().unwrap())]);
        let target = "http://target.example/x".parse().unwrap();
        assert_eq!(host_of(&target, &headers).unwrap().as_str(), "target.example");
    }
}
