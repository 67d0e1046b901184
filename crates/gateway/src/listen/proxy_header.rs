//! PROXY headers (the `PROXY` protocol of `HAProxy`, versions 1 and 2): whose connection a proxy in front hands on.

use std::net::SocketAddr;

use ppp::{HeaderResult, v1, v2};
use tokio::{
    io::{AsyncReadExt, Error, ErrorKind, Result},
    net::TcpStream,
};

/// A header of version 1 with its line end (specification §2.1).
const LONGEST_LINE: usize = 107;
/// Shorter than every header of version 1, and the signature of version 2 (§2.2).
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Addresses and TLVs of version 2. The specification allows 64 KiB; proxies send far less.
const LONGEST_REST: u16 = 4096;

/// Reads a header and nothing after it. `None` is a proxy that speaks for itself, as its health checks do.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Option<SocketAddr>> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        read_rest(stream, &mut header).await?;
    } else if header.starts_with(b"PROXY ") {
        read_line(stream, &mut header).await?;
    } else {
        return Err(malformed());
    }
    source(&header)
}

async fn read_rest(stream: &mut TcpStream, header: &mut Vec<u8>) -> Result<()> {
    let mut fixed = [0; 4];
    stream.read_exact(&mut fixed).await?;
    header.extend(fixed);
    let [_, _, high, low] = fixed;
    let length = u16::from_be_bytes([high, low]);
    if length > LONGEST_REST {
        return Err(malformed());
    }
    let start = header.len();
    header.resize(start + usize::from(length), 0);
    stream.read_exact(header.get_mut(start..).unwrap_or_default()).await?;
    Ok(())
}

async fn read_line(stream: &mut TcpStream, header: &mut Vec<u8>) -> Result<()> {
    while header.last() != Some(&b'\n') {
        // What follows the line is not ours to read.
        let mut ahead = [0; LONGEST_LINE];
        let count = stream.peek(&mut ahead).await?;
        let there = ahead.get(..count).unwrap_or_default();
        let take = memchr::memchr(b'\n', there).map_or(count, |end| end + 1);
        if take == 0 || header.len() + take > LONGEST_LINE {
            return Err(malformed());
        }
        let start = header.len();
        header.resize(start + take, 0);
        stream.read_exact(header.get_mut(start..).unwrap_or_default()).await?;
    }
    Ok(())
}

/// Whom a whole header names.
pub(crate) fn source(header: &[u8]) -> Result<Option<SocketAddr>> {
    if !header.starts_with(&SIGNATURE) && !is_line(header) {
        return Err(malformed());
    }
    match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => match header.addresses {
            v1::Addresses::Tcp4(of) => Ok(Some((of.source_address, of.source_port).into())),
            v1::Addresses::Tcp6(of) => Ok(Some((of.source_address, of.source_port).into())),
            // §2.1: the receiver uses the connection's own addresses.
            v1::Addresses::Unknown => Ok(None),
        },
        HeaderResult::V2(Ok(header)) => {
            if header.tlvs().any(|tlv| tlv.is_err()) {
                return Err(malformed());
            }
            match (header.command, &header.addresses) {
                (v2::Command::Local, _) => Ok(None),
                (v2::Command::Proxy, v2::Addresses::IPv4(of)) => Ok(Some((of.source_address, of.source_port).into())),
                (v2::Command::Proxy, v2::Addresses::IPv6(of)) => Ok(Some((of.source_address, of.source_port).into())),
                // Whose connection it is cannot be said in a form that limits and logs know.
                (v2::Command::Proxy, v2::Addresses::Unspecified | v2::Addresses::Unix(_)) => Err(malformed()),
            }
        }
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(malformed()),
    }
}

/// Words between spaces and one line end (§2.1). The library takes a CR for a space and a space for a CR, and a sign
/// before a number.
fn is_line(header: &[u8]) -> bool {
    let words = header.strip_suffix(b"\r\n").unwrap_or_default();
    !words.is_empty() && words.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'+')
}

fn malformed() -> Error {
    Error::new(ErrorKind::InvalidData, "no PROXY header")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn version2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    const IPV4: [u8; 12] = [192, 0, 2, 1, 127, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb];

    #[test]
    fn a_header_names_its_source() {
        let named = |header: &[u8]| source(header).unwrap().map(|address| address.to_string());
        assert_eq!(named(b"PROXY TCP4 192.0.2.1 127.0.0.1 12345 443\r\n").as_deref(), Some("192.0.2.1:12345"));
        assert_eq!(named(b"PROXY TCP6 2001:db8::1 ::1 12345 443\r\n").as_deref(), Some("[2001:db8::1]:12345"));
        assert_eq!(named(b"PROXY UNKNOWN\r\n"), None);
        assert_eq!(named(&version2(0x21, 0x11, &IPV4)).as_deref(), Some("192.0.2.1:12345"));
        assert_eq!(named(&version2(0x20, 0x00, b"")), None);
        let with_value = [&IPV4[..], &[0x02, 0, 3], b"a.b"].concat();
        assert_eq!(named(&version2(0x21, 0x11, &with_value)).as_deref(), Some("192.0.2.1:12345"));
    }

    #[test]
    fn what_is_not_whole_or_not_understood_is_refused() {
        for line in [
            "PROXY TCP4 192.0.2.1 127.0.0.1 12345\r\n",
            "PROXY TCP4 a b 1 2\r\n",
            "PROXY \r\n",
            "GET / HTTP/1.1\r\n",
            "PROXY TCP4 192.0.2.1 127.0.0.1 1 2 \n",
            "PROXY TCP4 192.0.2.1\r127.0.0.1 1 2\r\n",
            "PROXY TCP4 192.0.2.1 127.0.0.1 +1 2\r\n",
            "PROXY UNKNOWN\n",
        ] {
            assert!(source(line.as_bytes()).is_err(), "{line}");
        }
        let cut_value = [&IPV4[..], &[0x02, 0, 9], b"a.b"].concat();
        for header in [
            version2(0x21, 0x11, &cut_value),
            version2(0x21, 0x11, &IPV4[..5]),
            version2(0x21, 0x00, b""),
            version2(0x31, 0x11, &IPV4),
            version2(0x2f, 0x11, &IPV4),
        ] {
            assert!(source(&header).is_err(), "{header:02x?}");
        }
    }
}
