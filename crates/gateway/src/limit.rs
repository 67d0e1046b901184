//! How much: the generic cell rate algorithm (GCRA) in integer arithmetic, shared by all workers of this process.
//!
//! A bucket is one number: the theoretical arrival time, the moment at which the caller's past requests are paid for.
//! A limit of `n` requests a period pays `period / n` for each; a request passes while that leaves the bucket no further
//! ahead of the clock than one period, so a burst of `n` passes at once and never more in any period.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use config::{RateLimit, RateSubject};

use crate::{
    authenticate::{Identified, Identity},
    listen::{Peer, network_of},
    refusal::{Refusal, Spent},
};

/// Parts of a table, each with its own lock.
const SHARDS: usize = 32;
const SHARDS_U64: u64 = SHARDS as u64;
/// Buckets of one part. A full part first gives up buckets that are paid for; when none is, new callers are refused,
/// so that nobody gets a fresh bucket by crowding theirs out.
const SHARD_CAPACITY: usize = 32 * 1024;

/// The limits of all APIs.
pub(crate) struct Limiter {
    started: Instant,
    apis: Vec<ApiLimits>,
}

struct ApiLimits {
    api: String,
    limits: Vec<Arc<Limit>>,
}

struct Limit {
    rule: RateLimit,
    cost: u64,
    period: u64,
    clients: Table<Box<str>>,
    addresses: Table<IpAddr>,
}

impl Limiter {
    /// Buckets for the limits of each API. A limit that stays the same in a reload keeps its buckets: it would otherwise
    /// be a fresh allowance for everybody.
    pub(crate) fn new(apis: &[config::Api], previous: Option<&Self>) -> Self {
        let kept = |api: &str, rule: &RateLimit| {
            let before = previous?.apis.iter().find(|limits| limits.api == api)?;
            before.limits.iter().find(|limit| limit.rule == *rule).cloned()
        };
        let limits = |api: &config::Api| {
            let limit = |rule| kept(&api.name, rule).unwrap_or_else(|| Arc::new(Limit::new(rule)));
            ApiLimits { api: api.name.clone(), limits: api.rate_limits.iter().map(limit).collect() }
        };
        let started = previous.map_or_else(Instant::now, |previous| previous.started);
        Self { started, apis: apis.iter().map(limits).collect() }
    }

    /// Takes a request from every limit of its API, or from none (429).
    pub(crate) fn admit(&self, peer: &Peer, identified: Identified) -> Result<Identified, Refusal> {
        let limits = self.apis.get(identified.route.api_index).map_or(&[][..], |api| api.limits.as_slice());
        if limits.is_empty() {
            return Ok(identified);
        }
        let now = nanoseconds(self.started.elapsed());
        let address = network_of(peer.address.ip());
        for (position, limit) in limits.iter().enumerate() {
            if let Err(wait) = limit.take(&identified.identity, address, now) {
                for taken in limits.iter().take(position) {
                    taken.give_back(&identified.identity, address);
                }
                return Err(Refusal::RateLimited(limit.spent(wait)));
            }
        }
        Ok(identified)
    }
}

impl Limit {
    fn new(rule: &RateLimit) -> Self {
        let period = nanoseconds(rule.period);
        let cost = period / rule.requests.max(1);
        Self { rule: *rule, cost: cost.max(1), period, clients: Table::new(), addresses: Table::new() }
    }

    /// Takes one request at `now`; the error is the time in nanoseconds until there is one to take.
    fn take(&self, identity: &Identity, address: IpAddr, now: u64) -> Result<(), u64> {
        match (&self.rule.per, identity) {
            (RateSubject::Client, Identity::Known(caller)) => {
                self.clients.take(caller.limit_key.as_str(), now, self.cost, self.period)
            }
            // Nobody is known on a public route; the address is the client.
            (RateSubject::Client, Identity::Anonymous) | (RateSubject::Address, _) => {
                self.addresses.take(&address, now, self.cost, self.period)
            }
        }
    }

