//! Bodies in chunks (RFC 9112 §7.1), read strictly: no bare line feed, no sign, no size that wraps around. Extensions are
//! skipped, and trailers end here: they could name fields that were decided upon already.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderName, HeaderValue};
use memchr::memchr;

use super::Malformed;
use crate::stream::JOINED;

/// Bytes of a line with a chunk's size and its extensions.
const SIZE_LINE: usize = 1024;
/// Small chunks that make one piece, at most: some 25 µs.
const MOST_JOINED: usize = 512;
/// Bytes of all trailers.
const TRAILERS: usize = 16 * 1024;

/// Where in a body the next byte is.
#[derive(Debug)]
pub(crate) enum Chunked {
    Size,
    Data(u64),
    DataEnd,
    Trailers(usize),
    Over,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Data(Bytes),
    /// More bytes are needed.
    More,
    End,
}

impl Chunked {
    pub(crate) fn new() -> Self {
        Self::Size
    }

    /// Takes the next piece from what was read. Small chunks that are there together are one piece: each by itself would cost
    /// whoever passes it on a hundred times what it costs its sender.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Result<Piece, Malformed> {
        let left = match self.reach_data(input)? {
            Reached::Data(left) => left,
            Reached::Nothing => return Ok(Piece::More),
            Reached::End => return Ok(Piece::End),
        };
        let first = self.take(left, input);
        let (mut joined, mut chunks) = (BytesMut::new(), 1);
        while !input.is_empty()
            && chunks < MOST_JOINED
            && let Reached::Data(left) = self.reach_data(input)?
            && usize::try_from(left)
                .is_ok_and(|left| left <= input.len() && left.saturating_add(first.len().max(joined.len())) <= JOINED)
        {
            if joined.is_empty() {
                joined.reserve(JOINED);
                joined.extend_from_slice(&first);
            }
            // Copied, not split off, which costs more than a few bytes do.
            let taken = usize::try_from(left).unwrap_or_default();
            joined.extend_from_slice(input.get(..taken).unwrap_or_default());
            input.advance(taken);
            *self = Self::DataEnd;
            chunks += 1;
        }
        Ok(Piece::Data(if joined.is_empty() { first } else { joined.freeze() }))
    }

    /// Takes what is there of a chunk of which so many bytes are left.
    fn take(&mut self, left: u64, input: &mut BytesMut) -> Bytes {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let left = left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX));
        *self = if left == 0 { Self::DataEnd } else { Self::Data(left) };
        input.split_to(taken).freeze()
    }

    /// Goes on to where data begins, or to the end.
    fn reach_data(&mut self, input: &mut BytesMut) -> Result<Reached, Malformed> {
        loop {
            *self = match *self {
                Self::Size => {
                    let Some(line) = line(input, SIZE_LINE)? else { return Ok(Reached::Nothing) };
                    let (size, length) = (size(line)?, line.len());
                    input.advance(length + LINE_END);
                    if size == 0 { Self::Trailers(TRAILERS) } else { Self::Data(size) }
                }
                Self::Data(_) if input.is_empty() => return Ok(Reached::Nothing),
                Self::Data(left) => return Ok(Reached::Data(left)),
                Self::DataEnd => {
                    if line(input, 0)?.is_none() {
                        return Ok(Reached::Nothing);
                    }
                    input.advance(LINE_END);
                    Self::Size
                }
                Self::Trailers(left) => {
                    let Some(line) = line(input, left)? else { return Ok(Reached::Nothing) };
                    if !line.is_empty() {
                        check_trailer(line)?;
                    }
                    let length = line.len();
                    input.advance(length + LINE_END);
                    if length == 0 { Self::Over } else { Self::Trailers(left.saturating_sub(length)) }
                }
                // What follows is not of this body.
                Self::Over => return Ok(Reached::End),
            }
        }
    }
}

/// Where a body goes on.
enum Reached {
    /// In a chunk of which so many bytes are left, and some are there.
    Data(u64),
    /// Behind what was read.
    Nothing,
    End,
}

/// CR LF.
const LINE_END: usize = 2;

/// The line of at most `limit` bytes that input begins with, without its end, once all of it is there.
fn line(input: &[u8], limit: usize) -> Result<Option<&[u8]>, Malformed> {
    let whole = limit.saturating_add(LINE_END);
    let searched = input.get(..whole.min(input.len())).unwrap_or_default();
    let Some(at) = memchr(b'\n', searched) else {
        return if searched.len() < whole { Ok(None) } else { Err(Malformed("chunk_line_too_long")) };
    };
    match searched.get(..at).and_then(<[u8]>::split_last) {
        Some((b'\r', text)) if !text.contains(&b'\r') => Ok(Some(text)),
        _ => Err(Malformed("bare_line_feed")),
    }
}

