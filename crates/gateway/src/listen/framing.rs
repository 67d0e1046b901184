//! Where messages of HTTP/1.1 begin and end, and what in their framing could be read in two ways.
//!
//! The HTTP library takes a bare LF for a line end, drops Content-Length where Transfer-Encoding came before it or where
//! another one says the same, takes any byte in a chunk's extension, and cuts fragments off targets. Each is lawful or
//! nearly so (RFC 9112 §2.2, §6.3, §7.1.1), and each lets a request be another one for the server before or behind this
//! one. Here they are faults. Everything else is left to the library, which must then refuse whatever this does not
//! follow.

use memchr::{memchr, memchr3};

/// What follows bytes that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They may be passed on.
    Sound,
    /// The byte at this place in a head is a fault.
    FaultyHead(usize),
    /// The byte at this place, after a chunk's size or in the trailers, is a fault.
    FaultyBody(usize),
}

/// Follows the messages of one direction of a connection, byte by byte.
#[derive(Debug)]
pub(crate) struct Framing {
    at: At,
    previous: u8,
    head: Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// In a request line, or in the empty lines before it; with the spaces so far.
    Request { spaces: u8 },
    /// In the name of a field.
    Name,
    /// In the value of a field.
    Value(Field),
    /// In a body with this many bytes left.
    Body { left: u64 },
    /// In the size of a chunk.
    Size(u64),
    /// After the size of a chunk, up to its line end.
    Extension(u64),
    /// In a chunk with this many bytes left, its line end counted.
    Chunk { left: u64 },
    /// In the lines after the last chunk.
    Trailers { line: bool },
    /// Behind a fault.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    ContentLength,
    TransferEncoding,
    Other,
}

/// What a head says about its body.
#[derive(Debug, Default)]
struct Head {
    name: Name,
    length: Option<u64>,
    chunked: bool,
}

/// The beginning of a field's name, as far as it is needed to know the field.
#[derive(Debug, Default)]
struct Name {
    bytes: [u8; 18],
    length: usize,
}

impl Name {
    fn push(&mut self, more: &[u8]) {
        let free = self.bytes.get_mut(self.length..).unwrap_or_default();
        for (place, byte) in free.iter_mut().zip(more) {
            *place = byte.to_ascii_lowercase();
            self.length += 1;
        }
    }

    /// Whether a line that begins here is no field that frames; its name need not be known then. A line without a name
    /// is one too: the library refuses it.
    fn is_of_no_interest(&self, line: &[u8]) -> bool {
        self.length == 0 && !matches!(line, [b'c' | b'C' | b't' | b'T' | b'\r' | b'\n', ..])
    }

    /// The field, once its name is whole.
    fn take(&mut self) -> Field {
        let length = std::mem::take(&mut self.length);
        match self.bytes.get(..length) {
            Some(b"content-length") => Field::ContentLength,
            Some(b"transfer-encoding") => Field::TransferEncoding,
            _ => Field::Other,
        }
    }
}

impl Head {
    /// The value of a field begins. A second Content-Length is a fault: the library keeps one of two that are the same
    /// number, however they are spelled, and nothing behind it would know of the other.
    fn begin_value(&mut self) -> Option<At> {
        let field = self.name.take();
        match field {
            Field::ContentLength if self.length.is_some() => return None,
            Field::ContentLength => self.length = Some(0),
            Field::TransferEncoding => self.chunked = true,
            Field::Other => {}
        }
        Some(At::Value(field))
    }

    /// A digit of Content-Length. Numbers that are too large are a fault: the library does not look at them where it
    /// drops the field for Transfer-Encoding's sake.
    fn add_digit(&mut self, digit: u8) -> Option<At> {
        self.length = Some(self.length?.checked_mul(10)?.checked_add(digit.into())?);
        Some(At::Value(Field::ContentLength))
    }

    /// Framed in two ways at once.
    fn is_ambiguous(&self) -> bool {
        self.chunked && self.length.is_some()
    }

