//! Which server takes a request.
//!
//! `least_requests` is the default, by power of two choices: of two servers taken by chance, the one with fewer requests
//! under way. Unlike turns it gives a slow server less, and unlike a search for the emptiest one it does not send every
//! request of every worker to the same server at once. Hashes are by rendezvous: the server with the highest score for
//! the request's key takes it, so that one more server, or one less, moves only the keys that it wins or had. The
//! functions are fixed, so that several gateways, and one after a restart, choose alike.

use std::{
    cell::Cell,
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicUsize, Ordering},
};

use config::{Balance, Ejection, EjectionRules, HashBy};

use super::standing::{Absent, Standing};

/// The servers of an upstream as they are chosen, shared by all workers.
#[derive(Debug)]
pub(super) struct Roster {
    balance: Balance,
    rules: Option<EjectionRules>,
    seats: Vec<Seat>,
    turn: AtomicUsize,
    pub(super) absent: Absent,
}

/// A server as it is chosen.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) standing: Standing,
    /// Requests under way to it.
    pub(super) taken: AtomicUsize,
    /// What stands for it in hashes.
    seed: u64,
}

/// A server chosen for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) at: usize,
    /// It is ejected, and the request shows whether it is well again.
    pub(super) trial: bool,
}

impl Roster {
    pub(super) fn new(upstream: &config::Upstream) -> Self {
        let seat = |server: &config::Server| Seat {
            standing: Standing::default(),
            taken: AtomicUsize::new(0),
            seed: hash(format!("{}:{}", server.host, server.port).as_bytes()),
        };
        let rules = match &upstream.ejection {
            Ejection::On(rules) => Some(rules.clone()),
            Ejection::Off { .. } => None,
        };
        Self {
            balance: upstream.balance.clone(),
            rules,
            seats: upstream.servers.iter().map(seat).collect(),
            turn: AtomicUsize::new(0),
            absent: Absent::default(),
        }
    }

    pub(super) fn rules(&self) -> Option<&EjectionRules> {
        self.rules.as_ref()
    }

    pub(super) fn seats(&self) -> &[Seat] {
        &self.seats
    }

    pub(super) fn seat(&self, at: usize) -> Option<&Seat> {
        self.seats.get(at)
    }

    /// Whether it matters how many requests are under way to each server. Numbers that nobody reads would only be fought
    /// over by the workers.
    pub(super) fn counts_requests(&self) -> bool {
        let weighs = match &self.balance {
            Balance::RoundRobin => false,
            // Without a key, hashing falls back on it.
            Balance::LeastRequests | Balance::Hash(_) => true,
        };
        weighs && self.seats.len() > 1
    }

    /// What requests are told apart by, if they are.
    pub(super) fn hash_by(&self) -> Option<&HashBy> {
        match &self.balance {
            Balance::RoundRobin | Balance::LeastRequests => None,
            Balance::Hash(by) => Some(by),
        }
    }

    /// The server for a request with this key, other than `avoid`. If none is well, all are tried: some of them may be
    /// well, and a gateway that sends nothing would never know.
    pub(super) fn choose(&self, key: Option<u64>, avoid: Option<usize>, now: impl FnOnce() -> u64) -> Option<Choice> {
        if avoid.is_none() && !self.absent.any() {
            let at = if self.seats.len() == 1 { Some(0) } else { self.pick(key, self.seats.len(), |_| true) };
            return at.map(|at| Choice { at, trial: false });
        }
        let now = now();
        let other = |at: usize| Some(at) != avoid;
        let well = |at: usize| other(at) && self.seats.get(at).is_some_and(|seat| seat.standing.takes(now));
        let count = (0..self.seats.len()).filter(|at| well(*at)).count();
        let picked = if count > 0 { self.pick(key, count, well) } else { None };
        let any = || self.pick(key, (0..self.seats.len()).filter(|at| other(*at)).count(), other);
        let at = picked.or_else(any)?;
        Some(Choice { at, trial: self.seats.get(at)?.standing.begin() })
    }

    /// One of the `count` servers that may be chosen.
    fn pick(&self, key: Option<u64>, count: usize, may: impl Fn(usize) -> bool) -> Option<usize> {
        let nth = |n: usize| {
            if count == self.seats.len() { Some(n) } else { (0..self.seats.len()).filter(|at| may(*at)).nth(n) }
        };
        if count == 0 {
            return None;
        }
        match (&self.balance, key) {
            (Balance::Hash(_), Some(key)) => {
                let seats = self.seats.iter().enumerate().filter(|(at, _)| may(*at));
                seats.max_by_key(|(_, seat)| mix(key ^ seat.seed)).map(|(at, _)| at)
            }
            (Balance::RoundRobin, _) => nth(self.turn.fetch_add(1, Ordering::Relaxed) % count),
            (Balance::LeastRequests | Balance::Hash(_), _) => {
                let first = below(count);
                // Another one, all alike.
                let second = (first + 1 + below((count - 1).max(1))) % count;
                let (first, second) = (nth(first)?, nth(second)?);
                let taken = |at: usize| self.seats.get(at).map(|seat| seat.taken.load(Ordering::Relaxed));
                Some(if taken(second) < taken(first) { second } else { first })
            }
        }
    }
}