/// Hexadecimal digits, then white space or an extension.
fn size(line: &[u8]) -> Result<u64, Malformed> {
    const WRONG: Malformed = Malformed("chunk_size_no_number");
    let end = line.iter().position(|byte| matches!(byte, b';' | b' ' | b'\t')).unwrap_or(line.len());
    let (digits, rest) = line.split_at(end);
    let extension = rest.trim_ascii_start();
    if digits.is_empty() || digits.len() > 16 || !(extension.is_empty() || extension.starts_with(b";")) {
        return Err(WRONG);
    }
    // Some readers end the line at a NUL.
    if extension.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(Malformed("chunk_extension_malformed"));
    }
    digits.iter().try_fold(0u64, |size, digit| {
        let digit = char::from(*digit).to_digit(16).ok_or(WRONG)?;
        Ok(size << 4 | u64::from(digit))
    })
}

/// A trailer is a field like any other, though it ends here.
fn check_trailer(line: &[u8]) -> Result<(), Malformed> {
    let colon = memchr(b':', line).ok_or(Malformed("trailer_malformed"))?;
    let (name, value) = line.split_at(colon);
    let value = value.get(1..).unwrap_or_default().trim_ascii();
    let is_field = HeaderName::from_bytes(name).is_ok() && HeaderValue::from_bytes(value).is_ok();
    if is_field { Ok(()) } else { Err(Malformed("trailer_malformed")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    /// All data of a body, and what is left behind it.
    type Whole = (Vec<u8>, Vec<u8>);

    /// Reads a body that comes in pieces.
    fn read(pieces: &[&[u8]]) -> Result<Option<Whole>, Malformed> {
        let (mut chunked, mut input, mut data) = (Chunked::new(), BytesMut::new(), Vec::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            loop {
                match chunked.next(&mut input)? {
                    Piece::Data(bytes) => data.extend_from_slice(&bytes),
                    Piece::More => break,
                    Piece::End => return Ok(Some((data, input.to_vec()))),
                }
            }
        }
        Ok(None)
    }

    #[test]
    fn a_body_is_read_alike_however_it_comes() {
        let body = b"5;name=\"v\"\r\nhello\r\n6 \r\n world\r\n0\r\nX-Trailer: 1\r\n\r\nsurplus";
        let expected = (b"hello world".to_vec(), b"surplus".to_vec());
        assert_eq!(read(&[body]).unwrap(), Some(expected));
        for at in 0..body.len() - "surplus".len() {
            let (first, second) = body.split_at(at);
            assert_eq!(read(&[first, second]).unwrap().unwrap().0, b"hello world", "{at}");
        }
        let bytes: Vec<&[u8]> = body.chunks(1).collect();
        assert_eq!(read(&bytes).unwrap().unwrap().0, b"hello world");
    }

    #[test]
    fn small_chunks_that_are_there_together_are_one_piece_and_large_ones_are_not_copied() {
        let large = "x".repeat(JOINED);
        let body = format!(
            "{}{:x}\r\n{large}\r\n{}0\r\n\r\nsurplus",
            "1\r\na\r\n".repeat(MOST_JOINED + 10),
            JOINED,
            "1\r\nb\r\n"
        );
        let (mut chunked, mut input) = (Chunked::new(), BytesMut::from(body.as_bytes()));
        let whole = input.as_ptr_range();
        let mut next = || chunked.next(&mut input).unwrap();
        assert_eq!(next(), Piece::Data("a".repeat(MOST_JOINED).into()));
        assert_eq!(next(), Piece::Data("a".repeat(10).into()));
        let Piece::Data(data) = next() else { panic!("the large chunk") };
        assert!(data == large && whole.contains(&data.as_ptr()), "{data:?}");
        assert_eq!([next(), next(), next()], [Piece::Data("b".into()), Piece::End, Piece::End]);
        assert_eq!(input, "surplus");
    }

    #[test]
    fn sizes_that_can_be_read_in_two_ways_are_refused() {
        for size in ["", "+5", "-5", "0x5", "5_0", "5 5", "g", "5\r", "10000000000000000", "\u{e9}"] {
            assert!(read(&[format!("{size}\r\nhello\r\n0\r\n\r\n").as_bytes()]).is_err(), "{size:?}");
        }
        assert_eq!(read(&[b"ffffffffffffffff\r\nhello"]).unwrap(), None);
    }

    #[test]
    fn trailers_are_fields() {
        assert!(read(&[b"0\r\nX-Trailer: 1\r\nX:\r\n\r\n"]).unwrap().is_some());
        for trailer in [";X: y", "X", " X: 1", "X : 1", ": 1", "X: a\0b", "X: 1\r\n folded"] {
            assert!(read(&[format!("0\r\n{trailer}\r\n\r\n").as_bytes()]).is_err(), "{trailer:?}");
        }
    }

    #[test]
    fn lines_end_in_cr_lf_and_are_bounded() {
        for body in ["5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r\n0\n\r\n", "5\r\nhelloXX0\r\n\r\n"]
        {
            assert!(read(&[body.as_bytes()]).is_err(), "{body:?}");
        }
        assert!(read(&[&[b'5'; SIZE_LINE + 2]]).is_err());
        assert!(read(&[b"0\r\n", "X: 1\r\n".repeat(TRAILERS).as_bytes()]).is_err());
    }
}