    /// What comes after its last line.
    fn end(&mut self) -> At {
        match std::mem::take(self) {
            Self { chunked: true, .. } => At::Size(0),
            Self { length: Some(left @ 1..), .. } => At::Body { left },
            _ => At::Request { spaces: 0 },
        }
    }
}

impl Framing {
    pub(crate) fn new() -> Self {
        Self { at: At::Request { spaces: 0 }, previous: 0, head: Head::default() }
    }

    /// Follows bytes as they come. After a fault nothing more is followed.
    pub(crate) fn follow(&mut self, bytes: &[u8]) -> Verdict {
        let mut place = 0;
        while let Some(rest @ [byte, ..]) = bytes.get(place..) {
            let skipped = self.skip(rest);
            if skipped > 0 {
                place += skipped;
                continue;
            }
            let in_body = matches!(self.at, At::Size(_) | At::Extension(_) | At::Trailers { .. });
            let Some(next) = self.step(*byte) else {
                self.at = At::Refused;
                return if in_body { Verdict::FaultyBody(place) } else { Verdict::FaultyHead(place) };
            };
            (self.at, self.previous) = (next, *byte);
            place += 1;
        }
        Verdict::Sound
    }

    /// Passes over bytes that mean nothing here, all at once; how many.
    fn skip(&mut self, rest: &[u8]) -> usize {
        match &mut self.at {
            At::Body { left } | At::Chunk { left } => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                *left = left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
                match self.at {
                    At::Body { left: 0 } => self.at = At::Request { spaces: 0 },
                    At::Chunk { left: 0 } => self.at = At::Size(0),
                    _ => {}
                }
                here
            }
            At::Request { .. } => self.pass(rest, memchr3(b' ', b'#', b'\n', rest)),
            At::Name if self.head.name.is_of_no_interest(rest) => {
                self.at = At::Value(Field::Other);
                self.pass(rest, memchr(b'\n', rest))
            }
            At::Name => {
                let end = self.pass(rest, memchr3(b':', b'\r', b'\n', rest));
                self.head.name.push(rest.get(..end).unwrap_or_default());
                end
            }
            At::Value(Field::Other | Field::TransferEncoding) => self.pass(rest, memchr(b'\n', rest)),
            At::Refused => rest.len(),
            _ => 0,
        }
    }

    /// Passes over the bytes before the first one that means something; how many.
    fn pass(&mut self, rest: &[u8], end: Option<usize>) -> usize {
        let end = end.unwrap_or(rest.len());
        if let Some(last) = end.checked_sub(1).and_then(|last| rest.get(last)) {
            self.previous = *last;
        }
        end
    }

    /// What follows a byte; `None` where it is a fault.
    fn step(&mut self, byte: u8) -> Option<At> {
        Some(match (self.at, byte) {
            (_, b'\n') => return self.end_line(),
            // The library looks for nothing but the line end in an extension; others end the line at a NUL.
            (At::Request { spaces: 1 }, b'#') | (At::Extension(_), 0..=0x08 | 0x0B | 0x0C | 0x0E..=0x1F | 0x7F) => {
                return None;
            }
            (At::Request { spaces }, b' ') => At::Request { spaces: spaces.saturating_add(1) },
            (At::Name, b':') => return self.head.begin_value(),
            (At::Value(Field::ContentLength), b'0'..=b'9') => return self.head.add_digit(byte - b'0'),
            (At::Size(size), _) => match char::from(byte).to_digit(16) {
                Some(digit) => At::Size(size.checked_mul(16)? + u64::from(digit)),
                None => At::Extension(size),
            },
            (At::Trailers { .. }, _) if byte != b'\r' => At::Trailers { line: true },
            (at, _) => at,
        })
    }

    fn end_line(&mut self) -> Option<At> {
        let bare = self.previous != b'\r';
        Some(match self.at {
            At::Request { .. } | At::Name | At::Value(_) | At::Size(_) | At::Extension(_) | At::Trailers { .. }
                if bare =>
            {
                return None;
            }
            At::Value(_) if self.head.is_ambiguous() => return None,
            At::Request { spaces: 0 } | At::Trailers { line: false } => At::Request { spaces: 0 },
            At::Request { .. } | At::Value(_) => At::Name,
            At::Name => self.head.end(),
            At::Size(0) | At::Extension(0) | At::Trailers { line: true } => At::Trailers { line: false },
            At::Size(size) | At::Extension(size) => At::Chunk { left: size.checked_add(2)? },
            at @ (At::Body { .. } | At::Chunk { .. } | At::Refused) => at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict, whether the bytes come at once or one by one.
    fn follow(text: &str) -> Verdict {
        let at_once = Framing::new().follow(text.as_bytes());
        let mut framing = Framing::new();
        let mut singly = Verdict::Sound;
        for (place, byte) in text.bytes().enumerate() {
            singly = match framing.follow(&[byte]) {
                Verdict::Sound => continue,
                Verdict::FaultyHead(_) => Verdict::FaultyHead(place),
                Verdict::FaultyBody(_) => Verdict::FaultyBody(place),
            };
            break;
        }
        assert_eq!(at_once, singly, "{text:?}");
        at_once
    }

    const NEXT: &str = "GET /next HTTP/1.1\nHost: a\r\n\r\n";

    /// A fault in the request after this one is found: this one ends where it should.
    fn ends(text: &str) {
        assert_eq!(follow(text), Verdict::Sound, "{text:?}");
        let fault = text.len() + NEXT.find('\n').unwrap_or_default();
        assert_eq!(follow(&format!("{text}{NEXT}")), Verdict::FaultyHead(fault), "{text:?}");
    }

    #[test]
    fn messages_end_where_their_framing_says() {
        ends("");
        ends("\r\n\r\n");
        ends("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        ends("GET /%23 HTTP/1.1\r\nA: #\r\n\r\n");
        ends("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        ends("POST / HTTP/1.1\r\ncontent-LENGTH:\t5 \r\nA: 1\r\n\r\na\nb\n\n");
        ends("POST / HTTP/1.1\r\nContent-Length-Not: 5\r\n\r\n");
        ends("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\na\nb\n\n\r\nA\r\n\n123456789\r\n0\r\n\r\n");
        ends("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: 1\r\nB: 2\r\n\r\n");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_a_fault() {
        for (before, fault) in [
            ("", "\nGET / HTTP/1.1\r\n"),
            ("GET /a", "#b HTTP/1.1\r\n"),
            ("GET / HTTP/1.1\r\nA: 1", "\nB: 2\r\n"),
            ("GET / HTTP/1.1\r\nA: 1\r\n", "\n"),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r", "\n\r\n"),
            ("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length", ": 05\r\n\r\n"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nA: 1\r\nContent-Length: 5\r", "\n\r\n"),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1844674407370955161", "6\r\n\r\n"),
        ] {
            assert_eq!(follow(&format!("{before}{fault}")), Verdict::FaultyHead(before.len()), "{before:?}");
        }
        for (before, fault) in [
            ("0\r\n", "\n"),
            ("0\r\nA: 1", "\n\r\n"),
            ("1\r\na\r\n0\r\nA: 1\r\n", "\n"),
            ("", "\n0\r\n\r\n"),
            ("1", "\na\r\n0\r\n\r\n"),
            ("1;a", "\na\r\n0\r\n\r\n"),
            ("1000000000000000", "0\r\n"),
            ("ffffffffffffffff\r", "\n"),
            ("1;", "\0\r\na\r\n0\r\n\r\n"),
            ("1;a=\t\"b", "\u{7f}\"\r\na\r\n0\r\n\r\n"),
            ("1\r\na\r\n0;", "\u{1}\r\n\r\n"),
        ] {
            let before = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{before}");
            assert_eq!(follow(&format!("{before}{fault}")), Verdict::FaultyBody(before.len()), "{before:?}");
        }
    }
}
