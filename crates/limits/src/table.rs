//! Buckets of all callers and limits, in memory that is bounded from the start.
//!
//! A key is hashed, by `SipHash` under a secret of the process, to the set of 16 in which its bucket is; the bucket costs
//! 24 bytes however long the key is. A bucket is given up for a new caller only once it allows no less than a fresh one:
//! **what throttles somebody is never forgotten**, so nobody gets a fresh allowance by crowding theirs out.
//!
//! A newcomer who finds a set full of such buckets counts in one bucket that all newcomers of that part of the table
//! share, for each limit. Together they get what one of them would: less than they should have, never more; and they are
//! not locked out. [`Table::crowded`] tells how often that happened.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    measure::{Bucket, Measure, Moment, Standing},
    set::{self, Find, Set, WAYS},
};

/// Parts of a table, each with its own lock.
const SHARDS: usize = 64;

/// Demands of one request at most.
pub const MOST_DEMANDS: usize = 16;

/// A bounded table of buckets.
#[derive(Debug)]
pub struct Table {
    secret: RandomState,
    shards: Box<[Mutex<Shard>]>,
    crowded: AtomicU64,
}

#[derive(Debug)]
struct Shard {
    /// Its sets, one after another: numbers that begin as zero are zero pages of the system until somebody is counted.
    words: Vec<u64>,
    /// One for each limit that newcomers had to share.
    crowd: Vec<(u64, Bucket)>,
}

/// The hash of a limit and of whom it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u64);

impl Key {
    /// One of so many parts, for tables beside this one.
    pub fn part(self, parts: usize) -> usize {
        let hash = usize::try_from(self.0 >> 32).unwrap_or_default();
        hash.checked_rem(parts).unwrap_or_default()
    }
}

/// What a request needs of one limit.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'m> {
    /// Made by [`Table::key`] from the same limit.
    pub key: Key,
    /// The limit's number.
    pub limit: u64,
    /// What it measures.
    pub measure: &'m Measure,
    /// Requests that this one counts as.
    pub cost: u32,
}

/// A request that every limit lets pass.
#[derive(Debug, Default)]
pub struct Admission {
    /// Where the caller stands now at the limit that is closest to being used up, by its position among the demands.
    pub tightest: Option<(usize, Standing)>,
    /// Places that it takes until they are released.
    pub held: Vec<Held>,
}

/// A place in use. It must be given to [`Table::release`].
#[derive(Debug)]
#[must_use]
pub struct Held {
    key: Key,
    limit: u64,
    crowd: bool,
}

/// A request that a limit refuses. Nothing was taken from any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Position of the demand that waits longest.
    pub demand: usize,
    /// Nanoseconds until it would pass, if nobody else asks.
    pub wait: u64,
    /// Where the caller stands there.
    pub standing: Standing,
}

/// Where a bucket is in its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Way(usize, usize),
    Crowd,
}

impl Table {
    /// A table for this many buckets, rounded up to a power of two. Memory becomes resident as buckets are used.
    pub fn new(buckets: usize) -> Self {
        let sets = (buckets / (WAYS * SHARDS)).max(1).next_power_of_two();
        let shard = || Mutex::new(Shard { words: vec![0; sets * set::WORDS], crowd: Vec::new() });
        let shards = std::iter::repeat_with(shard).take(SHARDS).collect();
        Self { secret: RandomState::new(), shards, crowded: AtomicU64::new(0) }
    }

    /// Buckets that it has room for.
    pub fn capacity(&self) -> usize {
        self.shards.first().map_or(0, |shard| lock(shard).sets().len()) * WAYS * SHARDS
    }

    /// How often a newcomer had to share a bucket with others.
    pub fn crowded(&self) -> u64 {
        self.crowded.load(Ordering::Relaxed)
    }

    /// The key of a caller under a limit. Parts are told apart: `a`, `bc` is not `ab`, `c`.
    pub fn key<P: AsRef<[u8]>>(&self, limit: u64, parts: impl IntoIterator<Item = P>) -> Key {
        let mut hasher = self.secret.build_hasher();
        hasher.write_u64(limit);
        for part in parts {
            hasher.write_usize(part.as_ref().len());
            hasher.write(part.as_ref());
        }
        // 0 is the tag of a bucket that nobody has.
        Key(hasher.finish().max(1))
    }

