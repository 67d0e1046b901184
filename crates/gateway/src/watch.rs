//! Time for connections: one sweep a second for all of a worker's, instead of a timer for each.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};
use tokio::{
    sync::Notify,
    time::{Instant, interval, sleep},
};

/// Wall time for tokens, in Unix seconds: of the clock that costs least, which is some milliseconds late. A clock before
/// 1970 is 0, and no token is valid then.
pub(crate) fn unix_now() -> u64 {
    u64::try_from(clock_gettime(ClockId::RealtimeCoarse).tv_sec).unwrap_or(0)
}

/// Bytes of a date as HTTP writes it.
const DATE: usize = 29;

/// A date as HTTP writes it (RFC 9110 §5.6.7).
pub(crate) type Date = [u8; DATE];

/// Coarse monotonic time for connections, and wall time for what is recorded.
#[derive(Debug)]
pub(crate) struct Clock {
    started: Instant,
    seconds: AtomicU64,
    /// Nanoseconds between 1970 and the start by the wall clock, as of the last sweep: it may be set meanwhile.
    epoch: AtomicU64,
    /// As of the last sweep, eight bytes each. The worker that reads it is the one that sweeps, so it is never half written.
    date: [AtomicU64; 4],
}

impl Clock {
    pub(crate) fn new() -> Self {
        let (seconds, epoch) = (AtomicU64::new(0), AtomicU64::new(0));
        let clock = Self { started: Instant::now(), seconds, epoch, date: Default::default() };
        clock.tick();
        clock
    }

    /// Unix seconds of a moment. Saves a record a second call of the system for the same moment.
    pub(crate) fn wall(&self, moment: std::time::Instant) -> f64 {
        let since_start = nanoseconds(moment.saturating_duration_since(self.started.into_std()));
        let nanoseconds = self.epoch.load(Ordering::Relaxed).saturating_add(since_start);
        Duration::from_nanos(nanoseconds).as_secs_f64()
    }

    /// The date for answers, written once a second.
    pub(crate) fn date(&self) -> Date {
        let mut date = [b' '; DATE];
        for (bytes, stored) in date.chunks_mut(8).zip(&self.date) {
            let stored = stored.load(Ordering::Relaxed).to_le_bytes();
            bytes.iter_mut().zip(stored).for_each(|(byte, stored)| *byte = stored);
        }
        date
    }

    /// Seconds since the worker started, as of the last sweep.
    fn coarse(&self) -> u64 {
        self.seconds.load(Ordering::Relaxed)
    }

    fn tick(&self) {
        let elapsed = self.started.elapsed();
        self.seconds.store(elapsed.as_secs(), Ordering::Relaxed);
        let now = SystemTime::now();
        for (bytes, stored) in httpdate::fmt_http_date(now).as_bytes().chunks(8).zip(&self.date) {
            let mut eight = [0; 8];
            eight.iter_mut().zip(bytes).for_each(|(byte, of_date)| *byte = *of_date);
            stored.store(u64::from_le_bytes(eight), Ordering::Relaxed);
        }
        let wall = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.epoch.store(nanoseconds(wall.saturating_sub(elapsed)), Ordering::Relaxed);
    }
}

/// Enough for 584 years.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The signs of life of one connection.
#[derive(Debug)]
pub(crate) struct Pulse {
    clock: Arc<Clock>,
    /// Requests whose answers are not sent yet.
    in_flight: AtomicU32,
    /// When bytes last moved, or the last answer ended.
    active: AtomicU64,
    /// When the first byte of a request's head came; `NOT_READING` between requests.
    head: AtomicU64,
    multiplexed: bool,
    expired: Notify,
}

const NOT_READING: u64 = u64::MAX;

impl Pulse {
    /// A pulse that beats now. `multiplexed` for HTTP/2, where bytes may be other than a request's head.
    pub(crate) fn new(clock: &Arc<Clock>, multiplexed: bool) -> Arc<Self> {
        Arc::new(Self {
            active: AtomicU64::new(clock.coarse()),
            clock: Arc::clone(clock),
            in_flight: AtomicU32::new(0),
            head: AtomicU64::new(NOT_READING),
            multiplexed,
            expired: Notify::new(),
        })
    }

