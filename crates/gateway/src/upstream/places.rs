//! Places at an upstream: so many requests are under way to it, and a few more wait a moment for one of those to end.
//!
//! While more than half of the places are free, taking one is a single atomic operation, and nobody asks whose request it
//! is. From there on requests are counted by client, so that, once all places are taken, those that come free go in turns
//! to the clients who wait ([`limits::FairQueue`]), and first to those who have less than a quarter of all places. Nobody
//! waits for longer than the upstream's `max_wait`; checks of its health take no places at all.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use limits::{FairQueue, Pushed, Ticket};
use tokio::{sync::oneshot, time::Instant};

/// One who waits, in the upper half of the state; requests under way are its lower half. One operation reads both.
const WAITING: u64 = 1 << 32;
/// Clients are told apart by so many counts; two who share one count together.
const COUNTS: usize = 256;
/// The part of the places that one client may have while others wait.
const SHARE: u64 = 4;

/// The places of one upstream, shared by all workers.
#[derive(Debug)]
pub(super) struct Places {
    state: AtomicU64,
    most: u64,
    /// From so many requests under way on, clients are told apart.
    crowded: u64,
    share: u32,
    max_wait: Duration,
    counts: Box<[AtomicU32]>,
    queue: Mutex<Queue>,
    waited: AtomicU64,
}

#[derive(Debug)]
struct Queue {
    bells: FairQueue<Bell>,
    pace: Pace,
}

/// How fast places come free while somebody waits.
#[derive(Debug, Default)]
struct Pace {
    /// When one came free last, or somebody began to wait.
    last: Option<Instant>,
    /// What one takes, by the last few.
    each: Duration,
}

/// Who waits, and how they hear of their place.
#[derive(Debug)]
struct Bell {
    client: u64,
    says: oneshot::Sender<Place>,
}

/// A place, to be given back with [`Places::leave`].
#[derive(Debug)]
pub(super) struct Place {
    /// The client that it counts for.
    client: Option<u64>,
}

impl Places {
    pub(super) fn new(upstream: &config::Upstream) -> Self {
        let most = u64::try_from(upstream.max_requests).unwrap_or(u64::MAX).min(WAITING - 1);
        Self {
            state: AtomicU64::new(0),
            most,
            crowded: most / 2,
            share: u32::try_from((most / SHARE).max(1)).unwrap_or(u32::MAX),
            max_wait: upstream.max_wait,
            counts: (0..COUNTS).map(|_| AtomicU32::new(0)).collect(),
            queue: Mutex::new(Queue { bells: FairQueue::new(upstream.max_waiting), pace: Pace::default() }),
            waited: AtomicU64::new(0),
        }
    }

    /// A place, if one is free and nobody waits for it.
    pub(super) fn enter(&self, client: u64) -> Option<Place> {
        let before = self.state.fetch_add(1, Ordering::AcqRel);
        if before < self.crowded {
            return Some(Place { client: None });
        }
        if before < self.most {
            self.count(client).fetch_add(1, Ordering::Relaxed);
            return Some(Place { client: Some(client) });
        }
        self.leave(Place { client: None });
        None
    }

    /// Waits for a place; none if there is no room to wait in, or none comes free in time.
    pub(super) async fn wait(&self, client: u64) -> Option<Place> {
        let mut waiter = self.line_up(client)?;
        match tokio::time::timeout(self.max_wait, &mut waiter.hears).await {
            Ok(Ok(place)) => Some(place),
            // Somebody who has less took the place in the queue.
            Ok(Err(_)) => None,
            Err(_) => waiter.give_up(),
        }
    }

    /// Gives a place back, to whoever waits for it.
    pub(super) fn leave(&self, Place { client }: Place) {
        if let Some(client) = client {
            self.count(client).fetch_sub(1, Ordering::Relaxed);
        }
        if self.state.fetch_sub(1, Ordering::AcqRel) >= WAITING {
            self.serve(&mut self.queue());
        }
    }

    /// Requests under way.
    pub(super) fn taken(&self) -> u64 {
        self.state.load(Ordering::Relaxed) % WAITING
    }

