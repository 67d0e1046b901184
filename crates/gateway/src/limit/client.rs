//! Whose address counts: the other end of the connection, or whom a trusted proxy names.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

/// The client's address. A trusted proxy names it in `X-Forwarded-For`: the last entry that is no trusted proxy itself.
/// What is written before that entry is anybody's word, and so is the whole field from anybody else.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if trusted.is_empty() || !is_in(trusted, peer) {
        return peer;
    }
    let fields: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let entries = fields.iter().rev().flat_map(|field| field.rsplit(','));
    let mut last = peer;
    for entry in entries {
        // Behind an entry that is no address, nothing can be believed.
        let Some(address) = parse(entry.trim()) else { break };
        last = address;
        if !is_in(trusted, address) {
            break;
        }
    }
    last
}

/// Whether an address is one of these networks'.
pub(crate) fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

/// An address, as some proxies write it with a port.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(address, _)| address);
    let address = bare.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(peer: &str, fields: &[&str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append("x-forwarded-for", HeaderValue::from_str(field).unwrap());
        }
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_name_a_client() {
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_last_entry_of_a_stranger_counts_whatever_stands_before_it() {
        assert_eq!(client("10.0.0.1", &["203.0.113.1, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &["203.0.113.1", "198.51.100.7, 10.0.0.9"]), "198.51.100.7");
        assert_eq!(client("2001:db8:1::1", &["[2001:db8:2::1]:443"]), "2001:db8:2::1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7:4711"]), "198.51.100.7");
    }

    #[test]
    fn what_is_no_address_ends_the_chain() {
        assert_eq!(client("10.0.0.1", &["198.51.100.7, unknown, 10.0.0.9"]), "10.0.0.9");
        assert_eq!(client("10.0.0.1", &["_hidden"]), "10.0.0.1");
    }
}
