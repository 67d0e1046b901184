//! 421: a connection made under one name must not reach what another name's rules protect (RFC 9110 §15.5.20).

use super::Peer;
use crate::{refusal::Refusal, route::Routed};

/// Checks a request's host against the name and certificate of its connection.
pub(crate) fn check_authority(peer: &Peer, routed: &Routed) -> Result<(), Refusal> {
    let Some(name) = &peer.server_name else { return Ok(()) };
    let host = routed.canonical.host.as_str();
    if host == name {
        return Ok(());
    }
    // Clients coalesce connections of hosts that share a certificate; where a client certificate decides, they may not.
    let covered = peer.certificate_names.iter().any(|pattern| covers(pattern, host));
    if covered && !routed.route.takes_certificates { Ok(()) } else { Err(Refusal::Misdirected) }
}

/// RFC 6125 §6.4.3: a wildcard stands for exactly the leftmost label.
fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => pattern == host,
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_wildcard_covers_one_label() {
        assert!(covers("*.example.com", "a.example.com"));
        assert!(!covers("*.example.com", "a.b.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", ".example.com"));
    }
}
