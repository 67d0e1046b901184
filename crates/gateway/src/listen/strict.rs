//! A connection whose HTTP/1.1 framing has one reading, in front of a library that is more tolerant.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::{Framing, Verdict};

/// A stream that breaks off what is framed wrongly, in such a way that the library answers 400 and closes.
pub(super) struct Strict<S> {
    inner: S,
    framing: Framing,
    /// Another protocol has taken over.
    tunnel: Arc<AtomicBool>,
    ended: bool,
}

impl<S> Strict<S> {
    pub(super) fn new(inner: S, tunnel: Arc<AtomicBool>) -> Self {
        Self { inner, framing: Framing::new(), tunnel, ended: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if self.tunnel.load(Ordering::Acquire) {
            return Poll::Ready(Ok(()));
        }
        let read = buffer.filled_mut().get_mut(before..).unwrap_or_default();
        match self.framing.follow(read) {
            Verdict::Sound => {}
            Verdict::FaultyHead(place) => {
                // No parser takes a NUL anywhere in a head (RFC 9110 §5.5).
                if let Some(byte) = read.get_mut(place) {
                    *byte = 0;
                }
            }
            Verdict::FaultyTrailers(place) => {
                // Trailers are parsed once they are whole, which these would never be: the body broke off.
                self.ended = true;
                buffer.set_filled(before + place);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
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
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
