//! Bytes that came and were not taken yet.

use std::{
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use super::Malformed;

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
        if self.bytes.capacity() == 0 && self.read_next == READ {
            return self.poll_first(stream, cx);
        }
        if self.bytes.capacity() - self.bytes.len() < self.read_next / 2 {
            self.bytes.reserve(self.read_next);
        }
        let room = self.bytes.capacity() - self.bytes.len();
        let read = ready!(pin!(stream.read_buf(&mut self.bytes)).poll(cx))?;
        self.came(read, room);
        Poll::Ready(Ok(read))
    }

    /// Reads without room of its own, which is taken for what came: whoever waits holds none, and most heads are smaller than
    /// what they may be.
    fn poll_first<S>(&mut self, stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<usize>>
    where
        S: AsyncRead + Unpin + ?Sized,
    {
        let mut room = [MaybeUninit::uninit(); READ];
        let mut buffer = ReadBuf::uninit(&mut room);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        self.bytes.extend_from_slice(buffer.filled());
        self.came(buffer.filled().len(), READ);
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// So many bytes came where there was this much room.
    fn came(&mut self, read: usize, room: usize) {
        self.read_next = match read {
            read if read >= room => (self.read_next * 2).min(MOST_READ),
            read if read < self.read_next / 8 => (self.read_next / 2).max(READ),
            _ => self.read_next,
        };
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

    /// Gives room back while nothing goes on.
    pub(crate) fn shrink(&mut self) {
        if self.bytes.is_empty() {
            self.read_next = READ;
            self.bytes = BytesMut::new();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Ten thousand of them wait at once.
    #[tokio::test]
    async fn who_waits_holds_no_room_and_little_takes_little() {
        let (mut near, mut far) = tokio::io::duplex(1 << 20);
        let mut input = Input::begun(&[]);
        for (bytes, most) in [(100, 1024), (10 * READ, 16 * READ), (100, 1024)] {
            let waits = poll_fn(|cx| Poll::Ready(input.poll_read(&mut near, cx))).await;
            assert!(waits.is_pending() && input.bytes.capacity() == 0, "{bytes}: {}", input.bytes.capacity());
            far.write_all(&vec![b'x'; bytes]).await.unwrap();
            while input.bytes.len() < bytes {
                poll_fn(|cx| input.poll_read(&mut near, cx)).await.unwrap();
            }
            assert!(input.bytes.capacity() <= most, "{bytes}: {}", input.bytes.capacity());
            assert_eq!(input.bytes.split(), vec![b'x'; bytes]);
            input.shrink();
        }
    }
}
