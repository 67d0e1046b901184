//! What the fields of a head say of the message's body and of the connection (RFC 9112 §6, §9.3).

use http::{HeaderName, HeaderValue, header};

use super::Malformed;

/// What they say, as far as they were read.
#[derive(Debug)]
pub(crate) struct Fields {
    is_1_1: bool,
    length: Option<u64>,
    chunked: bool,
    connection: Connection,
}

/// What becomes of the connection after the message (RFC 9112 §9.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    Kept,
    /// The version does not keep it, and nothing was said.
    Ended,
    /// It was said, and nothing else counts.
    Closed,
}

/// How long a body is, by its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// Nothing is said of one.
    Unsaid,
    Length(u64),
    Chunked,
}

/// Whether a field is kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Yes,
    /// It says again what another one said.
    No,
}

impl Fields {
    /// Of a message of HTTP/1.0 or HTTP/1.1, by its minor version.
    pub(crate) fn of_version(minor: Option<u8>) -> Self {
        let is_1_1 = minor == Some(1);
        let connection = if is_1_1 { Connection::Kept } else { Connection::Ended };
        Self { is_1_1, length: None, chunked: false, connection }
    }

    pub(crate) fn note(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<Kept, Malformed> {
        if *name == header::CONTENT_LENGTH {
            let number = length(value.as_bytes()).ok_or(Malformed("content_length_no_number"))?;
            match self.length.replace(number) {
                None => {}
                Some(before) if before == number => return Ok(Kept::No),
                Some(_) => return Err(Malformed("two_content_lengths")),
            }
        } else if *name == header::TRANSFER_ENCODING {
            // Any other coding would have to be undone here.
            if self.chunked || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Err(Malformed("transfer_coding_not_chunked_alone"));
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
                self.connection = Connection::Closed;
            } else if self.connection == Connection::Ended && option.eq_ignore_ascii_case(b"keep-alive") {
                self.connection = Connection::Kept;
            }
        }
    }

    pub(crate) fn connection(&self) -> Connection {
        self.connection
    }

    /// One framing, or none.
    pub(crate) fn body(&self) -> Result<Body, Malformed> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(Malformed("framed_in_two_ways")),
            // HTTP/1.0 knows no chunks.
            (None, true) if !self.is_1_1 => Err(Malformed("framed_in_two_ways")),
            (None, true) => Ok(Body::Chunked),
            (Some(length), false) => Ok(Body::Length(length)),
            (None, false) => Ok(Body::Unsaid),
        }
    }
}

/// Digits alone (RFC 9110 §8.6).
pub(crate) fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |length, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })
}
