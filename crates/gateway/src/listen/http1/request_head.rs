//! The head of a request: one reading, or a refusal.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header, request::Parts};

use crate::http1::{Body, Connection, Fields, Input, Kept, Malformed};

/// How large a head may be. Reading ends where it is passed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadLimits {
    pub(crate) fields: usize,
    /// Of all fields.
    pub(crate) field_bytes: usize,
    pub(crate) target_bytes: usize,
}

/// Room for a method, a version and the ends of lines: what is known to be too long is refused without its end, and what
/// is near the limits is measured once it is whole.
const REST: usize = 1024;
/// Fields that are read without taking room for them from the heap.
const USUAL_FIELDS: usize = 32;

/// A request's head, and what it says of what follows.
#[derive(Debug)]
pub(crate) struct Head {
    /// Boxed, because they are handed on several times.
    pub(crate) parts: Box<Parts>,
    pub(crate) body: Body,
    pub(crate) connection: Connection,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Malformed(Malformed),
    TargetTooLong,
    TooLarge,
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// Takes a head from what was read, once it is whole. The fields go into `table`, which is empty.
pub(crate) fn take(input: &mut Input, table: &mut HeaderMap, limits: HeadLimits) -> Result<Option<Head>, Fault> {
    // Older clients end a body with an empty line that nobody counted (RFC 9112 §2.2).
    while !input.has_first_line() && input.bytes.starts_with(b"\r\n") {
        input.bytes.advance(b"\r\n".len());
    }
    let Some(head) = input.take_head()? else {
        let length = input.bytes.len();
        return if !input.has_first_line() && length > limits.target_bytes + REST {
            Err(Fault::TargetTooLong)
        } else if length > limits.target_bytes + limits.field_bytes + REST {
            Err(Fault::TooLarge)
        } else {
            Ok(None)
        };
    };
    let mut few = [const { MaybeUninit::uninit() }; USUAL_FIELDS];
    let lines = memchr::memchr_iter(b'\n', &head).count();
    if lines.saturating_sub(2) <= USUAL_FIELDS {
        return parse(&head, std::mem::take(table), &mut few, limits).map(Some);
    }
    if lines.saturating_sub(2) > limits.fields {
        return Err(Fault::TooLarge);
    }
    let mut many = vec![MaybeUninit::uninit(); limits.fields];
    parse(&head, std::mem::take(table), &mut many, limits).map(Some)
}

fn parse<'h>(
    head: &'h Bytes,
    mut headers: HeaderMap,
    room: &mut [MaybeUninit<httparse::Header<'h>>],
    limits: HeadLimits,
) -> Result<Head, Fault> {
    let mut parsed = httparse::Request::new(&mut []);
    match httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut parsed, head, room) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Malformed("head_ends_early").into()),
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::TooLarge),
        Err(httparse::Error::Version) => return Err(Malformed("unknown_version").into()),
        Err(_) => return Err(Malformed("head_malformed").into()),
    }
    let (Some(method), Some(target)) = (parsed.method, parsed.path) else {
        return Err(Malformed("request_line_malformed").into());
    };
    let mut said = Fields::of_version(parsed.version);
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Malformed("field_name_malformed"))?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value));
        let value = value.map_err(|_| Malformed("field_value_malformed"))?;
        // One number, but what is behind the gateway may see two, in two spellings.
        if said.note(&name, &value)? == Kept::No {
            return Err(Malformed("two_content_lengths").into());
        }
        headers.append(name, value);
    }
    let body = said.body()?;
    let mut parts = Box::new(Request::new(()).into_parts().0);
    parts.method = Method::from_bytes(method.as_bytes()).map_err(|_| Malformed("method_malformed"))?;
    parts.uri = uri(head, target, limits)?;
    parts.version = if parsed.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    parts.headers = headers;
    Ok(Head { parts, body, connection: said.connection() })
}

fn uri(head: &Bytes, target: &str, limits: HeadLimits) -> Result<Uri, Fault> {
    if target.len() > limits.target_bytes {
        return Err(Fault::TargetTooLong);
    }
    // It would be cut off, and others take it for a part of the path (RFC 9112 §3.2).
    if target.contains('#') {
        return Err(Malformed("fragment_in_target").into());
    }
    Uri::from_maybe_shared(head.slice_ref(target.as_bytes())).map_err(|_| Malformed("target_malformed").into())
}

