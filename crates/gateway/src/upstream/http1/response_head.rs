//! The head of a server's answer, and how its body ends (RFC 9112 §6.3).

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use memchr::memchr;

use super::{Broken, chunked::Chunked};
use crate::dress::discloses;

/// Fields of an answer.
const MOST_FIELDS: usize = 100;
/// Bytes of an answer's head.
const MOST_BYTES: usize = 64 * 1024;

/// A head, and what it says of what follows.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) response: Response<()>,
    pub(super) ending: Ending,
    /// Whether the server takes another request afterwards.
    pub(super) keeps_alive: bool,
}

/// Where an answer's body ends.
#[derive(Debug)]
pub(super) enum Ending {
    Length(u64),
    Chunked(Chunked),
    /// With the connection.
    Closed,
    /// There is no body, whatever the fields say.
    None,
    /// Another protocol follows.
    Switched,
}

/// Takes a head from what was read, once it is whole. `searched` bytes are known to hold no end. The fields go into
/// `table`, which is empty.
pub(super) fn take(
    input: &mut BytesMut,
    searched: &mut usize,
    table: &mut HeaderMap,
    is_head: bool,
) -> Result<Option<Head>, Broken> {
    let end = end(input, searched)?;
    // One that came whole is no smaller for it.
    if end.unwrap_or(input.len()) > MOST_BYTES {
        return Err(Broken::NotHttp("the head is too large"));
    }
    let Some(length) = end else { return Ok(None) };
    *searched = 0;
    parse(&input.split_to(length).freeze(), std::mem::take(table), is_head).map(Some)
}

/// Where the head ends, if that has come. `searched` moves on to the beginning of a line.
fn end(input: &[u8], searched: &mut usize) -> Result<Option<usize>, Broken> {
    while let Some(rest) = input.get(*searched..)
        && let Some(at) = memchr(b'\n', rest)
    {
        match rest.get(..at) {
            Some(b"\r") if *searched > 0 => return Ok(Some(*searched + at + 1)),
            Some([.., b'\r']) => *searched += at + 1,
            Some(_) | None => return Err(Broken::NotHttp("a line of the head does not end in CR LF")),
        }
    }
    Ok(None)
}

fn parse(head: &Bytes, mut headers: HeaderMap, is_head: bool) -> Result<Head, Broken> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut parsed, head, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Broken::NotHttp("the head does not end where its lines do")),
        Err(httparse::Error::TooManyHeaders) => return Err(Broken::NotHttp("there are too many fields")),
        Err(_) => return Err(Broken::NotHttp("the head is malformed")),
    }
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Broken::NotHttp("there is no such status"))?;
    let mut said = Said::of_version(parsed.version);
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Broken::NotHttp("a field has no name"))?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value));
        let value = value.map_err(|_| Broken::NotHttp("a field's value is malformed"))?;
        // What no answer may tell would only be taken out again.
        if said.note(&name, &value)? == Kept::Yes && !discloses(name.as_str()) {
            headers.append(name, value);
        }
    }
    let ending = said.ending(status, is_head)?;
    let keeps_alive = said.afterwards == Afterwards::KeptAlive && !matches!(ending, Ending::Closed | Ending::Switched);
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(Head { response, ending, keeps_alive })
}

/// What the fields of a head say of the message and its connection.
struct Said {
    is_1_1: bool,
    length: Option<u64>,
    chunked: bool,
    afterwards: Afterwards,
}

/// What becomes of the connection after the message (RFC 9112 §9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Afterwards {
    KeptAlive,
    /// The version does not keep it, and nothing was said.
    Ended,
    /// It was said, and nothing else counts.
    Closed,
}

/// Whether a field is kept.
#[derive(Debug, PartialEq, Eq)]
enum Kept {
    Yes,
    /// It says again what another one said.
    No,
}

impl Said {
    fn of_version(minor: Option<u8>) -> Self {
        let is_1_1 = minor == Some(1);
        let afterwards = if is_1_1 { Afterwards::KeptAlive } else { Afterwards::Ended };
        Self { is_1_1, length: None, chunked: false, afterwards }
    }

    fn note(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<Kept, Broken> {
        if *name == header::CONTENT_LENGTH {
            let number = length(value.as_bytes()).ok_or(Broken::NotHttp("the content length is not a number"))?;
            match self.length.replace(number) {
                None => {}
                Some(before) if before == number => return Ok(Kept::No),
                Some(_) => return Err(Broken::NotHttp("there are two content lengths")),
            }
        } else if *name == header::TRANSFER_ENCODING {
            // Any other coding would have to be undone here.
            if self.chunked || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Err(Broken::NotHttp("the transfer coding is not chunked alone"));
            }
            self.chunked = true;
        } else if *name == header::CONNECTION {
            self.note_connection(value);
        }
        Ok(Kept::Yes)
    }

