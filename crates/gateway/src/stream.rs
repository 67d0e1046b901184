//! Byte streams as HTTP uses them.

use std::{
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::watch::Pulse;

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

/// What one connection may move before others on the same worker have their turn. Without an end, whoever sends or takes
/// without a pause would have two megabytes moved for them at a time, by the runtime's own measure.
const TURN: usize = 32 * 1024;

/// Has the task wait until others had their turn and the system was asked who is ready by now. A task that woke itself
/// would be asked again sixty times before anybody else whose bytes came meanwhile. Other programs have their turn too: who
/// shares a processor with a busy worker, as a server beside it does, would wait for three milliseconds.
pub(crate) fn let_others_go_first<T>(cx: &mut Context<'_>) -> Poll<T> {
    std::thread::yield_now();
    // Asked once, it is pending, and wakes the task when the others are done.
    let _ = pin!(tokio::task::yield_now()).poll(cx);
    Poll::Pending
}

/// Counts bytes of a stream until it is others' turn.
#[derive(Debug, Default)]
struct Turn {
    moved: usize,
}

impl Turn {
    /// Pending once enough moved.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.moved < TURN {
            return Poll::Ready(());
        }
        self.moved = 0;
        let_others_go_first(cx)
    }

    /// Counts what moved. Who waits lets others go first anyway.
    fn count<T>(&mut self, outcome: &Poll<T>, bytes: impl FnOnce(&T) -> usize) {
        self.moved = match outcome {
            Poll::Ready(done) => self.moved.saturating_add(bytes(done)),
            Poll::Pending => 0,
        };
    }
}

/// A client's bytes as they come, below TLS, no more than [`TURN`] of them at a time. Above it, those of records that hold
/// one byte each would count for little, and cost as much as any.
pub(crate) struct Turns<S> {
    inner: S,
    turn: Turn,
    /// Where the bytes are those of TLS.
    records: Option<Records>,
}

impl<S> Turns<S> {
    pub(crate) fn new(inner: S, is_tls: bool) -> Self {
        Self { inner, turn: Turn::default(), records: is_tls.then(Records::default) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Turns<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.turn.poll(cx));
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let came = buffer.filled().get(before..).unwrap_or_default();
        let records = self.records.as_mut().map_or(0, |records| records.count(came));
        self.turn.count(&read, |_| came.len().saturating_add(records.saturating_mul(RECORD)));
        read
    }
}

writes_through!(Turns);

/// What a record of TLS costs besides its bytes, in bytes of large ones: to open one of ten bytes takes half a microsecond.
const RECORD: usize = 512;

/// Bytes of a record's header: a type, two of a version, two of a length.
const HEADER: u8 = 5;

/// Finds the records of TLS in bytes as they come (RFC 8446 §5.1).
#[derive(Debug, Default)]
struct Records {
    /// Bytes of a header that came.
    of_header: u8,
    /// Bytes that are to come of the record whose header has come.
    rest: usize,
}

impl Records {
    /// How many have their header end in these bytes, the next of a stream.
    fn count(&mut self, mut bytes: &[u8]) -> usize {
        let mut begun = 0;
        while let Some((&byte, after)) = bytes.split_first() {
            if self.of_header == HEADER {
                let taken = self.rest.min(bytes.len());
                bytes = bytes.get(taken..).unwrap_or_default();
                self.rest -= taken;
                if self.rest == 0 {
                    self.of_header = 0;
                }
                continue;
            }
            bytes = after;
            self.of_header += 1;
            if self.of_header == HEADER - 1 {
                self.rest = usize::from(byte) << 8;
            } else if self.of_header == HEADER {
                self.rest |= usize::from(byte);
                begun += 1;
            }
        }
        begun
    }
}

/// A stream to a client that tells its pulse when bytes move, and writes no more than [`TURN`] of them at a time: above TLS,
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
    use crate::watch::Clock;

    /// A client whose bytes come while another one's are moved is served between them, as the system is asked for it.
    #[tokio::test]
    async fn who_moves_without_a_pause_lets_others_go_first() {
        let clock = Arc::new(Clock::new());
        for (reads, writes) in [(true, false), (false, true), (true, true)] {
            let (mut far, mut near) = tokio::net::UnixStream::pair().unwrap();
            let other = tokio::spawn(async move { near.read_u8().await.unwrap() });
            tokio::task::yield_now().await;
            let stream = Turns::new(tokio::io::join(tokio::io::repeat(0), tokio::io::sink()), false);
            let mut greedy = Watched::new(stream, Pulse::new(&clock, false));
            // The one byte is in the system's hands, and nobody was told of it yet.
            far.write_all(&[7]).await.unwrap();
            // A task, as connections are: the runtime asks the system between two turns of the test's own future.
            let is_served = tokio::spawn(async move {
                let (mut moved, mut buffer) = (0, [0; 4096]);
                while moved < 3 * TURN {
                    if reads {
                        moved += greedy.read(&mut buffer).await.unwrap();
                    }
                    if writes {
                        moved += greedy.write(&buffer).await.unwrap();
                    }
                }
                other.is_finished()
            });
            assert!(is_served.await.unwrap(), "reads {reads}, writes {writes}");
        }
    }

    /// A client who sends ten bytes a record has as much done as one who sends five hundred.
    #[tokio::test]
    async fn records_count_however_little_they_hold() {
        for (is_tls, length, most) in [(true, 27, 1), (true, 16_000, 8), (false, 27, 8)] {
            let record = [&[23, 3, 3][..], &u16::try_from(length).unwrap().to_be_bytes(), &vec![0; length]].concat();
            let bytes = record.repeat(4 * TURN / record.len());
            let mut stream = Turns::new(tokio::io::join(bytes.as_slice(), tokio::io::sink()), is_tls);
            let (mut reads, mut room) = (0, [0; 4096]);
            let mut read = |cx: &mut Context<'_>| {
                Poll::Ready(Pin::new(&mut stream).poll_read(cx, &mut ReadBuf::new(&mut room)).is_ready())
            };
            while std::future::poll_fn(&mut read).await {
                reads += 1;
            }
            assert_eq!(reads, most, "{is_tls} {length}");
        }
    }

    #[test]
    fn records_are_found_wherever_their_bytes_are_parted() {
        let record = |length: u16| [&[22, 3, 1], &length.to_be_bytes()[..], &vec![0xFF; length.into()]].concat();
        let bytes = [record(0), record(1), record(300), record(0), record(2)].concat();
        for piece in 1..=bytes.len() {
            let mut records = Records::default();
            let found: usize = bytes.chunks(piece).map(|piece| records.count(piece)).sum();
            assert_eq!(found, 5, "{piece}");
        }
    }

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
