//! Whether callers can go around the gateway. It only protects what is reached through it, so this is said every time.

use std::{
    fs,
    net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs},
    time::Duration,
};

use super::recipe::Upstream;

const CONNECT: Duration = Duration::from_secs(1);
/// `TCP_LISTEN` in the tables of proc(5).
const LISTEN: &str = "0A";

/// Warns on standard error.
pub(crate) fn warn(upstream: &Upstream) {
    let addresses: Vec<SocketAddr> =
        (upstream.host.as_str(), upstream.port).to_socket_addrs().map(Iterator::collect).unwrap_or_default();
    if !addresses.iter().any(|address| TcpStream::connect_timeout(address, CONNECT).is_ok()) {
        eprintln!("warning: nothing answers at {} yet; callers get 502 until it does", upstream.url);
    }
    let local = addresses.iter().any(|address| address.ip().is_loopback());
    let open: Vec<String> = if local {
        listening(upstream.port).into_iter().filter(|ip| !ip.is_loopback()).map(|ip| ip.to_string()).collect()
    } else {
        Vec::new()
    };
    if open.is_empty() {
        eprintln!(
            "warning: whoever can connect to {} goes around the gateway; let only the gateway reach it",
            upstream.url
        );
    } else {
        let (open, port) = (open.join(", "), upstream.port);
        eprintln!(
            "warning: port {port} also listens on {open}, so others can go around the gateway; bind it to 127.0.0.1"
        );
    }
}

/// Local addresses on which some process listens at this port. Empty where there is no such table.
fn listening(port: u16) -> Vec<IpAddr> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().skip(1).filter_map(|line| listener(line, port)).collect::<Vec<_>>())
        .collect()
}

/// `0: 0100007F:2328 00000000:0000 0A …`
fn listener(line: &str, port: u16) -> Option<IpAddr> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (address, local_port) = fields.next()?.split_once(':')?;
    let state = fields.nth(1)?;
    let same = u16::from_str_radix(local_port, 16).ok()? == port;
    if state == LISTEN && same { ip(address) } else { None }
}

/// The kernel prints each 32-bit word of the address in the machine's own order.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    match hex.len() {
        8 => word(0).map(IpAddr::from),
        32 => {
            let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            let address = Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?);
            Some(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
        }
        _ => None,
    }
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::listener;

    #[test]
    fn listeners_are_read_from_the_tables_of_the_kernel() {
        for (line, ip) in [
            ("   0: 0100007F:2328 00000000:0000 0A 00000000:00000000", Some("127.0.0.1")),
            ("   1: 00000000:2328 00000000:0000 0A 00000000:00000000", Some("0.0.0.0")),
            ("   1: 00000000:2328 00000000:0000 01 00000000:00000000", None),
            ("   1: 00000000:2329 00000000:0000 0A 00000000:00000000", None),
            ("   2: 00000000000000000000000001000000:2328 00000000000000000000000000000000:0000 0A", Some("::1")),
            ("   3: 0000000000000000FFFF00000100007F:2328 00000000000000000000000000000000:0000 0A", Some("127.0.0.1")),
            ("  sl  local_address rem_address   st", None),
        ] {
            assert_eq!(listener(line, 9000).map(|ip| ip.to_string()).as_deref(), ip, "{line}");
        }
    }
}
