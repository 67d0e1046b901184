//! Counts the frames of HTTP/2 that cost their sender nothing: resets, empty and tiny pieces, questions that must be
//! answered. Each is allowed (RFC 9113 §10.5 leaves it to servers what is too many); a connection that lives on them is
//! ended.
//!
//! The HTTP library reads the frames. This reads their nine octets of head as they pass, and once there are too many puts a
//! frame in that no connection survives, so that the library itself says GOAWAY and closes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use tokio::io::{AsyncRead, ReadBuf};

use crate::{stream::writes_through, turn::Pause};

/// What the client says first (RFC 9113 §3.4).
const PREFACE: usize = 24;
const HEAD: usize = 9;

/// Frames are counted anew after this time.
const PERIOD: Duration = Duration::from_secs(10);
/// Streams that a client takes back (limits: closed after 200 resets in 10 s; CVE-2023-44487).
const MOST_RESETS: u32 = 200;
/// Frames that ask for nothing but an answer, or for nothing at all: SETTINGS, PING, PRIORITY, unknown ones.
const MOST_CONTROL: u32 = 1_000;
/// Pieces of a head or body that hold nothing and end nothing.
const MOST_EMPTY: u32 = 100;
/// Pieces of a body that hold almost nothing and do not end it. Streams of short messages are made of longer ones.
const MOST_TINY: u32 = 5_000;
const TINY: u32 = 8;

/// Of a connection that sent this many of them, little is read at once, so that others have their turn in between.
const MANY: u32 = 64;
const AT_ONCE: usize = 1024;

/// A PING of a stream: a connection error (RFC 9113 §6.7).
const POISON: [u8; HEAD + 8] = [0, 0, 8, 6, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

/// A stream whose frames are counted.
pub(super) struct Frames<S> {
    inner: S,
    reader: Reader,
    /// What is left of the poison, once there were too many.
    poison: Option<&'static [u8]>,
    /// Others had their turn since something was read.
    waited: bool,
    pause: Pause,
}

impl<S> Frames<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner, reader: Reader::new(Instant::now()), poison: None, waited: false, pause: Pause::default() }
    }
}

impl<S: AsyncRead + Unpin> Frames<S> {
    /// Reads, and lets others go first if what comes is mostly work.
    fn poll_some(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.reader.counts.are_many() {
            return Pin::new(&mut self.inner).poll_read(cx, buffer);
        }
        if !std::mem::replace(&mut self.waited, true) {
            self.pause.begin(cx);
        }
        ready!(self.pause.poll(cx));
        let mut room = [0; AT_ONCE];
        let (room, _) = room.split_at_mut(AT_ONCE.min(buffer.remaining()));
        let mut some = ReadBuf::new(room);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut some))?;
        self.waited = false;
        buffer.put_slice(some.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.poison.is_none() {
            let before = buffer.filled().len();
            ready!(this.poll_some(cx, buffer))?;
            let read = buffer.filled().get(before..).unwrap_or_default();
            let Some(whole) = this.reader.read(read, Instant::now) else { return Poll::Ready(Ok(())) };
            // What came after the last whole frame is not worth reading.
            buffer.set_filled(before + whole);
            this.poison = Some(&POISON);
        }
        let Some(poison) = this.poison.filter(|rest| !rest.is_empty()) else { return Poll::Pending };
        let (now, later) = poison.split_at(poison.len().min(buffer.remaining()));
        buffer.put_slice(now);
        this.poison = Some(later);
        Poll::Ready(Ok(()))
    }
}

writes_through!(Frames);

/// Follows the bytes of a connection from frame to frame.
struct Reader {
    /// Bytes until the next head begins.
    skip: usize,
    head: [u8; HEAD],
    /// Bytes of the head that have come.
    known: usize,
    counts: Counts,
    too_many: bool,
}

impl Reader {
    fn new(now: Instant) -> Self {
        Self { skip: PREFACE, head: [0; HEAD], known: 0, counts: Counts::new(now), too_many: false }
    }

    /// Reads bytes; if there were too many frames, how many of these bytes belong to whole ones.
    fn read(&mut self, bytes: &[u8], now: impl Fn() -> Instant) -> Option<usize> {
        let mut at = 0;
        loop {
            let passed = self.skip.min(bytes.len() - at);
            self.skip -= passed;
            at += passed;
            if self.skip > 0 {
                return None;
            }
            if self.too_many && self.known == 0 {
                return Some(at);
            }
            let byte = bytes.get(at)?;
            if let Some(place) = self.head.get_mut(self.known) {
                *place = *byte;
            }
            self.known += 1;
            at += 1;
            if self.known == HEAD {
                self.known = 0;
                let [a, b, c, kind, flags, ..] = self.head;
                let length = u32::from_be_bytes([0, a, b, c]);
                self.skip = usize::try_from(length).unwrap_or(usize::MAX);
                self.too_many |= self.counts.count(kind, flags, length, &now);
            }
        }
    }
}

