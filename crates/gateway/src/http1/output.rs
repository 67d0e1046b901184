//! Bytes on their way out: a head or the line of a chunk, data, and the end of a chunk.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http::HeaderName;
use tokio::io::AsyncWrite;

use crate::stream::{JOINED, write_joined};

/// What is not written yet.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// Written first, with small pieces of data among them.
    lines: Vec<u8>,
    /// Bytes of the lines that are written.
    written: usize,
    data: Bytes,
    end: &'static [u8],
}

impl Output {
    /// Adds a line, in pieces.
    pub(crate) fn line(&mut self, pieces: &[&[u8]]) {
        self.begin();
        for piece in pieces {
            self.lines.extend_from_slice(piece);
        }
    }

    /// Takes room for a whole head, instead of some more with each line.
    fn begin(&mut self) {
        if self.lines.capacity() == 0 {
            self.lines.reserve(JOINED);
        }
    }

    /// Adds the line of a field.
    pub(crate) fn field(&mut self, name: &HeaderName, value: &[u8]) {
        let name = name.as_str().as_bytes();
        self.begin();
        // Room once, and pieces of known sizes between: this is done some thirty times a request.
        self.lines.reserve(name.len() + value.len() + 4);
        self.lines.extend_from_slice(name);
        self.lines.extend_from_slice(b": ");
        self.lines.extend_from_slice(value);
        self.lines.extend_from_slice(b"\r\n");
    }

    /// Adds data. What is small joins the lines before it: one piece is less work to send than two, for the system and for
    /// TLS.
    pub(crate) fn data(&mut self, data: Bytes) {
        if self.lines.len() + data.len() <= JOINED {
            self.lines.extend_from_slice(&data);
        } else {
            self.data = data;
        }
    }

    /// Adds a chunk that is not the last one.
    pub(crate) fn chunk(&mut self, data: Bytes) {
        self.lines.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
        self.data(data);
        if self.data.is_empty() {
            self.lines.extend_from_slice(b"\r\n");
        } else {
            self.end = b"\r\n";
        }
    }

    /// Ends a body of chunks, behind the chunk that was added last if that is still here.
    pub(crate) fn last_chunk(&mut self) {
        self.end = if self.end.is_empty() { b"0\r\n\r\n" } else { b"\r\n0\r\n\r\n" };
    }

    /// Whether there is no data that waits.
    pub(crate) fn takes_data(&self) -> bool {
        self.data.is_empty() && self.end.is_empty()
    }

    /// The same, as long as small pieces would still join.
    pub(crate) fn takes_more(&self) -> bool {
        self.takes_data() && self.lines.len() < JOINED
    }

    pub(crate) fn lines(&self) -> &[u8] {
        self.lines.get(self.written..).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.data.is_empty() && self.end.is_empty()
    }

    /// All of it.
    #[cfg(test)]
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        [self.lines(), &self.data, self.end].concat()
    }

    /// Gives room back while nothing goes on. Whoever writes next takes the same, which is in the cache still.
    pub(crate) fn shrink(&mut self) {
        if self.lines.is_empty() {
            self.lines = Vec::new();
        }
    }

    /// Writes some of it.
    pub(crate) fn poll_write<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        S: AsyncWrite + Unpin + ?Sized,
    {
        let written = if self.data.is_empty() && self.end.is_empty() {
            Pin::new(stream).poll_write(cx, self.lines())
        } else if self.lines.is_empty() && self.end.is_empty() {
            Pin::new(stream).poll_write(cx, &self.data)
        } else {
            let pieces = [IoSlice::new(self.lines()), IoSlice::new(&self.data), IoSlice::new(self.end)];
            write_joined(stream, cx, &pieces)
        };
        written.map(|written| match written? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            written => {
                self.advance(written);
                Ok(())
            }
        })
    }

    fn advance(&mut self, written: usize) {
        let of_lines = written.min(self.lines().len());
        self.written += of_lines;
        if self.lines().is_empty() {
            self.lines.clear();
            self.written = 0;
        }
        let of_data = written.saturating_sub(of_lines).min(self.data.len());
        self.data.advance(of_data);
        if self.data.is_empty() {
            // What is empty would still hold what it was cut from, and its share of the budget.
            self.data = Bytes::new();
        }
        let of_end = written.saturating_sub(of_lines).saturating_sub(of_data);
        self.end = self.end.get(of_end..).unwrap_or_default();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, DuplexStream};

    use super::*;

    #[tokio::test]
    async fn pieces_are_written_in_order_however_little_is_taken_at_once() {
        for room in [1, 2, 3, 5, 64] {
            let (mut near, mut far) = tokio::io::duplex(room);
            let reader = tokio::spawn(async move {
                let mut all = Vec::new();
                far.read_to_end(&mut all).await.unwrap();
                all
            });
            let mut output = Output::default();
            let large = vec![b'x'; JOINED + 1];
            for chunk in [Bytes::from_static(b"hello"), Bytes::from(large.clone())] {
                output.chunk(chunk);
                write(&mut output, &mut near).await;
            }
            output.last_chunk();
            write(&mut output, &mut near).await;
            drop(near);
            let expected = [&b"5\r\nhello\r\n801\r\n"[..], &large, b"\r\n0\r\n\r\n"].concat();
            assert_eq!(reader.await.unwrap(), expected, "{room}");
        }
    }

    async fn write(output: &mut Output, stream: &mut DuplexStream) {
        while !output.is_empty() {
            poll_fn(|cx| output.poll_write(stream, cx)).await.unwrap();
        }
    }

    #[test]
    fn what_waits_is_bounded_however_small_its_pieces() {
        let mut output = Output::default();
        let mut pieces = Vec::new();
        while output.takes_data() {
            output.data(Bytes::from_static(b"0123456789"));
            pieces.extend_from_slice(b"0123456789");
            assert!(pieces.len() <= JOINED + 10, "{} bytes", pieces.len());
        }
        assert_eq!(output.into_bytes(), pieces);
    }
}
