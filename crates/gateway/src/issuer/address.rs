//! Which addresses a fetch may go to: public ones, and those the operator names (SSRF, CVE-2020-10770).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Whether a fetch may connect to an address.
pub(super) fn is_allowed(address: IpAddr, allowed: &[IpNet]) -> bool {
    let address = address.to_canonical();
    allowed.iter().any(|network| network.contains(&address)) || is_public(address)
}

/// IANA special-purpose registries (RFC 6890): everything that is not globally reachable is not public.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is global unicast; within it 2001::/23, 2001:db8::/32, 2002::/16 and 3fff::/20 are special, and
    // outside it lie loopback, mapped, NAT64, unique local, link local and multicast.
    first & 0xE000 == 0x2000
        && first != 0x2002
        && !(first == 0x2001 && (second < 0x0200 || second == 0x0DB8))
        && first != 0x3FFF
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn l101_addresses_that_are_not_public_are_refused() {
        for text in [
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::ffff:127.0.0.1",
            "fe80::1",
            "fd00::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            assert!(!is_allowed(text.parse().unwrap(), &[]), "{text}");
        }
        assert!(is_allowed("9.9.9.9".parse().unwrap(), &[]));
        assert!(is_allowed("2620:fe::fe".parse().unwrap(), &[]));
    }

    #[test]
    fn a_named_network_is_allowed() {
        assert!(is_allowed("10.1.2.3".parse().unwrap(), &["10.0.0.0/8".parse().unwrap()]));
    }
}