    fn give_back(&self, identity: &Identity, address: IpAddr) {
        match (&self.rule.per, identity) {
            (RateSubject::Client, Identity::Known(caller)) => {
                self.clients.give_back(caller.limit_key.as_str(), self.cost);
            }
            (RateSubject::Client, Identity::Anonymous) | (RateSubject::Address, _) => {
                self.addresses.give_back(&address, self.cost);
            }
        }
    }

    fn spent(&self, wait: u64) -> Spent {
        Spent {
            requests: self.rule.requests,
            period_seconds: self.rule.period.as_secs().max(1),
            retry_after_seconds: wait.div_ceil(1_000_000_000).max(1),
        }
    }
}

type Shard<K> = Mutex<HashMap<K, u64, foldhash::fast::RandomState>>;

struct Table<K> {
    hasher: foldhash::fast::RandomState,
    shards: Vec<Shard<K>>,
}

impl<K: Hash + Eq> Table<K> {
    fn new() -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Self { hasher: foldhash::fast::RandomState::default(), shards }
    }

    fn take<Q>(&self, key: &Q, now: u64, cost: u64, period: u64) -> Result<(), u64>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ToOwned + ?Sized,
        Q::Owned: Into<K>,
    {
        let Some(shard) = self.shard(key) else { return Err(period) };
        let mut buckets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(arrival) = buckets.get_mut(key) {
            *arrival = arrive(*arrival, now, cost, period)?;
            return Ok(());
        }
        if buckets.len() >= SHARD_CAPACITY {
            buckets.retain(|_, arrival| *arrival > now);
            if buckets.len() >= SHARD_CAPACITY {
                return Err(period);
            }
        }
        let arrival = arrive(0, now, cost, period)?;
        buckets.insert(key.to_owned().into(), arrival);
        Ok(())
    }

    fn give_back<Q>(&self, key: &Q, cost: u64)
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let Some(shard) = self.shard(key) else { return };
        if let Some(arrival) = shard.lock().unwrap_or_else(PoisonError::into_inner).get_mut(key) {
            *arrival = arrival.saturating_sub(cost);
        }
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> Option<&Shard<K>> {
        let at = usize::try_from(self.hasher.hash_one(key) % SHARDS_U64).unwrap_or_default();
        self.shards.get(at)
    }
}

/// GCRA: the new arrival time, or the time to wait.
fn arrive(arrival: u64, now: u64, cost: u64, period: u64) -> Result<u64, u64> {
    let next = arrival.max(now).saturating_add(cost);
    match next.saturating_sub(now).checked_sub(period) {
        None | Some(0) => Ok(next),
        Some(wait) => Err(wait),
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_of_the_limit_passes_and_then_one_at_a_time() {
        let table: Table<Box<str>> = Table::new();
        let take = |now| table.take("a", now, SECOND / 10, SECOND);
        assert!((0..10).all(|_| take(0).is_ok()));
        assert_eq!(take(0), Err(SECOND / 10));
        assert_eq!(take(SECOND / 10), Ok(()));
        assert!(take(SECOND / 10).is_err());
        assert_eq!(table.take("b", SECOND / 10, SECOND / 10, SECOND), Ok(()));
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let table: Table<Box<str>> = Table::new();
        assert_eq!(table.take("a", 0, SECOND, SECOND), Ok(()));
        assert!(table.take("a", 0, SECOND, SECOND).is_err());
        table.give_back("a", SECOND);
        assert_eq!(table.take("a", 0, SECOND, SECOND), Ok(()));
    }

    proptest! {
        #[test]
        fn no_more_than_the_burst_and_the_rate_pass(steps in prop::collection::vec(0..SECOND / 4, 1..300), limit in 1u64..20) {
            let table: Table<Box<str>> = Table::new();
            let (mut now, mut passed) = (0, 0u64);
            for step in steps {
                now += step;
                passed += u64::from(table.take("a", now, SECOND / limit, SECOND).is_ok());
            }
            // One burst at the start, then the rate; integer division rounds the cost down by less than a nanosecond.
            prop_assert!(passed <= limit + now / (SECOND / limit) + 1);
        }
    }
}
