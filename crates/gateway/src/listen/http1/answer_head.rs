//! The head of an answer as it goes to a client, and how its body follows (RFC 9112 §6.3).

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use http_body::SizeHint;

use crate::{
    dress::Security,
    http1::{Connection, Output, length as number},
    record::Record,
    watch::Date,
};

/// What of a request decides over the form of its answer.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) is_head: bool,
    pub(super) version: Version,
    pub(super) connection: Connection,
}

impl Asked {
    pub(super) fn by(method: &Method, version: Version, connection: Connection) -> Self {
        Self { is_head: *method == Method::HEAD, version, connection }
    }
}

/// Fields that are not in an answer's table.
pub(super) struct More<'r> {
    pub(super) security: Security,
    pub(super) record: Option<&'r Record>,
    pub(super) date: Date,
}

/// How an answer's body follows its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Following {
    Nothing,
    /// So many bytes are to come.
    Length(u64),
    Chunked,
    /// Up to the end of the connection, for clients of HTTP/1.0.
    UntilClosed,
}

/// Writes the head of an answer. Says how its body follows, and whether the connection takes another request.
pub(super) fn write(
    status: StatusCode,
    headers: &HeaderMap,
    hint: &SizeHint,
    asked: &Asked,
    more: &More<'_>,
    output: &mut Output,
) -> (Following, bool) {
    let said = Said::by(headers);
    let (following, length) = following(status, hint, asked, said.length);
    let is_kept = asked.connection == Connection::Kept && !said.closes && following != Following::UntilClosed;
    output.line(&[b"HTTP/1.1 ", status.as_str().as_bytes(), b" "]);
    output.line(&[status.canonical_reason().unwrap_or_default().as_bytes(), b"\r\n"]);
    for (name, value) in headers {
        if !is_written_here(name, status) {
            output.field(name, value.as_bytes());
        }
    }
    match length {
        Some(length) => output.line(&[b"content-length: ", itoa::Buffer::new().format(length).as_bytes(), b"\r\n"]),
        None if following == Following::Chunked => output.line(&[b"transfer-encoding: chunked\r\n"]),
        None => {}
    }
    if status != StatusCode::SWITCHING_PROTOCOLS {
        match (is_kept, asked.version) {
            (false, _) => output.line(&[b"connection: close\r\n"]),
            (true, Version::HTTP_10) => output.line(&[b"connection: keep-alive\r\n"]),
            (true, _) => {}
        }
    }
    if !said.dated {
        output.line(&[b"date: ", more.date.as_slice(), b"\r\n"]);
    }
    if let Some(record) = more.record {
        record.write_fields(output);
    }
    output.line(&[more.security.lines(), b"\r\n"]);
    (following, is_kept)
}

/// What the fields of an answer say already.
#[derive(Default)]
struct Said<'h> {
    length: Option<&'h HeaderValue>,
    closes: bool,
    dated: bool,
}

impl<'h> Said<'h> {
    fn by(headers: &'h HeaderMap) -> Self {
        let mut said = Self::default();
        for (name, value) in headers {
            if *name == header::CONTENT_LENGTH {
                said.length = Some(value);
            } else if *name == header::CONNECTION {
                said.closes |= value.as_bytes().eq_ignore_ascii_case(b"close");
            } else if *name == header::DATE {
                said.dated = true;
            }
        }
        said
    }
}

/// Fields that frame the message or speak of the connection: one place writes them, from what is true.
fn is_written_here(name: &HeaderName, status: StatusCode) -> bool {
    *name == header::CONTENT_LENGTH
        || *name == header::TRANSFER_ENCODING
        || *name == header::CONNECTION && status != StatusCode::SWITCHING_PROTOCOLS
}

