//! The head of a server's answer, and how its body ends (RFC 9112 §6.3).

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::{
    dress::discloses,
    http1::{Body, Chunked, Connection, Fields, Input, Kept, Malformed},
};

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

/// Takes a head from what was read, once it is whole. The fields go into `table`, which is empty.
pub(super) fn take(input: &mut Input, table: &mut HeaderMap, is_head: bool) -> Result<Option<Head>, Malformed> {
    let head = input.take_head()?;
    // One that came whole is no smaller for it.
    if head.as_ref().map_or(input.bytes.len(), Bytes::len) > MOST_BYTES {
        return Err(Malformed("head_too_large"));
    }
    head.map(|head| parse(&head, std::mem::take(table), is_head)).transpose()
}

fn parse(head: &Bytes, mut headers: HeaderMap, is_head: bool) -> Result<Head, Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut parsed, head, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Malformed("head_ends_early")),
        Err(httparse::Error::TooManyHeaders) => return Err(Malformed("too_many_fields")),
        Err(_) => return Err(Malformed("head_malformed")),
    }
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Malformed("no_such_status"))?;
    let mut said = Fields::of_version(parsed.version);
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Malformed("field_name_malformed"))?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value));
        let value = value.map_err(|_| Malformed("field_value_malformed"))?;
        // What no answer may tell would only be taken out again.
        if said.note(&name, &value)? == Kept::Yes && !discloses(name.as_str()) {
            headers.append(name, value);
        }
    }
    let ending = ending(&said, status, is_head)?;
    let keeps_alive = said.connection() == Connection::Kept && !matches!(ending, Ending::Closed | Ending::Switched);
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(Head { response, ending, keeps_alive })
}

fn ending(said: &Fields, status: StatusCode, is_head: bool) -> Result<Ending, Malformed> {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Ending::Switched);
    }
    let body = said.body()?;
    let is_bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if status.is_informational() || is_bodiless || is_head {
        return Ok(Ending::None);
    }
    Ok(match body {
        Body::Length(0) => Ending::None,
        Body::Length(length) => Ending::Length(length),
        Body::Chunked => Ending::Chunked(Chunked::new()),
        Body::Unsaid => Ending::Closed,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use http::header;

    use super::*;

    fn head(text: &str) -> Result<Head, Malformed> {
        let mut input = Input::begun(text.as_bytes());
        let head = take(&mut input, &mut HeaderMap::new(), false)?.ok_or(Malformed("not_whole"))?;
        assert_eq!(&input.bytes[..], b"");
        Ok(head)
    }

    #[test]
    fn a_head_is_read_alike_however_it_comes() {
        let text = b"HTTP/1.1 200 Fine\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello";
        let end = text.len() - "hello".len();
        for at in 0..text.len() {
            let (mut input, mut table) = (Input::begun(&text[..at]), HeaderMap::new());
            let early = take(&mut input, &mut table, false).unwrap();
            assert_eq!(early.is_some(), at >= end, "{at}");
            let head = early.unwrap_or_else(|| {
                input.bytes.extend_from_slice(&text[at..]);
                take(&mut input, &mut table, false).unwrap().unwrap()
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
            take(&mut Input::begun(text.as_bytes()), &mut HeaderMap::new(), is_head).unwrap().unwrap().ending
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
