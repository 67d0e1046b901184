//! PROXY headers: the address that is believed is the one that is written, in its one spelling.

use std::net::SocketAddr;

use gateway::workbench::proxy_source;

/// The signature of version 2 (specification §2.2).
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// An accepted header names the source that stands in its bytes.
pub fn hold(bytes: &[u8]) {
    let Some(header) = as_read(bytes) else { return };
    let Some(source) = proxy_source(header) else { return };
    match header.strip_prefix(SIGNATURE) {
        Some(rest) => assert_eq!(source, version2(rest)),
        None => assert_eq!(source, version1(header)),
    }
}

/// As much as is read of a connection: a line, or what the header says that it has.
fn as_read(bytes: &[u8]) -> Option<&[u8]> {
    if !bytes.starts_with(SIGNATURE) {
        return bytes.split_inclusive(|byte| *byte == b'\n').next();
    }
    let length = usize::from(u16::from_be_bytes([*bytes.get(14)?, *bytes.get(15)?]));
    bytes.get(..16 + length)
}

fn version1(header: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(header).expect("version 1 is text");
    let line = text.strip_prefix("PROXY ").expect("it begins so").strip_suffix("\r\n").expect("it ends so");
    assert!(!line.contains(['\r', '\n']), "one line");
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["UNKNOWN", ..] => None,
        [family @ ("TCP4" | "TCP6"), source, _, port, _] => {
            let address = SocketAddr::new(source.parse().unwrap(), port.parse().unwrap());
            assert_eq!(address.is_ipv4(), family == "TCP4");
            assert_eq!(address.port().to_string(), port, "ports have one spelling");
            Some(address)
        }
        _ => panic!("{line:?} is no header"),
    }
}

fn version2(rest: &[u8]) -> Option<SocketAddr> {
    let (fixed, addresses) = rest.split_at(4);
    assert_eq!(fixed[0] >> 4, 2, "the version");
    let length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    assert!(length <= addresses.len(), "all of it is there");
    match (fixed[0] & 15, fixed[1] >> 4) {
        (0, _) => None,
        (1, 1) => {
            let octets: [u8; 4] = addresses[..4].try_into().unwrap();
            Some(SocketAddr::new(octets.into(), u16::from_be_bytes([addresses[8], addresses[9]])))
        }
        (1, 2) => {
            let octets: [u8; 16] = addresses[..16].try_into().unwrap();
            Some(SocketAddr::new(octets.into(), u16::from_be_bytes([addresses[32], addresses[33]])))
        }
        other => panic!("{other:?} names no source"),
    }
}
