//! Limits that instances share: each leases slices from a store ahead of need, so that its requests wait for no store.
//!
//! # How
//!
//! The store keeps the one bucket of a caller and grants requests by [`Gcra`]. An instance asks for what waits there,
//! plus what the caller will use soon, a slice at most; what it got it gives out by itself. A store with nothing left says when
//! to ask again, and until then the instance refuses by itself.
//!
//! # How much too much
//!
//! Let the limit be a burst of `B` and one request each `T`, shared by `N` instances with slices of `S` requests, and `D`
//! the longest time from the store's grant to its use by a request that waited for it (a round trip; at most the time
//! after which the store counts as gone). **In any time `W`, all instances together admit at most**
//!
//! ```text
//! B + (W + D) / T + N * S
//! ```
//!
//! *Proof.* Nothing is admitted that was not granted. Take the window from `t` to `t + W`, and each request admitted in
//! it by the grant it used. Grants made after `t - D` are, by GCRA at the store, at most `B + (W + D) / T`. A grant made
//! before `t - D` had arrived at `t`, those who waited for it had used it, and what [`Allowance`] keeps beyond them is at
//! most one slice: `N * S` in all. ∎
//!
//! [`Slicing`] chooses `S` as the tenth part of `B`, divided by `N` and rounded down: the last term is never more than
//! `B / 10`. Where that is nothing, every request is asked for by itself, and the term is 0. A slice is good for
//! [`LEASE`], so what lies unused, and is missing elsewhere, is at most `N * S` requests a second.
//!
//! When the store is gone and instances limit by themselves (`local_share`), the parts add up to one more `B`, and a store
//! that has forgotten everything on its return adds another.

use crate::Gcra;

/// How long leased requests are good for, in microseconds. What is left of them then lapses.
pub const LEASE: u64 = 1_000_000;

/// Times in the store are microseconds: its numbers are exact up to 2^53, which nanoseconds of this century pass.
const SECOND: u64 = 1_000_000;

/// A store's unit takes at least this long, so that rounding up to whole microseconds costs at most a thousandth.
const COARSEST: u64 = 1_000;

/// How a limit is divided into slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slicing {
    gcra: Gcra,
    unit: u64,
    slice: u64,
}

/// An instance's part of one caller's limit. Times are microseconds by the instance's own clock.
#[derive(Debug, Clone, Default)]
pub struct Allowance {
    left: u64,
    waiting: u64,
    lapses: u64,
    asked_at: u64,
    /// Requests taken since then.
    taken: u64,
    /// With so few left, it asks for more.
    low: u64,
    asked: bool,
    /// Until then the store has nothing for requests that cost so much.
    refused_until: u64,
    refused_cost: u64,
    /// What the store had beside it, when it last answered.
    elsewhere: u64,
}

/// The store's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Requests granted.
    pub granted: u64,
    /// Requests that it has left.
    pub remaining: u64,
    /// Microseconds until it has what was asked for at least, if it granted nothing; else until it has one.
    pub wait: u64,
}

/// A question to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Fewer requests are of no use.
    pub least: u64,
    /// All that are of use.
    pub want: u64,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It passes. The store is to be asked for more, while others go on.
    Pass(Option<Ask>),
    /// It waits for the store's answer, and is then tried again. The store is to be asked, if it is not being asked.
    Wait(Option<Ask>),
    /// It is refused; microseconds until there is something to ask for.
    Refuse(u64),
}

impl Slicing {
    /// Divides `requests` in each `seconds`, and `burst` at once, among `instances`.
    pub fn new(requests: u64, seconds: u64, burst: u64, instances: u64) -> Self {
        let (requests, burst, period) = (requests.max(1), burst.max(1), seconds.saturating_mul(SECOND).max(1));
        let slice = burst / 10 / instances.max(1);
        // Faster limits are counted in units of several requests, four of them in a slice at least.
        let unit = (requests.saturating_mul(COARSEST) / period).clamp(1, (slice / 4).max(1));
        let gcra = Gcra::new(requests, period.saturating_mul(unit), (burst / unit).max(1));
        Self { gcra, unit, slice: slice / unit * unit }
    }

    /// Divides a quota of `requests`, whose store grants what is left without a rate.
    pub fn of_quota(requests: u64, instances: u64) -> Self {
        let gcra = Gcra::new(1, 1, 1);
        Self { gcra, unit: 1, slice: requests / 10 / instances.max(1) }
    }

