//! Limits that instances share through a Valkey or Redis server.
//!
//! Each instance leases small slices ahead of need and gives them out by itself, so that a request of a busy caller waits
//! for no store; how much may pass too much is proved in the `limits` crate. While the store does not answer, the
//! configuration's `on_store_failure` holds.

mod connection;
mod rule;
mod store;

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use config::{SharedLimits, StoreFailure};
use limits::{Allowance, Ask, Key, Standing, Step};
use tokio::sync::Notify;

pub(super) use rule::SharedRule;

use super::rules::Rule;
use crate::upstream::ConnectorError;
use store::{Store, StoreState};

/// Parts of the allowances, each with its own lock.
const SHARDS: usize = 64;
/// Callers of one part whose allowances are kept. Who finds no room asks the store each time.
const KEPT: usize = 1_024;
/// How often a part without room looks for allowances that say nothing any more.
const SWEEP: Duration = Duration::from_millis(100);
/// A request that others outran so often asks for itself.
const MOST_WAITS: usize = 4;

/// What this instance leased, and the store it leases from.
pub(crate) struct Shared {
    limits: SharedLimits,
    store: Store,
    started: Instant,
    shards: Vec<Mutex<Shard>>,
}

#[derive(Default)]
struct Shard {
    kept: HashMap<Key, Slot, foldhash::fast::RandomState>,
    swept: Option<Instant>,
}

#[derive(Default)]
struct Slot {
    allowance: Allowance,
    news: Arc<Notify>,
}

/// What becomes of a request under one shared limit.
pub(super) enum Outcome {
    /// It was taken from what is leased.
    Taken(OneTaken),
    /// The store granted it by itself.
    Passed,
    /// There is nothing left; nanoseconds until there is.
    Refused { wait: u64 },
    /// The store is gone: the part of this instance counts.
    Local,
    /// The store is gone, and the limit does not count.
    Uncounted,
    /// The store is gone, and nothing passes.
    Unavailable,
}

/// Requests taken from one allowance.
pub(super) struct OneTaken {
    shared: Arc<Shared>,
    rule: SharedRule,
    key: Key,
    cost: u64,
    standing: Standing,
}

/// What a request took from allowances. Dropped before it is kept, it is given back.
#[derive(Default)]
pub(super) struct Taken<'r>(Vec<(OneTaken, &'r Rule)>);

impl<'r> Taken<'r> {
    pub(super) fn push(&mut self, one: OneTaken, rule: &'r Rule) {
        self.0.push((one, rule));
    }

    /// Takes it for good; which limit is the closest to its end, with a local one among them.
    pub(super) fn keep(mut self, local: Option<(&'r Rule, Standing)>) -> Option<(&'r Rule, Standing)> {
        let shared = std::mem::take(&mut self.0).into_iter().map(|(one, rule)| (rule, one.standing));
        let share = |standing: &Standing| u128::from(standing.remaining) * 1_000_000 / u128::from(standing.most.max(1));
        shared.chain(local).min_by_key(|(_, standing)| share(standing))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for (one, _) in self.0.drain(..) {
            one.shared.with(one.key, |slot| slot.allowance.give_back(&one.rule.slicing, one.cost));
        }
    }
}

/// A request that waits for the store. Dropped, it waits no more.
struct Waiting<'s> {
    shared: &'s Shared,
    rule: &'s SharedRule,
    key: Key,
    cost: u64,
    waits: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.waits {
            self.shared.with(self.key, |slot| slot.allowance.gave_up(&self.rule.slicing, self.cost));
        }
    }
}

impl Shard {
    /// The slot of a caller; `None` if all are in use.
    fn slot(&mut self, key: Key, now: u64) -> Option<&mut Slot> {
        if self.kept.len() >= KEPT && !self.kept.contains_key(&key) {
            if self.swept.is_some_and(|swept| swept.elapsed() < SWEEP) {
                return None;
            }
            self.swept = Some(Instant::now());
            self.kept.retain(|_, slot| !slot.allowance.is_idle(now));
            if self.kept.len() >= KEPT {
                return None;
            }
        }
        Some(self.kept.entry(key).or_default())
    }
}

impl Shared {
    /// Connects to the store, or keeps the one there is. Must be called within a runtime that lasts.
    pub(super) fn start(limits: &SharedLimits, previous: Option<&Arc<Self>>) -> Result<Arc<Self>, ConnectorError> {
        if let Some(same) = previous.filter(|previous| previous.limits == *limits) {
            return Ok(Arc::clone(same));
        }
        let shards = std::iter::repeat_with(Mutex::default).take(SHARDS).collect();
        Ok(Arc::new(Self { limits: limits.clone(), store: Store::start(limits)?, started: Instant::now(), shards }))
    }