    fn note_connection(&mut self, value: &HeaderValue) {
        for option in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if option.eq_ignore_ascii_case(b"close") {
                self.afterwards = Afterwards::Closed;
            } else if self.afterwards == Afterwards::Ended && option.eq_ignore_ascii_case(b"keep-alive") {
                self.afterwards = Afterwards::KeptAlive;
            }
        }
    }

    fn ending(&self, status: StatusCode, is_head: bool) -> Result<Ending, Broken> {
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Ending::Switched);
        }
        if self.chunked && (self.length.is_some() || !self.is_1_1) {
            return Err(Broken::NotHttp("the body is framed in two ways"));
        }
        let is_bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if status.is_informational() || is_bodiless || is_head {
            return Ok(Ending::None);
        }
        Ok(match self.length {
            Some(0) => Ending::None,
            Some(length) => Ending::Length(length),
            None if self.chunked => Ending::Chunked(Chunked::new()),
            None => Ending::Closed,
        })
    }
}

/// Digits alone (RFC 9110 §8.6).
pub(super) fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |length, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Head, Broken> {
        let mut input = BytesMut::from(text);
        let head = take(&mut input, &mut 0, &mut HeaderMap::new(), false)?.ok_or(Broken::ClosedEarly)?;
        assert_eq!(&input[..], b"");
        Ok(head)
    }

    #[test]
    fn a_head_is_read_alike_however_it_comes() {
        let text = b"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello";
        let end = text.len() - "hello".len();
        for at in 0..text.len() {
            let (mut input, mut searched, mut table) = (BytesMut::from(&text[..at]), 0, HeaderMap::new());
            let early = take(&mut input, &mut searched, &mut table, false).unwrap();
            assert_eq!(early.is_some(), at >= end, "{at}");
            let head = early.unwrap_or_else(|| {
                input.extend_from_slice(&text[at..]);
                take(&mut input, &mut searched, &mut table, false).unwrap().unwrap()
            });
            assert_eq!(head.response.headers()["x-a"], "b");
            assert!(matches!(head.ending, Ending::Length(5)) && head.keeps_alive);
        }
    }

    #[test]
    fn what_ends_in_two_places_is_refused() {
        for fields in [
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Content-Length: +5",
            "Content-Length: 5, 5",
            "Content-Length: 18446744073709551616",
            "Content-Length:",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "X: 1\nX: 2",
            "X: 1\n\nX: 2",
            "X: 1\rX: 2",
            "X : 1",
            " X: 1",
            "X: 1\r\n folded",
            "X: \0",
        ] {
            assert!(head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n")).is_err(), "{fields:?}");
        }
        for whole in ["HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "\r\n\r\n"] {
            assert!(head(whole).is_err(), "{whole:?}");
        }
        assert!(head(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: 1\r\n".repeat(MOST_FIELDS + 1))).is_err());
    }

    #[test]
    fn a_head_is_too_large_however_it_comes() {
        let long = |bytes: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(bytes));
        assert!(head(&long(MOST_BYTES - 100)).is_ok());
        assert!(head(&long(MOST_BYTES)).is_err());
    }

    #[test]
    fn what_gives_the_server_away_is_not_kept() {
        let head = head("HTTP/1.1 204 None\r\nServer: a\r\nX-Powered-By: b\r\nETag: c\r\n\r\n").unwrap();
        assert_eq!(head.response.headers().keys().collect::<Vec<_>>(), [header::ETAG]);
    }

    #[test]
    fn lengths_that_agree_become_one() {
        let head = head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n").unwrap();
        assert_eq!(head.response.headers().get_all("content-length").iter().count(), 1);
    }

    #[test]
    fn a_body_ends_where_method_status_and_fields_say() {
        let ending = |text: &str, is_head| {
            let mut input = BytesMut::from(text);
            take(&mut input, &mut 0, &mut HeaderMap::new(), is_head).unwrap().unwrap().ending
        };
        let five = "Content-Length: 5\r\n\r\n";
        assert!(matches!(ending(&format!("HTTP/1.1 200 OK\r\n{five}"), true), Ending::None));
        for (status, expected) in [(204, true), (304, true), (103, true), (200, false), (404, false)] {
            let is_none = matches!(ending(&format!("HTTP/1.1 {status} A\r\n{five}"), false), Ending::None);
            assert_eq!(is_none, expected, "{status}");
        }
        assert!(matches!(ending(&format!("HTTP/1.1 101 A\r\n{five}"), false), Ending::Switched));
        assert!(matches!(ending("HTTP/1.1 200 A\r\nTransfer-Encoding: Chunked\r\n\r\n", false), Ending::Chunked(_)));
        assert!(matches!(ending("HTTP/1.1 200 A\r\n\r\n", false), Ending::Closed));
    }

    #[test]
    fn a_connection_is_kept_by_the_rules_of_its_version() {
        let keeps = |text: &str| head(text).unwrap().keeps_alive;
        assert!(keeps("HTTP/1.1 204 None\r\n\r\n"));
        assert!(!keeps("HTTP/1.1 204 None\r\nConnection: x, Close\r\n\r\n"));
        assert!(!keeps("HTTP/1.1 204 None\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n"));
        assert!(!keeps("HTTP/1.0 204 None\r\n\r\n"));
        assert!(keeps("HTTP/1.0 204 None\r\nConnection: keep-alive\r\n\r\n"));
        assert!(!keeps("HTTP/1.1 200 OK\r\n\r\n"), "a body that ends with the connection");
    }
}