/// A hash that is the same everywhere and always (FNV-1a, mixed). Whoever chooses the key can choose the server; that
/// is what the key is for.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// The finalizer of `SplitMix64`.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A number below `bound`, by chance; a worker has its own series.
fn below(bound: usize) -> usize {
    thread_local!(static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0_u8)));
    let state = STATE.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    STATE.set(state);
    // The low half of a mixed number is as good as the whole, and fits.
    let low = u32::try_from(mix(state) & u64::from(u32::MAX)).unwrap_or(0);
    usize::try_from(low).unwrap_or(0) % bound.max(1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashMap;

    use config::{Server, Upstream};
    use proptest::prelude::*;

    use super::*;
    use crate::upstream::example;

    fn roster(hosts: &[String], balance: Balance) -> Roster {
        let servers = hosts.iter().map(|host| Server { host: host.clone(), port: 80 }).collect();
        Roster::new(&Upstream { servers, balance, ..example::upstream() })
    }

    fn hosts(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("server-{number}.example")).collect()
    }

    fn chosen(roster: &Roster, key: Option<u64>) -> usize {
        roster.choose(key, None, || 0).unwrap().at
    }

    fn by_client() -> Balance {
        Balance::Hash(HashBy::Client)
    }

    proptest! {
        #[test]
        fn one_server_less_moves_only_its_own_keys(count in 2_usize..20, gone in 0_usize..20, salt: u64) {
            let gone = gone % count;
            let (all, mut fewer) = (hosts(count), hosts(count));
            fewer.remove(gone);
            let (before, after) = (roster(&all, by_client()), roster(&fewer, by_client()));
            let mut moved = 0;
            for number in 0..1_000_u64 {
                let key = hash(&(number ^ salt).to_le_bytes());
                let (at, then) = (chosen(&before, Some(key)), chosen(&after, Some(key)));
                if at == gone {
                    moved += 1;
                } else {
                    prop_assert_eq!(&all[at], &fewer[then]);
                }
            }
            // Its share is 1/n of the keys: four standard deviations at the most.
            prop_assert!(moved <= 1_000 / count + 64, "{} keys of {} servers moved", moved, count);
        }

        #[test]
        fn an_ejected_server_is_not_chosen_while_another_is_well(count in 2_usize..8, out in 0_usize..8, key: u64, kind in 0..3) {
            let balance = [Balance::RoundRobin, Balance::LeastRequests, by_client()][usize::try_from(kind).unwrap()].clone();
            let roster = roster(&hosts(count), balance);
            let out = out % count;
            for (at, seat) in roster.seats().iter().enumerate() {
                if at != out {
                    seat.standing.failed(false, 0, roster.rules().unwrap(), count, &roster.absent);
                }
            }
            for _ in 0..20 {
                prop_assert_eq!(chosen(&roster, Some(key)), out);
            }
        }
    }

    #[test]
    fn every_balance_spreads_evenly_over_servers_that_are_well() {
        for balance in [Balance::RoundRobin, Balance::LeastRequests, by_client()] {
            let roster = roster(&hosts(4), balance);
            roster.seats()[1].standing.goes_down(&roster.absent);
            let mut counts = HashMap::<usize, usize>::new();
            for number in 0..3_000_u64 {
                *counts.entry(chosen(&roster, Some(hash(&number.to_le_bytes())))).or_default() += 1;
            }
            assert_eq!(counts.len(), 3);
            assert!(counts.values().all(|count| (800..1_200).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn fewer_requests_under_way_win() {
        let roster = roster(&hosts(2), Balance::LeastRequests);
        roster.seats()[0].taken.store(3, Ordering::Relaxed);
        assert!((0..100).all(|_| chosen(&roster, None) == 1));
    }

    #[test]
    fn when_none_is_well_all_are_tried_and_a_retry_goes_elsewhere() {
        let roster = roster(&hosts(2), Balance::RoundRobin);
        for seat in roster.seats() {
            seat.standing.goes_down(&roster.absent);
        }
        let mut tried: Vec<_> = (0..4).map(|_| chosen(&roster, None)).collect();
        tried.sort_unstable();
        assert_eq!(tried, [0, 0, 1, 1]);
        assert_eq!(roster.choose(None, Some(0), || 0).unwrap().at, 1);
        let single = self::roster(&hosts(1), Balance::RoundRobin);
        assert_eq!(single.choose(None, Some(0), || 0), None);
    }
}