/// Frames of each kind in the present period.
struct Counts {
    began: Instant,
    resets: u32,
    control: u32,
    empty: u32,
    tiny: u32,
}

impl Counts {
    fn new(began: Instant) -> Self {
        Self { began, resets: 0, control: 0, empty: 0, tiny: 0 }
    }

    /// Whether the connection has sent many that cost it nothing.
    fn are_many(&self) -> bool {
        self.resets.saturating_add(self.control).saturating_add(self.empty).saturating_add(self.tiny) > MANY
    }

    /// Counts a frame; whether there are too many of its kind. Kinds by their numbers in RFC 9113 §6.
    fn count(&mut self, kind: u8, flags: u8, length: u32, now: &impl Fn() -> Instant) -> bool {
        const END: u8 = 1;
        const END_HEADERS: u8 = 4;
        let (count, most) = match kind {
            0 if flags & END != 0 => return false,
            0 if length == 0 => (&mut self.empty, MOST_EMPTY),
            0 if length < TINY => (&mut self.tiny, MOST_TINY),
            1 | 9 if length == 0 && flags & END_HEADERS == 0 => (&mut self.empty, MOST_EMPTY),
            // Room is announced for each piece of an answer, however many there are.
            0 | 1 | 8 | 9 => return false,
            3 => (&mut self.resets, MOST_RESETS),
            _ => (&mut self.control, MOST_CONTROL),
        };
        *count += 1;
        if *count <= most {
            return false;
        }
        // Looked at only when it matters: a clock for each frame would cost more than the frame.
        let now = now();
        if now.saturating_duration_since(self.began) < PERIOD {
            return true;
        }
        *self = Self::new(now);
        false
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        [&[0, 0, length, kind, flags, 0, 0, 0, 1][..], &vec![0xFF; usize::from(length)]].concat()
    }

    fn frames(kind: u8, flags: u8, length: u8, count: u32) -> Vec<u8> {
        let all = std::iter::repeat_n(frame(kind, flags, length), usize::try_from(count).unwrap());
        [vec![b'P'; PREFACE], all.collect::<Vec<_>>().concat()].concat()
    }

    #[test]
    fn each_kind_has_its_measure() {
        let now = Instant::now();
        for (kind, flags, length, most) in [
            (3, 0, 4, MOST_RESETS),
            (6, 0, 8, MOST_CONTROL),
            (4, 0, 0, MOST_CONTROL),
            (0, 0, 0, MOST_EMPTY),
            (9, 0, 0, MOST_EMPTY),
            (0, 0, 1, MOST_TINY),
        ] {
            assert_eq!(Reader::new(now).read(&frames(kind, flags, length, most), || now), None, "{kind}");
            let more = frames(kind, flags, length, most + 1);
            assert_eq!(Reader::new(now).read(&more, || now), Some(more.len()), "{kind}");
        }
        for (kind, flags, length) in [(0, 1, 0), (0, 0, 100), (1, 4, 30), (8, 0, 4)] {
            assert_eq!(Reader::new(now).read(&frames(kind, flags, length, 60_000), || now), None);
        }
    }

    #[test]
    fn a_period_that_is_over_counts_no_more() {
        let now = Instant::now();
        let mut reader = Reader::new(now);
        assert_eq!(reader.read(&frames(3, 0, 4, MOST_RESETS), || now), None);
        assert_eq!(reader.read(&frame(3, 0, 4), || now + PERIOD), None);
        assert_eq!(reader.read(&frame(3, 0, 4), || now + PERIOD), None);
    }

    proptest! {
        #[test]
        fn however_bytes_are_cut_whole_frames_end_where_they_end(
            kinds in prop::collection::vec((0_u8..12, 0_u8..6, 0_u8..40), 1..400),
            cuts in prop::collection::vec(1_usize..60, 1..50),
        ) {
            let now = Instant::now();
            let all: Vec<u8> = kinds.iter().flat_map(|(kind, flags, length)| frame(*kind, *flags, *length)).collect();
            let all = [vec![b'P'; PREFACE], all].concat();
            let whole = Reader::new(now).read(&all, || now);
            let (mut reader, mut at, mut cut) = (Reader::new(now), 0, cuts.iter().cycle());
            let mut found = None;
            while at < all.len() && found.is_none() {
                let end = all.len().min(at + cut.next().unwrap());
                found = reader.read(&all[at..end], || now).map(|whole| at + whole);
                at = end;
            }
            prop_assert_eq!(found, whole);
        }
    }
}