/// How the body follows, and the length to declare.
fn following(
    status: StatusCode,
    hint: &SizeHint,
    asked: &Asked,
    declared: Option<&HeaderValue>,
) -> (Following, Option<u64>) {
    let declared = declared.and_then(|value| number(value.as_bytes()));
    if status.is_informational() || status == StatusCode::NO_CONTENT {
        return (Following::Nothing, None);
    }
    if asked.is_head || status == StatusCode::NOT_MODIFIED {
        // What a GET would have been answered with; nothing follows here.
        return (Following::Nothing, declared.or(hint.exact().filter(|length| *length > 0)));
    }
    match (hint.exact(), declared) {
        (Some(0), _) => (Following::Nothing, Some(0)),
        (Some(length), _) | (None, Some(length)) => (Following::Length(length), Some(length)),
        (None, None) if asked.version == Version::HTTP_10 => (Following::UntilClosed, None),
        (None, None) => (Following::Chunked, None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DATE: Date = *b"Thu, 01 Jan 1970 00:00:00 GMT";

    fn written(status: u16, fields: &[(&str, &str)], length: Option<u64>, asked: &Asked) -> (String, Following, bool) {
        let (mut headers, mut output) = (HeaderMap::new(), Output::default());
        for (name, value) in fields {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let hint = length.map_or_else(SizeHint::default, SizeHint::with_exact);
        let status = StatusCode::from_u16(status).unwrap();
        let more = More { security: Security::InTable, record: None, date: DATE };
        let (following, is_kept) = write(status, &headers, &hint, asked, &more, &mut output);
        (String::from_utf8(output.lines().to_vec()).unwrap(), following, is_kept)
    }

    fn get() -> Asked {
        Asked::by(&Method::GET, Version::HTTP_11, Connection::Kept)
    }

    #[test]
    fn a_head_says_how_its_body_follows() {
        let date = "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        let old = Asked { version: Version::HTTP_10, ..get() };
        let head = Asked { is_head: true, ..get() };
        for (status, fields, length, asked, expected, following, is_kept) in [
            (200, &[][..], Some(5), get(), "content-length: 5\r\n", Following::Length(5), true),
            (200, &[("content-length", "5")], None, get(), "content-length: 5\r\n", Following::Length(5), true),
            (200, &[("content-length", "7")], Some(5), get(), "content-length: 5\r\n", Following::Length(5), true),
            (200, &[], Some(0), get(), "content-length: 0\r\n", Following::Nothing, true),
            (200, &[], None, get(), "transfer-encoding: chunked\r\n", Following::Chunked, true),
            (
                200,
                &[("transfer-encoding", "gzip")],
                None,
                get(),
                "transfer-encoding: chunked\r\n",
                Following::Chunked,
                true,
            ),
            (200, &[], None, old.clone(), "connection: close\r\n", Following::UntilClosed, false),
            (200, &[], Some(5), old, "content-length: 5\r\nconnection: keep-alive\r\n", Following::Length(5), true),
            (200, &[("content-length", "7")], Some(0), head.clone(), "content-length: 7\r\n", Following::Nothing, true),
            (404, &[], Some(7), head, "content-length: 7\r\n", Following::Nothing, true),
            (204, &[("content-length", "7")], Some(0), get(), "", Following::Nothing, true),
            (304, &[("content-length", "7")], Some(0), get(), "content-length: 7\r\n", Following::Nothing, true),
            (
                400,
                &[("connection", "close")],
                Some(1),
                get(),
                "content-length: 1\r\nconnection: close\r\n",
                Following::Length(1),
                false,
            ),
        ] {
            let (text, seen, kept) = written(status, fields, length, &asked);
            let (line, rest) = text.split_once("\r\n").unwrap();
            assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
            assert_eq!(
                (rest, seen, kept),
                (format!("{expected}{date}\r\n").as_str(), following, is_kept),
                "{status} {fields:?}"
            );
        }
    }

    #[test]
    fn an_answer_keeps_its_own_date_and_its_own_switch() {
        let (text, ..) = written(200, &[("date", "today")], Some(0), &get());
        assert_eq!(text, "HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 0\r\n\r\n");
        let (text, following, _) = written(101, &[("connection", "Upgrade")], Some(0), &get());
        assert!(text.contains("connection: Upgrade\r\n") && !text.contains("close"), "{text}");
        assert_eq!(following, Following::Nothing);
    }
}