    /// Takes a request's cost from what is leased for a caller; asks the store if that is too little.
    pub(super) async fn take(
        self: &Arc<Self>,
        rule: &SharedRule,
        key: Key,
        name: impl Fn() -> String,
        cost: u64,
    ) -> Outcome {
        if self.store.state() != StoreState::Up && self.store.wait_until_known().await != StoreState::Up {
            return self.without_store();
        }
        let mut waiting = Waiting { shared: self, rule, key, cost, waits: false };
        for _ in 0..MOST_WAITS {
            let waited = std::mem::take(&mut waiting.waits);
            let Some((step, standing, news)) = self.step(rule, key, cost, waited) else { break };
            match step {
                Step::Pass(ask) => {
                    self.ask(rule, key, &name, ask);
                    let taken = OneTaken { shared: Arc::clone(self), rule: rule.clone(), key, cost, standing };
                    return Outcome::Taken(taken);
                }
                Step::Refuse(wait) => return Outcome::Refused { wait: wait.saturating_mul(1_000) },
                Step::Wait(ask) => {
                    waiting.waits = true;
                    self.ask(rule, key, &name, ask);
                    news.await;
                }
            }
            if self.store.state() != StoreState::Up {
                return self.without_store();
            }
        }
        drop(waiting);
        self.ask_alone(rule, &name(), cost).await
    }

    fn without_store(&self) -> Outcome {
        match &self.limits.on_store_failure {
            StoreFailure::LocalShare => Outcome::Local,
            StoreFailure::Deny => Outcome::Unavailable,
            StoreFailure::Allow { .. } => Outcome::Uncounted,
        }
    }

    /// One step of a caller's allowance, and news of the next answer; `None` if there is no room for another caller.
    fn step(
        &self,
        rule: &SharedRule,
        key: Key,
        cost: u64,
        waited: bool,
    ) -> Option<(Step, Standing, impl Future<Output = ()> + use<>)> {
        let now = self.now();
        let mut shard = self.shard(key)?;
        let slot = shard.slot(key, now)?;
        let step = slot.allowance.take(&rule.slicing, now, cost, waited);
        // Made while the lock is held, it misses no answer.
        Some((step, rule.standing(slot.allowance.remaining()), Arc::clone(&slot.news).notified_owned()))
    }

    /// Asks the store in a task of its own: whoever asks may go away before the answer.
    fn ask(self: &Arc<Self>, rule: &SharedRule, key: Key, name: &impl Fn() -> String, ask: Option<Ask>) {
        let Some(ask) = ask else { return };
        let (shared, rule, name) = (Arc::clone(self), rule.clone(), name());
        tokio::spawn(async move {
            let grant = shared.store.grant(&rule, &name, ask).await;
            let now = shared.now();
            shared.with(key, |slot| {
                match grant {
                    Some(grant) => slot.allowance.granted(&rule.slicing, now, ask, grant),
                    None => slot.allowance.unanswered(),
                }
                slot.news.notify_waiters();
            });
        });
    }

    fn with(&self, key: Key, change: impl FnOnce(&mut Slot)) {
        if let Some(mut shard) = self.shard(key)
            && let Some(slot) = shard.kept.get_mut(&key)
        {
            change(slot);
        }
    }

    /// Asks for this request alone, without keeping anything.
    async fn ask_alone(&self, rule: &SharedRule, name: &str, cost: u64) -> Outcome {
        match self.store.grant(rule, name, Ask { least: cost, want: cost }).await {
            None => self.without_store(),
            Some(grant) if grant.granted >= cost => Outcome::Passed,
            Some(grant) => Outcome::Refused { wait: grant.wait.saturating_mul(1_000) },
        }
    }

    fn shard(&self, key: Key) -> Option<MutexGuard<'_, Shard>> {
        // An allowance is whole after each step, so one that a panic left can be used.
        self.shards.get(key.part(SHARDS)).map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Microseconds on this instance's own clock, never 0.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX).saturating_add(1)
    }

    pub(super) fn render(&self, page: &mut String) {
        let up = u8::from(self.store.state() == StoreState::Up);
        let (asked, failed) = self.store.asked();
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "# HELP portcullis_limit_store_up Whether the store of shared limits answers.\n\
             # TYPE portcullis_limit_store_up gauge\nportcullis_limit_store_up {up}\n\
             # HELP portcullis_limit_store_requests_total Requests to the store of shared limits.\n\
             # TYPE portcullis_limit_store_requests_total counter\n\
             portcullis_limit_store_requests_total{{outcome=\"answered\"}} {}\n\
             portcullis_limit_store_requests_total{{outcome=\"failed\"}} {failed}\n",
            asked.saturating_sub(failed)
        );
    }
}