    /// Bytes came from the client.
    pub(crate) fn read(&self) {
        let now = self.clock.coarse();
        if self.in_flight.load(Ordering::Relaxed) > 0 {
            self.active.store(now, Ordering::Relaxed);
        } else if !self.multiplexed {
            // Only the first byte of a head starts its clock; later ones do not prolong it.
            let _ = self.head.compare_exchange(NOT_READING, now, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Bytes went to the client.
    pub(crate) fn wrote(&self) {
        self.active.store(self.clock.coarse(), Ordering::Relaxed);
    }

    /// A whole head has come.
    pub(crate) fn request_began(&self) {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.head.store(NOT_READING, Ordering::Relaxed);
        self.active.store(self.clock.coarse(), Ordering::Relaxed);
    }

    /// An answer has ended.
    pub(crate) fn request_ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.active.store(self.clock.coarse(), Ordering::Relaxed);
    }

    /// Waits until the connection has outlived a limit.
    pub(crate) async fn expired(&self) {
        self.expired.notified().await;
    }

    fn is_expired(&self, now: u64, limits: &Patience) -> bool {
        let idle = now.saturating_sub(self.active.load(Ordering::Relaxed));
        let head = self.head.load(Ordering::Relaxed);
        let head_is_late = head != NOT_READING && now.saturating_sub(head) > limits.header.as_secs();
        let allowed = if self.in_flight.load(Ordering::Relaxed) > 0 { limits.stream } else { limits.keep_alive };
        head_is_late || idle > allowed.as_secs()
    }
}

/// How long connections may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For a request's head.
    pub(crate) header: Duration,
    /// Between requests.
    pub(crate) keep_alive: Duration,
    /// Without a byte either way while an answer is under way.
    pub(crate) stream: Duration,
}

impl From<&config::GlobalLimits> for Patience {
    fn from(limits: &config::GlobalLimits) -> Self {
        Self { header: limits.header_timeout, keep_alive: limits.keep_alive, stream: limits.stream_idle }
    }
}

/// Connections that are looked at without a pause, while they are few.
const FEW: usize = 32;
/// Pauses of a second at the most, so that they end within it where the worker has time.
const PARTS: usize = 150;
const PAUSE: Duration = Duration::from_millis(4);

/// All connections of a worker.
#[derive(Debug, Default)]
pub(crate) struct Sweeper {
    pulses: Mutex<Vec<Weak<Pulse>>>,
}

impl Sweeper {
    /// Watches a connection until it is dropped.
    pub(crate) fn watch(&self, pulse: &Arc<Pulse>) {
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(pulse));
    }

    /// Looks at each connection once a second, for ever.
    ///
    /// A few at a time: slow clients end by the thousand, and everybody else would wait until they have all been closed.
    pub(crate) async fn run(&self, clock: &Clock, limits: impl Fn() -> Patience) {
        let mut rounds = interval(Duration::from_secs(1));
        loop {
            rounds.tick().await;
            clock.tick();
            let (all, mut at) = (self.count(), 0);
            let few = all.div_ceil(PARTS).max(FEW);
            while let Some(next) = self.sweep(at, few, clock.coarse(), &limits())
                && next < all
            {
                at = next;
                sleep(PAUSE).await;
                // A busy worker's pauses take longer, and time goes on in them.
                clock.tick();
            }
        }
    }

    fn count(&self) -> usize {
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Looks at a few from a place on and forgets who has gone; the place of the next, if there is one.
    fn sweep(&self, from: usize, few: usize, now: u64, limits: &Patience) -> Option<usize> {
        let mut pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = from;
        for _ in 0..few {
            if let Some(pulse) = pulses.get(at)?.upgrade() {
                if pulse.is_expired(now, limits) {
                    pulse.expired.notify_one();
                }
                at += 1;
            } else {
                pulses.swap_remove(at);
            }
        }
        Some(at)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Who is served meanwhile would wait for all of them.
    #[tokio::test(start_paused = true)]
    async fn who_expire_together_are_told_a_few_at_a_time() {
        const COUNT: usize = 3_000;
        let (clock, sweeper, told) =
            (Arc::new(Clock::new()), Arc::new(Sweeper::default()), Arc::new(AtomicUsize::new(0)));
        for number in 0..COUNT {
            let pulse = Pulse::new(&clock, false);
            sweeper.watch(&pulse);
            let told = Arc::clone(&told);
            // Every third has gone before.
            if number % 3 > 0 {
                tokio::spawn(async move {
                    pulse.expired().await;
                    told.fetch_add(1, Ordering::Relaxed);
                });
            }
        }
        let keep_alive = Duration::from_secs(2);
        let patience = Patience { header: keep_alive, keep_alive, stream: keep_alive };
        let running = Arc::clone(&sweeper);
        tokio::spawn(async move { running.run(&clock, || patience).await });
        let (begun, mut before, mut most) = (Instant::now(), 0, 0);
        while before < COUNT / 3 * 2 {
            sleep(Duration::from_millis(1)).await;
            let now = told.load(Ordering::Relaxed);
            (before, most) = (now, most.max(now - before));
            assert!(before == 0 || begun.elapsed() > keep_alive, "{:?}", begun.elapsed());
            assert!(begun.elapsed() < keep_alive + Duration::from_secs(2), "{before} after {:?}", begun.elapsed());
        }
        assert!(most <= FEW, "{most} at once");
        assert_eq!(sweeper.count(), COUNT / 3 * 2);
    }

    #[test]
    fn dates_and_seconds_are_of_now() {
        let before = SystemTime::now() - Duration::from_secs(2);
        let date = Clock::new().date();
        let date = httpdate::parse_http_date(std::str::from_utf8(&date).unwrap()).unwrap();
        assert!(date >= before && date <= SystemTime::now());
        let seconds = UNIX_EPOCH + Duration::from_secs(unix_now());
        assert!(seconds >= before && seconds <= SystemTime::now());
    }
}
