//! The one form of a host: lower case, no dot at its end, no port.

use http::{HeaderMap, Uri, header, uri::Authority};

use crate::refusal::Refusal;

/// A host in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Host(String);

impl Host {
    /// Canonicalises a host without a port: a DNS name, an IPv4 literal or a bracketed IPv6 literal.
    pub(crate) fn parse(raw: &str) -> Option<Self> {
        let name = raw.strip_suffix('.').unwrap_or(raw);
        let literal = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
        let valid = match literal {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_name(name),
        };
        valid.then(|| Self(literal.unwrap_or(name).to_ascii_lowercase()))
    }

    /// The host, IPv6 literals without brackets.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 253
        && name.split('.').all(|label| !label.is_empty() && label.len() <= 63)
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
}

/// The host a request is for: its target's authority, else its Host field (RFC 9112 §3.2.2: the target wins).
pub(crate) fn host_of(uri: &Uri, headers: &HeaderMap) -> Result<Host, Refusal> {
    if let Some(authority) = uri.authority() {
        return from_authority(authority);
    }
    let value = headers.get(header::HOST).and_then(|v| v.to_str().ok()).ok_or(Refusal::BadHost)?;
    from_authority(&value.parse().map_err(|_| Refusal::BadHost)?)
}

fn from_authority(authority: &Authority) -> Result<Host, Refusal> {
    if authority.as_str().contains('@') {
        return Err(Refusal::BadHost);
    }
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    let port_is_valid = port.is_empty() || authority.port_u16().is_some();
    if !port_is_valid {
        return Err(Refusal::BadHost);
    }
    Host::parse(authority.host()).ok_or(Refusal::BadHost)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn case_port_and_a_trailing_dot_do_not_matter() {
        for raw in
            ["api.example.com", "API.example.COM", "api.example.com.", "api.example.com:8443", "api.example.com.:1"]
        {
            assert_eq!(from_authority(&raw.parse().unwrap()).unwrap().as_str(), "api.example.com", "{raw}");
        }
        assert_eq!(from_authority(&"[::1]:80".parse().unwrap()).unwrap().as_str(), "::1");
    }

    #[test]
    fn userinfo_and_malformed_hosts_are_refused() {
        for raw in ["user@api.example.com", "a..b", "a:99999", "."] {
            let refused = raw.parse().map_or(true, |authority| from_authority(&authority).is_err());
            assert!(refused, "{raw}");
        }
    }
}
