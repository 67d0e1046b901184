//! Bytes that came and were not taken yet.

use std::{
    io,
    pin::pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{IDLE_ROOM, Malformed};

/// Bytes that are read at once, at first and at most. The most is also what is held of a body that its reader does not
/// take.
const READ: usize = 4 * 1024;
const MOST_READ: usize = 64 * 1024;

/// What was read of a stream, up to what is taken of it.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) bytes: BytesMut,
    /// Bytes at the beginning that hold no end of a head.
    searched: usize,
    read_next: usize,
}

impl Input {
    /// With bytes that were read already.
    pub(crate) fn begun(first: &[u8]) -> Self {
        let mut bytes = BytesMut::new();
        if !first.is_empty() {
            bytes.reserve(READ);
            bytes.extend_from_slice(first);
        }
        Self { bytes, searched: 0, read_next: READ }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads more; 0 bytes are the end.
    pub(crate) fn poll_read<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<usize>>
    where
        S: AsyncRead + Unpin + ?Sized,
    {
        if self.bytes.capacity() - self.bytes.len() < self.read_next / 2 {
            self.bytes.reserve(self.read_next);
        }
        let room = self.bytes.capacity() - self.bytes.len();
        let read = ready!(pin!(stream.read_buf(&mut self.bytes)).poll(cx))?;
        self.read_next = match read {
            read if read >= room => (self.read_next * 2).min(MOST_READ),
            read if read < self.read_next / 8 => (self.read_next / 2).max(READ),
            _ => self.read_next,
        };
        Poll::Ready(Ok(read))
    }

    /// Takes a head, its empty line included, once it is whole.
    pub(crate) fn take_head(&mut self) -> Result<Option<Bytes>, Malformed> {
        let Some(length) = self.head_end()? else { return Ok(None) };
        self.searched = 0;
        Ok(Some(self.bytes.split_to(length).freeze()))
    }

    /// Where the head ends, if that has come. What was searched moves on to the beginning of a line.
    fn head_end(&mut self) -> Result<Option<usize>, Malformed> {
        while let Some(rest) = self.bytes.get(self.searched..)
            && let Some(at) = memchr(b'\n', rest)
        {
            match rest.get(..at) {
                Some(b"\r") if self.searched > 0 => return Ok(Some(self.searched + at + 1)),
                Some([.., b'\r']) => self.searched += at + 1,
                Some(_) | None => return Err(Malformed("bare_line_feed")),
            }
        }
        Ok(None)
    }

    /// Whether the first line of a head has come whole.
    pub(crate) fn has_first_line(&self) -> bool {
        self.searched > 0
    }

    /// Gives back room that nobody needs while nothing goes on.
    pub(crate) fn shrink(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > IDLE_ROOM {
            self.bytes = BytesMut::new();
        }
    }
}