impl Head {
    /// Whether the client sends its body only once it is asked to (RFC 9110 §10.1.1).
    pub(crate) fn waits_to_continue(&self) -> bool {
        let expected = self.parts.headers.get(header::EXPECT);
        self.parts.version == Version::HTTP_11
            && expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { fields: 100, field_bytes: 1_000, target_bytes: 50 };

    fn head(text: &str) -> Result<Option<Head>, Fault> {
        take(&mut Input::begun(text.as_bytes()), &mut HeaderMap::new(), LIMITS)
    }

    #[test]
    fn a_head_is_read_alike_however_it_comes() {
        let text = b"\r\n\r\nPOST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-A: \t b \r\n\r\nhello";
        let end = text.len() - "hello".len();
        for at in 0..text.len() {
            let (mut input, mut table) = (Input::begun(&text[..at]), HeaderMap::new());
            let early = take(&mut input, &mut table, LIMITS).unwrap();
            assert_eq!(early.is_some(), at >= end, "{at}");
            let head = early.unwrap_or_else(|| {
                input.bytes.extend_from_slice(&text[at..]);
                take(&mut input, &mut table, LIMITS).unwrap().unwrap()
            });
            assert_eq!((head.parts.method.as_str(), head.parts.uri.to_string()), ("POST", "/a?b".into()));
            assert_eq!(
                (&head.parts.headers["host"], &head.parts.headers["x-a"]),
                (&"a".parse().unwrap(), &"b".parse().unwrap())
            );
            assert!(matches!(head.body, Body::Length(5)));
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for fields in [
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 005",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 99999999999999999999999",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: ",
            "Content-Length: +5",
            "Content-Length:",
            "X: 1\nX: 2",
            "X: 1\rX: 2",
            "X : 1",
            " X: 1",
            "X: 1\r\n folded",
            "X: \0",
            "X\u{e9}: 1",
            ": 1",
            "X",
        ] {
            let refused = head(&format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n"));
            assert!(matches!(refused, Err(Fault::Malformed(_))), "{fields:?}: {refused:?}");
        }
        for line in [
            "GET /a#b HTTP/1.1",
            "GET http://a/b#c HTTP/1.1",
            "GET / HTTP/1.2",
            "GET / HTTP/2.0",
            "GET /",
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            " GET / HTTP/1.1",
            "GET\t/\tHTTP/1.1",
            "PRI * HTTP/2.0",
            "G\u{e9}T / HTTP/1.1",
        ] {
            let refused = head(&format!("{line}\r\nHost: a\r\n\r\n"));
            assert!(matches!(refused, Err(Fault::Malformed(_))), "{line:?}: {refused:?}");
        }
        assert!(head("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        // Nobody waits for the rest of what cannot become a head.
        assert!(head("GET / HTTP/1.1\n").is_err() && head("\nGET").is_err());
    }

    #[test]
    fn heads_are_bounded_whether_they_end_or_not() {
        let long = "a".repeat(LIMITS.target_bytes);
        assert_eq!(head(&format!("GET /{long} HTTP/1.1\r\n\r\n")).unwrap_err(), Fault::TargetTooLong);
        assert_eq!(head(&format!("GET /{}", long.repeat(50))).unwrap_err(), Fault::TargetTooLong);
        assert_eq!(head(&format!("GET / HTTP/1.1\r\nX: {}", long.repeat(50))).unwrap_err(), Fault::TooLarge);
        let fields = |count: usize| head(&format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(count)));
        assert_eq!(fields(100).unwrap().unwrap().parts.headers.len(), 100);
        assert_eq!(fields(101).unwrap_err(), Fault::TooLarge);
    }

    #[test]
    fn a_connection_is_kept_by_the_rules_of_its_version() {
        let connection = |text: &str| head(text).unwrap().unwrap().connection;
        assert_eq!(connection("GET / HTTP/1.1\r\n\r\n"), Connection::Kept);
        assert_eq!(connection("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n"), Connection::Closed);
        assert_eq!(connection("GET / HTTP/1.0\r\n\r\n"), Connection::Ended);
        assert_eq!(connection("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), Connection::Kept);
    }
}
