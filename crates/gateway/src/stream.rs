//! Byte streams as HTTP uses them.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{turn::Turn, watch::Pulse};

/// A head and a body up to this size are sent as one piece: for the system, and for TLS, that is less work than two.
pub(crate) const JOINED: usize = 2 * 1024;

/// Writes small pieces together.
pub(crate) fn write_joined<S: AsyncWrite + Unpin + ?Sized>(
    stream: &mut S,
    cx: &mut Context<'_>,
    pieces: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    if let [piece] = pieces {
        return Pin::new(stream).poll_write(cx, piece);
    }
    if pieces.iter().map(|piece| piece.len()).sum::<usize>() > JOINED {
        return Pin::new(stream).poll_write_vectored(cx, pieces);
    }
    let mut joined = [0; JOINED];
    let mut free = joined.as_mut_slice();
    for piece in pieces {
        let (start, rest) = free.split_at_mut(piece.len());
        start.copy_from_slice(piece);
        free = rest;
    }
    let unused = free.len();
    let (used, _) = joined.split_at(JOINED - unused);
    Pin::new(stream).poll_write(cx, used)
}

/// A stream that writes small pieces together, and one piece as one: what is below TLS. The library's records come as
/// lists of one, which the system takes longer to send.
pub(crate) struct Joined<S>(pub(crate) S);

impl<S: AsyncRead + Unpin> AsyncRead for Joined<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Joined<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        write_joined(&mut self.0, cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

/// A stream over `inner` that only reads differently.
macro_rules! writes_through {
    ($stream:ident) => {
        impl<S: tokio::io::AsyncWrite + Unpin> tokio::io::AsyncWrite for $stream<S> {
            fn poll_write(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                bytes: &[u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut self.inner).poll_write(cx, bytes)
            }

            fn poll_flush(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.inner).poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                std::pin::Pin::new(&mut self.inner).poll_shutdown(cx)
            }

            fn poll_write_vectored(
                mut self: std::pin::Pin<&mut Self>,
                cx: &mut std::task::Context<'_>,
                pieces: &[std::io::IoSlice<'_>],
            ) -> std::task::Poll<std::io::Result<usize>> {
                std::pin::Pin::new(&mut self.inner).poll_write_vectored(cx, pieces)
            }

            fn is_write_vectored(&self) -> bool {
                self.inner.is_write_vectored()
            }
        }
    };
}
pub(crate) use writes_through;

/// A stream whose first byte was read ahead.
pub(crate) struct Begun<S> {
    first: Option<u8>,
    inner: S,
}

impl<S> Begun<S> {
    pub(crate) fn new(first: u8, inner: S) -> Self {
        Self { first: Some(first), inner }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&[first]);
            // What follows it is most likely there already; if it is not, the first byte alone is an answer.
            return match Pin::new(&mut self.inner).poll_read(cx, buffer) {
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
            };
        }
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

writes_through!(Begun);

/// A stream to a client that tells its pulse when bytes move, and writes no more than a turn of them at a time: above TLS,
/// which takes more than it can pass on.
pub(crate) struct Watched<S> {
    inner: S,
    pulse: Arc<Pulse>,
    turn: Turn,
}

impl<S> Watched<S> {
    pub(crate) fn new(inner: S, pulse: Arc<Pulse>) -> Self {
        Self { inner, pulse, turn: Turn::default() }
    }

    /// Nothing goes on any more until more comes from the client, so that others have their turn.
    pub(crate) fn rest(&mut self) {
        self.turn.rest();
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.turn.count(&written, |done| *done.as_ref().unwrap_or(&0));
        let written = ready!(written)?;
        self.pulse.wrote();
        Poll::Ready(Ok(written))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.pulse.read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll(cx));
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.turn.poll(cx));
        let written = write_joined(&mut self.inner, cx, pieces);
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_byte_read_ahead_comes_first_and_once() {
        let (mut near, far) = tokio::io::duplex(64);
        near.write_all(b"bc").await.unwrap();
        drop(near);
        let mut read = Vec::new();
        Begun::new(b'a', far).read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"abc");
    }

    #[tokio::test]
    async fn pieces_arrive_whole_and_in_order() {
        for size in [0, 1, JOINED - 3, JOINED - 2, JOINED * 3] {
            let (near, mut far) = tokio::io::duplex(1 << 20);
            let body = vec![b'x'; size];
            let mut stream = Joined(near);
            let mut pieces = [IoSlice::new(b"ab"), IoSlice::new(&body)];
            let mut pieces = pieces.as_mut_slice();
            while !pieces.is_empty() {
                let written = stream.write_vectored(pieces).await.unwrap();
                IoSlice::advance_slices(&mut pieces, written);
            }
            drop(stream);
            let mut read = Vec::new();
            far.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, [b"ab", body.as_slice()].concat());
        }
    }
}
