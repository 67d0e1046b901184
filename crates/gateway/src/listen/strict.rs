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
pub(crate) struct Strict<S> {
    inner: S,
    framing: Framing,
    /// Another protocol has taken over.
    tunnel: Arc<AtomicBool>,
    /// After a fault the other side is not listened to any more. This is still read, and then the end.
    ending: Option<&'static [u8]>,
}

impl<S> Strict<S> {
    pub(crate) fn new(inner: S, tunnel: Arc<AtomicBool>) -> Self {
        Self { inner, framing: Framing::new(), tunnel, ending: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(rest) = self.ending {
            let (now, later) = rest.split_at(rest.len().min(buffer.remaining()));
            buffer.put_slice(now);
            self.ending = Some(later);
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
                // The library looks at a head that came in pieces once it has its end, which may just have been spoiled.
                buffer.set_filled(before + place + 1);
                self.ending = Some(b"\r\n\r\n");
            }
            Verdict::FaultyBody(place) => {
                // Sizes and trailers count once their lines are whole, which these never are: the body broke off.
                buffer.set_filled(before + place);
                self.ending = Some(b"");
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    /// What the library reads of bytes that come in two pieces.
    async fn read(first: &[u8], second: &[u8]) -> Vec<u8> {
        let pieces = tokio::io::AsyncReadExt::chain(first, second);
        let mut all = Vec::new();
        Strict::new(tokio::io::join(pieces, tokio::io::sink()), Arc::default()).read_to_end(&mut all).await.unwrap();
        all
    }

    #[tokio::test]
    async fn a_faulty_head_has_an_end_however_it_came() {
        let head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello";
        let end = head.len() - "\n\r\nhello".len();
        let expected = [&head[..end], b"\0\r\n\r\n"].concat();
        for place in 0..head.len() {
            let (first, second) = head.split_at(place);
            assert_eq!(read(first, second).await, expected, "{place}");
        }
    }

    #[tokio::test]
    async fn a_faulty_body_has_no_end() {
        let sound = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;";
        assert_eq!(read(sound, b"\0\r\nhello\r\n0\r\n\r\n").await, sound);
    }
}