    /// The rate in the store, in microseconds and units.
    pub fn gcra(&self) -> Gcra {
        self.gcra
    }

    /// Requests of a unit.
    pub fn unit(&self) -> u64 {
        self.unit
    }

    /// Requests that an instance may hold beyond what waits for them.
    pub fn slice(&self) -> u64 {
        self.slice
    }

    /// Units that are to be asked for, for so many requests.
    pub fn units(&self, requests: u64) -> u64 {
        requests.div_ceil(self.unit)
    }
}

impl Allowance {
    /// Takes `cost` requests at a moment. One that has waited says so, and is then no longer waited for.
    pub fn take(&mut self, slicing: &Slicing, now: u64, cost: u64, waited: bool) -> Step {
        self.lapse(now);
        if waited {
            self.waiting = self.waiting.saturating_sub(cost);
        }
        if self.left >= cost {
            self.left -= cost;
            self.taken = self.taken.saturating_add(cost);
            let low = self.left < self.low && !self.asked && self.refused_until <= now;
            return Step::Pass(low.then(|| self.ask(slicing, now, 1)));
        }
        if self.refused_until > now && cost >= self.refused_cost {
            return Step::Refuse(self.refused_until - now);
        }
        self.waiting = self.waiting.saturating_add(cost);
        Step::Wait((!self.asked).then(|| self.ask(slicing, now, cost)))
    }

    /// A request that waited went away, and wants nothing any more.
    pub fn gave_up(&mut self, slicing: &Slicing, cost: u64) {
        self.waiting = self.waiting.saturating_sub(cost);
        self.cap(slicing);
    }

    /// Puts back what a request took and did not use.
    pub fn give_back(&mut self, slicing: &Slicing, cost: u64) {
        self.left = self.left.saturating_add(cost);
        self.cap(slicing);
    }

    /// The store answered a question.
    pub fn granted(&mut self, slicing: &Slicing, now: u64, ask: Ask, grant: Grant) {
        self.asked = false;
        self.left = self.left.saturating_add(grant.granted);
        self.lapses = now.saturating_add(LEASE);
        self.elsewhere = grant.remaining;
        if grant.granted == 0 || grant.remaining == 0 {
            self.refused_until = now.saturating_add(grant.wait);
            self.refused_cost = if grant.granted == 0 { ask.least } else { 1 };
        }
        self.cap(slicing);
    }

    /// The store did not answer.
    pub fn unanswered(&mut self) {
        self.asked = false;
    }

    /// Requests that are left, as far as this instance knows.
    pub fn remaining(&self) -> u64 {
        self.left.saturating_add(self.elsewhere)
    }

    /// Whether it may be forgotten: it says nothing that the store would not.
    pub fn is_idle(&self, now: u64) -> bool {
        !self.asked && self.waiting == 0 && self.refused_until <= now && (self.left == 0 || self.lapses <= now)
    }

    fn ask(&mut self, slicing: &Slicing, now: u64, least: u64) -> Ask {
        let ahead = self.expected(now).min(slicing.slice.saturating_sub(self.left));
        (self.asked, self.asked_at, self.taken, self.low) = (true, now, 0, ahead / 2);
        // Whole units: those that wait need all of theirs, and what is ahead must not be cut off by `cap`.
        let needed = slicing.units(self.waiting.max(least)).saturating_mul(slicing.unit);
        let wished = self.waiting.saturating_add(ahead) / slicing.unit * slicing.unit;
        Ask { least, want: needed.max(wished) }
    }

    /// Requests of the next half of a lease, if they go on as they came since the last question. What a caller does not
    /// use by then would lie here, and be missing elsewhere.
    fn expected(&self, now: u64) -> u64 {
        match now.saturating_sub(self.asked_at) {
            since if self.asked_at > 0 && since < LEASE => self.taken.saturating_mul(LEASE / 2) / since.max(1),
            _ => 0,
        }
    }

    fn lapse(&mut self, now: u64) {
        if self.lapses <= now {
            self.left = self.left.min(self.waiting);
        }
    }

    /// Never more than a slice beyond what waits: the bound of this module rests on it.
    fn cap(&mut self, slicing: &Slicing) {
        self.left = self.left.min(self.waiting.saturating_add(slicing.slice));
    }
}