    /// Requests that wait for a place.
    pub(super) fn waiting(&self) -> u64 {
        self.state.load(Ordering::Relaxed) / WAITING
    }

    /// Requests that waited, so far.
    pub(super) fn waited(&self) -> u64 {
        self.waited.load(Ordering::Relaxed)
    }

    fn line_up(&self, client: u64) -> Option<Waiter<'_>> {
        let (says, hears) = oneshot::channel();
        let (mut queue, now) = (self.queue(), Instant::now());
        if queue.bells.is_empty() {
            queue.pace = Pace { last: Some(now), each: Duration::ZERO };
        }
        if queue.pace.expected(now, queue.bells.turns_before(client)) > self.max_wait {
            return None;
        }
        let ticket = match queue.bells.push(client, Bell { client, says }) {
            Pushed::Waiting(ticket) => {
                self.state.fetch_add(WAITING, Ordering::AcqRel);
                ticket
            }
            // As many wait as before. Whose sender is dropped hears of it.
            Pushed::Instead { ticket, displaced: _ } => ticket,
            Pushed::Full(_) => return None,
        };
        self.waited.fetch_add(1, Ordering::Relaxed);
        // A place that came free before this one waited was offered to nobody.
        self.serve(&mut queue);
        Some(Waiter { places: self, client, ticket, hears })
    }

    /// Hands free places to those who wait. The state says that somebody waits only while the queue is locked or somebody
    /// is in it, so whoever gives a place back afterwards comes here.
    fn serve(&self, queue: &mut Queue) {
        let turn = |state: u64| {
            let is_one_free = state >= WAITING && state % WAITING < self.most;
            is_one_free.then(|| state.wrapping_sub(WAITING).wrapping_add(1))
        };
        while self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, turn).is_ok() {
            let has_less = |client: u64| self.count(client).load(Ordering::Relaxed) < self.share;
            let next = queue.bells.take_of(has_less).or_else(|| queue.bells.take());
            let Some(Bell { client, says }) = next else {
                // Nobody is there after all; the place is free again.
                self.state.fetch_sub(1, Ordering::AcqRel);
                return;
            };
            queue.pace.served(Instant::now());
            self.count(client).fetch_add(1, Ordering::Relaxed);
            if says.send(Place { client: Some(client) }).is_err() {
                // Whoever waits gives up their ticket first, so this is heard; if not, the place is not lost.
                self.count(client).fetch_sub(1, Ordering::Relaxed);
                self.state.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    fn count(&self, client: u64) -> &AtomicU32 {
        static NONE: AtomicU32 = AtomicU32::new(0);
        let at = usize::try_from(client % COUNTS as u64).unwrap_or(0);
        self.counts.get(at).unwrap_or(&NONE)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pace {
    /// A place came free.
    fn served(&mut self, now: Instant) {
        let took = self.last.map_or(Duration::ZERO, |last| now - last);
        self.each = if self.each.is_zero() { took } else { (self.each * 7 + took) / 8 };
        self.last = Some(now);
    }

    /// After how long one is served before whom so many are.
    fn expected(&self, now: Instant, turns: usize) -> Duration {
        // One that is late has been under way for as long as this at least.
        let since = self.last.map_or(Duration::ZERO, |last| now - last);
        self.each.max(since).saturating_mul(u32::try_from(turns).unwrap_or(u32::MAX))
    }
}

/// A request that waits. Dropped, it waits no more, and a place that it got meanwhile is given back.
struct Waiter<'p> {
    places: &'p Places,
    client: u64,
    ticket: Ticket,
    hears: oneshot::Receiver<Place>,
}

impl Waiter<'_> {
    /// Waits no more; the place, if it came in this moment.
    fn give_up(&mut self) -> Option<Place> {
        let mut queue = self.places.queue();
        if queue.bells.leave(self.client, self.ticket).is_some() {
            self.places.state.fetch_sub(WAITING, Ordering::AcqRel);
            return None;
        }
        self.hears.try_recv().ok()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.give_up() {
            self.places.leave(place);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::{
        pin::pin,
        sync::Arc,
        task::{Context, Poll, Waker},
        thread,
    };

    use super::*;
    use crate::upstream::example;

    fn places(most: usize, max_waiting: usize) -> Places {
        Places::new(&config::Upstream { max_requests: most, max_waiting, ..example::upstream() })
    }

    fn enter(places: &Places, client: u64, count: usize) -> Vec<Place> {
        (0..count).map(|_| places.enter(client).unwrap()).collect()
    }

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_comes_free_goes_to_who_waits_and_not_to_who_comes_later() {
        let places = places(1, 8);
        let first = places.enter(1).unwrap();
        let mut waiting = pin!(places.wait(2));
        assert!(poll(waiting.as_mut()).is_pending());
        assert_eq!((places.taken(), places.waiting()), (1, 1));
        places.leave(first);
        assert!(places.enter(3).is_none(), "somebody was there before");
        let second = waiting.await.unwrap();
        assert_eq!((places.taken(), places.waiting()), (1, 0));
        places.leave(second);
        assert_eq!(places.taken(), 0);
        assert!(places.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_who_waits_once_is_served_before_one_who_waits_often_is_twice() {
        let places = places(1, 64);
        let mut place = places.enter(1).unwrap();
        let mut crowd: Vec<_> = (0..50).map(|_| Box::pin(places.wait(1))).collect();
        for one in &mut crowd {
            assert!(poll(one.as_mut()).is_pending());
        }
        let mut single = pin!(places.wait(2));
        assert!(poll(single.as_mut()).is_pending());
        let mut served = 0;
        loop {
            places.leave(place);
            if let Poll::Ready(got) = poll(single.as_mut()) {
                places.leave(got.unwrap());
                break;
            }
            let at = crowd.iter_mut().position(|one| matches!(poll(one.as_mut()), Poll::Ready(Some(_)))).map(|at| {
                // Polled to its end; what it held is made anew.
                drop(crowd.remove(at));
                served += 1;
            });
            assert!(at.is_some());
            place = Place { client: Some(1) };
            assert!(served <= 1, "the crowd came first {served} times");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_a_quarter_of_the_places_waits_behind_those_who_have_less() {
        let places = places(8, 64);
        let mut held = enter(&places, 1, 8);
        // Four came before clients were told apart; the other four are twice their share of two.
        let (mut greedy, mut modest) = (pin!(places.wait(1)), pin!(places.wait(2)));
        assert!(poll(greedy.as_mut()).is_pending());
        assert!(poll(modest.as_mut()).is_pending());
        places.leave(held.remove(0));
        assert!(poll(greedy.as_mut()).is_pending(), "its turn was first, and it has more than its share");
        let Poll::Ready(Some(_)) = poll(modest.as_mut()) else { panic!("the modest one waits") };
        places.leave(held.remove(0));
        assert!(matches!(poll(greedy.as_mut()), Poll::Ready(Some(_))), "nobody else waits");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_or_in_a_queue_that_is_full() {
        let places = places(1, 1);
        let _held = places.enter(1).unwrap();
        let began = tokio::time::Instant::now();
        let mut waiting = pin!(places.wait(2));
        assert!(poll(waiting.as_mut()).is_pending());
        assert!(places.wait(3).await.is_none());
        assert_eq!(began.elapsed(), Duration::ZERO, "a full queue says so at once");
        assert!(waiting.await.is_none());
        assert!(began.elapsed() >= places.max_wait && began.elapsed() < places.max_wait * 2);
        assert_eq!((places.taken(), places.waiting()), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn whose_turn_would_not_come_in_time_is_told_so_at_once() {
        let places = places(1, 64);
        let mut place = places.enter(1).unwrap();
        let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(places.wait(1))).collect();
        for one in &mut waiting {
            assert!(poll(one.as_mut()).is_pending());
        }
        // One place each 100 ms: of those who wait for 250 ms, three come too late.
        tokio::time::advance(Duration::from_millis(100)).await;
        places.leave(place);
        let Poll::Ready(Some(next)) = poll(waiting.remove(0).as_mut()) else { panic!("it was its turn") };
        place = next;
        assert!(matches!(poll(pin!(places.wait(1))), Poll::Ready(None)), "three are before it");
        let mut other = pin!(places.wait(2));
        assert!(poll(other.as_mut()).is_pending(), "one is before it");
        // Nothing comes free any more: the time that this has taken already counts.
        tokio::time::advance(Duration::from_millis(140)).await;
        assert!(matches!(poll(pin!(places.wait(3))), Poll::Ready(None)));
        drop(waiting);
        places.leave(place);
        assert!(poll(other.as_mut()).is_ready());
    }

    #[test]
    fn the_pace_is_that_of_the_last_few() {
        let (start, millis) = (Instant::now(), Duration::from_millis);
        let mut pace = Pace { last: Some(start), each: Duration::ZERO };
        assert_eq!(pace.expected(start, 1_000), Duration::ZERO, "nothing is known yet");
        (1..=100).for_each(|number| pace.served(start + millis(10) * number));
        let now = start + millis(1_000);
        assert_eq!(pace.expected(now, 5), millis(50));
        assert_eq!(pace.expected(now + millis(30), 5), millis(150), "the next one is late");
        (1..=50).for_each(|number| pace.served(now + millis(2) * number));
        assert!(pace.expected(now + millis(100), 5) < millis(15));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_displaced_hears_of_it_at_once() {
        let places = places(1, 2);
        let _held = places.enter(1).unwrap();
        let (mut first, mut last) = (pin!(places.wait(1)), pin!(places.wait(1)));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(last.as_mut()).is_pending());
        let mut other = pin!(places.wait(2));
        assert!(poll(other.as_mut()).is_pending());
        assert!(matches!(poll(last.as_mut()), Poll::Ready(None)));
        assert_eq!(places.waiting(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_goes_away_leaves_nothing_behind() {
        let places = places(1, 8);
        let held = places.enter(1).unwrap();
        let mut waiting = Box::pin(places.wait(2));
        assert!(poll(waiting.as_mut()).is_pending());
        drop(waiting);
        assert_eq!(places.waiting(), 0);
        // This one has got the place and does not know it yet.
        let mut waiting = Box::pin(places.wait(2));
        assert!(poll(waiting.as_mut()).is_pending());
        places.leave(held);
        assert_eq!((places.taken(), places.waiting()), (1, 0));
        drop(waiting);
        assert_eq!((places.taken(), places.waiting()), (0, 0));
        assert!(places.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn no_place_and_nobody_who_waits_is_lost_between_threads() {
        let patient = config::Upstream {
            max_requests: 3,
            max_waiting: 1_000,
            max_wait: Duration::from_hours(1),
            ..example::upstream()
        };
        let places = Arc::new(Places::new(&patient));
        let workers: Vec<_> = (0..4_u64)
            .map(|client| {
                let places = Arc::clone(&places);
                thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    let one = |places: Arc<Places>| async move {
                        let place = match places.enter(client) {
                            Some(place) => Some(place),
                            None => places.wait(client).await,
                        };
                        assert!(places.taken() <= 3 + 4, "more are under way than there are places");
                        tokio::task::yield_now().await;
                        place.is_some_and(|place| {
                            places.leave(place);
                            true
                        })
                    };
                    runtime.block_on(async {
                        let mut served = 0;
                        for _ in 0..100 {
                            let tasks: Vec<_> = (0..20).map(|_| tokio::spawn(one(Arc::clone(&places)))).collect();
                            for task in tasks {
                                served += usize::from(task.await.unwrap());
                            }
                        }
                        served
                    })
                })
            })
            .collect();
        let served: usize = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
        assert_eq!(served, 4 * 100 * 20, "there is room for all to wait, and places come free at once");
        assert_eq!((places.taken(), places.waiting()), (0, 0));
        assert!(places.counts.iter().all(|count| count.load(Ordering::Relaxed) == 0));
    }
}
