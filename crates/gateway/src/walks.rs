//! Callers that walk through other callers' objects (OWASP API1:2023), noticed by what they ask for.
//!
//! This only ever raises an alarm. Whose an object is, policies say; here it is who used it first. The tables have a
//! fixed size, so that a guess can be wrong where two objects fall on one place, and nobody can fill them.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Objects of others within the window that make a walk.
const WALK: usize = 20;
/// The window.
const WINDOW: Duration = Duration::from_mins(5);
/// Objects whose first user is remembered.
const OBJECTS: usize = 1 << 16;
/// In the place of a user: several have used it. Also the half of a place that holds the user.
const SHARED: u64 = 0xffff_ffff;
/// Callers that are watched at once.
const WALKERS: usize = 4_096;

/// What is remembered of objects and callers. Shared by all workers.
pub(crate) struct Walks {
    hasher: foldhash::quality::RandomState,
    /// Half of an object's hash, and half of its first user's.
    owners: Box<[AtomicU64]>,
    walkers: Mutex<HashMap<u64, Walker, foldhash::fast::RandomState>>,
}

struct Walker {
    since: Instant,
    objects: Vec<u64>,
    told: bool,
}

/// A caller that walks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) objects: usize,
    pub(crate) window_seconds: u64,
}

impl Default for Walks {
    fn default() -> Self {
        let owners = (0..OBJECTS).map(|_| AtomicU64::new(0)).collect();
        Self { hasher: foldhash::quality::RandomState::default(), owners, walkers: Mutex::default() }
    }
}

impl Walks {
    /// What an object is called here: its API, and its path up to the first parameter.
    pub(crate) fn object(&self, api: &str, path: &str) -> u64 {
        self.hasher.hash_one((api, path))
    }

    /// Notes a request for an object and how it was answered. A walk is told once in a window.
    pub(crate) fn note(&self, caller: &impl Hash, object: u64, status: u16, now: Instant) -> Option<Walk> {
        let caller = self.hasher.hash_one(caller);
        let is_foreign = match status {
            // Nobody knows which of these was somebody's.
            403 | 404 => true,
            200..=299 => self.is_anothers(caller, object),
            _ => false,
        };
        if is_foreign { self.step(caller, object, now) } else { None }
    }

    /// Whether one other caller alone used an object before; if nobody did, this one has now. What a second caller uses
    /// counts as shared from then on: a catalogue is nobody's.
    fn is_anothers(&self, caller: u64, object: u64) -> bool {
        let (tag, owner) = (object & !SHARED, caller >> 32);
        let place = usize::try_from(object).unwrap_or_default() % OBJECTS;
        let Some(place) = self.owners.get(place) else { return false };
        let known = place.load(Ordering::Relaxed);
        if known & !SHARED == tag && known != 0 {
            let is_foreign = ![owner, SHARED].contains(&(known & SHARED));
            if is_foreign {
                place.store(tag | SHARED, Ordering::Relaxed);
            }
            return is_foreign;
        }
        place.store(tag | owner, Ordering::Relaxed);
        false
    }

    fn step(&self, caller: u64, object: u64, now: Instant) -> Option<Walk> {
        let mut walkers = self.walkers.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |walker: &Walker| now.saturating_duration_since(walker.since) > WINDOW;
        if walkers.len() >= WALKERS && !walkers.contains_key(&caller) {
            walkers.retain(|_, walker| !is_over(walker));
            if walkers.len() >= WALKERS {
                return None;
            }
        }
        let fresh = || Walker { since: now, objects: Vec::new(), told: false };
        let walker = walkers.entry(caller).or_insert_with(fresh);
        if is_over(walker) {
            *walker = fresh();
        }
        if walker.told || walker.objects.contains(&object) {
            return None;
        }
        walker.objects.push(object);
        walker.told = walker.objects.len() >= WALK;
        walker.told.then_some(Walk { objects: WALK, window_seconds: WINDOW.as_secs() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walks(walks: &Walks, caller: &str, ids: std::ops::Range<usize>, status: u16, now: Instant) -> usize {
        ids.filter(|id| walks.note(&caller, walks.object("orders", &format!("/orders/{id}")), status, now).is_some())
            .count()
    }

    #[test]
    fn who_goes_through_the_objects_of_others_is_told_once_in_a_window() {
        let (table, now) = (Walks::default(), Instant::now());
        assert_eq!(walks(&table, "alice", 0..1000, 200, now), 0, "they are her own");
        assert_eq!(walks(&table, "bob", 0..WALK - 1, 200, now), 0);
        assert_eq!(walks(&table, "bob", 0..WALK - 1, 200, now), 0, "again the same");
        assert_eq!(walks(&table, "bob", 100..130, 200, now), 1);
        assert_eq!(walks(&table, "bob", 200..300, 200, now), 0, "it was told");
        assert_eq!(walks(&table, "bob", 400..500, 200, now + WINDOW * 2), 1);
        assert_eq!(walks(&table, "carol", 100..130, 200, now), 0, "two have used them: they are shared");
        assert_eq!(walks(&table, "alice", 0..1000, 200, now), 0);
    }

    #[test]
    fn guesses_that_miss_are_a_walk_too() {
        let (table, now) = (Walks::default(), Instant::now());
        assert_eq!(walks(&table, "bob", 0..100, 404, now), 1);
        assert_eq!(walks(&table, "carol", 0..100, 403, now), 1);
        assert_eq!(walks(&table, "dave", 0..100, 429, now), 0);
    }

    #[test]
    fn walkers_are_bounded() {
        let (table, now) = (Walks::default(), Instant::now());
        for caller in 0..WALKERS * 2 {
            assert_eq!(walks(&table, &caller.to_string(), 0..1, 404, now), 0);
        }
        assert_eq!(table.walkers.lock().unwrap_or_else(PoisonError::into_inner).len(), WALKERS);
    }
}