    /// Takes from every limit, or from none. At most [`MOST_DEMANDS`]; what is past them is not asked.
    pub fn admit(&self, now: Moment, demands: &[Demand<'_>]) -> Result<Admission, Refused> {
        match demands {
            [] => Ok(Admission::default()),
            [demand] => self.admit_one(now, demand),
            demands => self.admit_all(now, demands),
        }
    }

    /// Where the caller of a demand stands; an error if it would be refused. Takes nothing.
    pub fn peek(&self, now: Moment, demand: &Demand<'_>) -> Result<Standing, Refused> {
        let Some(mut shard) = self.shard(demand.key).map(lock) else { return Err(nowhere()) };
        let (_, bucket) = shard.find(demand, now, &[]);
        taken(demand, bucket, now, 0).map(|_| demand.measure.standing(bucket, now))
    }

    /// Gives a place back.
    pub fn release(&self, held: &Held) {
        let Some(mut shard) = self.shard(held.key).map(lock) else { return };
        let place = if held.crowd { Some(Place::Crowd) } else { shard.place_of(held.key) };
        // A bucket with places in use is never given up, so it is there.
        if let Some(place) = place {
            let bucket = shard.read(place, held.limit).released();
            shard.write(place, held.key, held.limit, bucket);
        }
    }

    fn admit_one(&self, now: Moment, demand: &Demand<'_>) -> Result<Admission, Refused> {
        let Some(mut shard) = self.shard(demand.key).map(lock) else { return Err(nowhere()) };
        let (place, bucket) = shard.find(demand, now, &[]);
        self.count_crowd(place);
        let bucket = taken(demand, bucket, now, 0)?;
        shard.write(place, demand.key, demand.limit, bucket);
        drop(shard);
        let mut admission = Admission::default();
        Self::note(&mut admission, 0, demand, place, demand.measure.standing(bucket, now));
        Ok(admission)
    }

    fn admit_all(&self, now: Moment, demands: &[Demand<'_>]) -> Result<Admission, Refused> {
        let demands = demands.get(..MOST_DEMANDS).unwrap_or(demands);
        let mut locked = self.lock_all(demands);
        let mut found = [(Place::Crowd, Bucket::default()); MOST_DEMANDS];
        let mut chosen = [(usize::MAX, Place::Crowd); MOST_DEMANDS];
        let mut refused: Option<Refused> = None;
        for (at, demand) in demands.iter().enumerate() {
            let shard_at = shard_of(demand.key);
            let Some(shard) = locked.get_mut(shard_at) else { return Err(nowhere()) };
            let (place, bucket) = shard.find(demand, now, chosen.get(..at).unwrap_or_default());
            self.count_crowd(place);
            match taken(demand, bucket, now, at) {
                Ok(bucket) => put(&mut found, at, (place, bucket)),
                Err(no) if refused.is_none_or(|other| other.wait < no.wait) => refused = Some(no),
                Err(_) => {}
            }
            put(&mut chosen, at, (shard_at, place));
        }
        if let Some(refused) = refused {
            return Err(refused);
        }
        for (demand, (place, bucket)) in demands.iter().zip(&found) {
            if let Some(shard) = locked.get_mut(shard_of(demand.key)) {
                shard.write(*place, demand.key, demand.limit, *bucket);
            }
        }
        drop(locked);
        let mut admission = Admission::default();
        for (at, (demand, (place, bucket))) in demands.iter().zip(found).enumerate() {
            Self::note(&mut admission, at, demand, place, demand.measure.standing(bucket, now));
        }
        Ok(admission)
    }

    fn note(admission: &mut Admission, at: usize, demand: &Demand<'_>, place: Place, standing: Standing) {
        let closer = |other: &Standing| {
            u128::from(standing.remaining) * u128::from(other.most)
                < u128::from(other.remaining) * u128::from(standing.most)
        };
        if admission.tightest.as_ref().is_none_or(|(_, other)| closer(other)) {
            admission.tightest = Some((at, standing));
        }
        if demand.measure.is_held() {
            let crowd = place == Place::Crowd;
            admission.held.push(Held { key: demand.key, limit: demand.limit, crowd });
        }
    }

    fn count_crowd(&self, place: Place) {
        if place == Place::Crowd {
            self.crowded.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn shard(&self, key: Key) -> Option<&Mutex<Shard>> {
        self.shards.get(shard_of(key))
    }

    /// Locks the shards of demands, each once and in ascending order, so that two requests never wait for each other.
    fn lock_all(&self, demands: &[Demand<'_>]) -> Locked<'_> {
        let mut wanted = [false; SHARDS];
        for demand in demands {
            put(&mut wanted, shard_of(demand.key), true);
        }
        let mut guards = [const { None }; MOST_DEMANDS];
        let ascending = wanted.iter().enumerate().filter(|(_, wanted)| **wanted).map(|(at, _)| at);
        for (slot, at) in guards.iter_mut().zip(ascending) {
            *slot = self.shards.get(at).map(|shard| (at, lock(shard)));
        }
        Locked(guards)
    }
}

/// Locks of several shards, with the numbers of these.
struct Locked<'t>([Option<(usize, MutexGuard<'t, Shard>)>; MOST_DEMANDS]);

impl Locked<'_> {
    fn get_mut(&mut self, shard: usize) -> Option<&mut Shard> {
        self.0.iter_mut().flatten().find(|(at, _)| *at == shard).map(|(_, guard)| &mut **guard)
    }
}

impl Shard {
    fn sets(&self) -> &[Set] {
        self.words.as_chunks().0
    }

    fn sets_mut(&mut self) -> &mut [Set] {
        self.words.as_chunks_mut().0
    }

    /// Where the bucket of a demand is or would be, and what it remembers. Places that `chosen` names for other demands
    /// are not free, in whichever shard they are: rather one way too few than one bucket for two.
    fn find(&mut self, demand: &Demand<'_>, now: Moment, chosen: &[(usize, Place)]) -> (Place, Bucket) {
        let at = self.set_of(demand.key);
        let Some(set) = self.sets().get(at) else { return (Place::Crowd, Bucket::default()) };
        let taken = |way| chosen.iter().any(|(_, place)| *place == Place::Way(at, way));
        match set::find(set, demand.key.0, now.0, taken) {
            Find::There(way) => (Place::Way(at, way), set::read(set, way)),
            Find::Free(way) => (Place::Way(at, way), Bucket::default()),
            Find::Full => (Place::Crowd, self.read(Place::Crowd, demand.limit)),
        }
    }

    fn place_of(&self, key: Key) -> Option<Place> {
        let at = self.set_of(key);
        match set::find(self.sets().get(at)?, key.0, 0, |_| true) {
            Find::There(way) => Some(Place::Way(at, way)),
            Find::Free(_) | Find::Full => None,
        }
    }

    /// Bits above those that choose the shard.
    fn set_of(&self, key: Key) -> usize {
        let hash = usize::try_from(key.0 >> SHARDS.trailing_zeros() & u64::from(u32::MAX)).unwrap_or_default();
        hash & (self.sets().len() - 1)
    }

    fn read(&self, place: Place, limit: u64) -> Bucket {
        match place {
            Place::Way(at, way) => self.sets().get(at).map_or_else(Bucket::default, |set| set::read(set, way)),
            Place::Crowd => self.crowd.iter().find(|(of, _)| *of == limit).map(|(_, b)| *b).unwrap_or_default(),
        }
    }

    fn write(&mut self, place: Place, key: Key, limit: u64, bucket: Bucket) {
        match place {
            Place::Way(at, way) => {
                if let Some(set) = self.sets_mut().get_mut(at) {
                    set::write(set, way, key.0, bucket);
                }
            }
            Place::Crowd => match self.crowd.iter_mut().find(|(of, _)| *of == limit) {
                Some((_, shared)) => *shared = bucket,
                None => self.crowd.push((limit, bucket)),
            },
        }
    }
}

fn taken(demand: &Demand<'_>, bucket: Bucket, now: Moment, at: usize) -> Result<Bucket, Refused> {
    let refuse = |wait| Refused { demand: at, wait, standing: demand.measure.standing(bucket, now) };
    demand.measure.take(bucket, now, demand.cost).map_err(refuse)
}

/// Not reachable: every key has a shard. Refused all the same.
fn nowhere() -> Refused {
    let standing = Standing { most: 0, remaining: 0, resets_in: 0 };
    Refused { demand: 0, wait: 1, standing }
}

fn shard_of(key: Key) -> usize {
    usize::try_from(key.0 % 64).unwrap_or_default()
}

fn put<T, const N: usize>(all: &mut [T; N], at: usize, value: T) {
    if let Some(one) = all.get_mut(at) {
        *one = value;
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A shard is consistent after each write, so one that a panic left can be used.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

const _: () = assert!(SHARDS == 64, "`shard_of` takes six bits");
