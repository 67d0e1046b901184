//! Whose turn it is: no connection moves more than some bytes before the others on its worker had theirs.

use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

use crate::stream::writes_through;

/// What one connection may move before others on the same worker have their turn. Without an end, whoever sends or takes
/// without a pause would have two megabytes moved for them at a time, by the runtime's own measure.
const TURN: usize = 32 * 1024;

/// Waits until others had their turn and the system was asked who is ready by now.
///
/// To wake the task would not be enough: it would be asked again sixty times before anybody else whose bytes came meanwhile.
/// Nor is it enough to be pending once: a request and its body wake each other in one task, which then comes by again at once.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    others: Option<Arc<Others>>,
}

#[derive(Debug)]
struct Others {
    had_their_turn: AtomicBool,
    /// Who waits for it, as of the last time it asked.
    task: Mutex<Waker>,
}

impl Pause {
    /// Begins to wait. Other programs have their turn too: who shares a processor with a busy worker, as a server beside it
    /// does, would wait for three milliseconds.
    pub(crate) fn begin(&mut self, cx: &Context<'_>) {
        std::thread::yield_now();
        let task = Mutex::new(cx.waker().clone());
        let others = Arc::new(Others { had_their_turn: AtomicBool::new(false), task });
        let waker = Waker::from(Arc::clone(&others));
        // Asked once, it is pending, and wakes when the others are done.
        let _ = pin!(tokio::task::yield_now()).poll(&mut Context::from_waker(&waker));
        self.others = Some(others);
    }

    /// Ready once the wait is over, or none has begun.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let Some(others) = &self.others else { return Poll::Ready(()) };
        others.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(cx.waker());
        if !others.had_their_turn.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        self.others = None;
        Poll::Ready(())
    }
}

impl Wake for Others {
    fn wake(self: Arc<Self>) {
        self.had_their_turn.store(true, Ordering::Release);
        self.task.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
    }
}

/// Counts bytes of a stream until it is others' turn.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    moved: usize,
    pause: Pause,
}

impl Turn {
    /// Pending while it is others' turn, once enough moved.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.moved >= TURN {
            self.moved = 0;
            self.pause.begin(cx);
        }
        self.pause.poll(cx)
    }

    /// What moved until now is over: who waits does not keep others from their turn.
    pub(crate) fn rest(&mut self) {
        self.moved = 0;
    }

    /// Counts what moved.
    pub(crate) fn count<T>(&mut self, outcome: &Poll<T>, bytes: impl FnOnce(&T) -> usize) {
        match outcome {
            Poll::Ready(done) => self.moved = self.moved.saturating_add(bytes(done)),
            Poll::Pending => self.rest(),
        }
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

/// What a record of TLS costs besides its bytes, in bytes of large ones: to open one of ten bytes takes 0.2 µs.
const RECORD: usize = 128;

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::{
        stream::Watched,
        watch::{Clock, Pulse},
    };

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

    /// As a request and its body are, which wake each other.
    #[tokio::test]
    async fn who_is_asked_again_meanwhile_goes_on_waiting() {
        let (mut far, mut near) = tokio::net::UnixStream::pair().unwrap();
        let other = tokio::spawn(async move { near.read_u8().await.unwrap() });
        tokio::task::yield_now().await;
        far.write_all(&[7]).await.unwrap();
        let (mut turn, mut asked) = (Turn::default(), 0);
        turn.count(&Poll::Ready(()), |()| TURN);
        let waits = poll_fn(move |cx| {
            asked += 1;
            let polled = turn.poll(cx);
            if asked == 1 {
                cx.waker().wake_by_ref();
            }
            polled.map(|()| asked)
        });
        let asked = tokio::spawn(async move { (waits.await, other.is_finished()) });
        let (asked, is_served) = asked.await.unwrap();
        assert!(is_served && asked == 3, "{is_served} after {asked}");
    }

    /// Records are work each: ten bytes in one are not a hundredth of what a thousand are.
    #[tokio::test]
    async fn records_count_however_little_they_hold() {
        for (is_tls, length, most) in [(true, 27, 2), (true, 16_000, 8), (false, 27, 8)] {
            let record = [&[23, 3, 3][..], &u16::try_from(length).unwrap().to_be_bytes(), &vec![0; length]].concat();
            let bytes = record.repeat(4 * TURN / record.len());
            let mut stream = Turns::new(tokio::io::join(bytes.as_slice(), tokio::io::sink()), is_tls);
            let (mut reads, mut room) = (0, [0; 4096]);
            let mut read = |cx: &mut Context<'_>| {
                Poll::Ready(Pin::new(&mut stream).poll_read(cx, &mut ReadBuf::new(&mut room)).is_ready())
            };
            while poll_fn(&mut read).await {
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
}
