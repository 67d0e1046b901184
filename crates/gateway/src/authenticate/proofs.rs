//! The memory that `DPoP` proofs need (RFC 9449 §8, §11.1): nonces that are the gateway's own, and proofs that were used.
//!
//! A nonce is a time under a key, so none is stored. A proof is remembered for as long as it could be used again, and no
//! longer; when there is no more room, proofs are refused rather than forgotten.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::{
    error::Unspecified,
    hmac,
    rand::{self, SystemRandom},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// A nonce is given out for this many seconds, and taken for as many more.
const WINDOW: u64 = 60;
/// A proof can be used for so many seconds after it came first, clocks that go ahead included.
const MEMORY: u64 = jose::dpop::PAST + jose::dpop::AHEAD;
const SHARDS: usize = 16;
/// Proofs remembered in a shard for each [`MEMORY`]: half a million in all, of 17 bytes each and the set's own.
const MOST: usize = 32_768;

/// Nonces and used proofs, shared by all workers; a reload keeps them.
pub(crate) struct Proofs {
    key: hmac::Key,
    shards: [Mutex<Shard>; SHARDS],
}

/// Two generations: when the newer one is as old as a proof can be, the older one can be forgotten.
#[derive(Default)]
struct Shard {
    newer: HashSet<u128, foldhash::fast::RandomState>,
    older: HashSet<u128, foldhash::fast::RandomState>,
    since: u64,
}

/// What became of a proof that was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    ForTheFirstTime,
    Again,
    /// There is no room to remember it.
    Unknown,
}

/// What a nonce is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nonce {
    Good,
    /// Good, and soon no more.
    Old,
    Bad,
}

impl Proofs {
    pub(crate) fn new() -> Result<Self, Unspecified> {
        let mut key = [0; 32];
        rand::SecureRandom::fill(&SystemRandom::new(), &mut key)?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key), shards: Default::default() })
    }

    /// A nonce to be used from now on.
    pub(super) fn nonce(&self, now: u64) -> String {
        self.of_window(now / WINDOW)
    }

    pub(super) fn judge(&self, nonce: &str, now: u64) -> Nonce {
        let window = now / WINDOW;
        // What is compared is a tag that changes every minute; it guards no secret.
        if nonce == self.of_window(window) {
            Nonce::Good
        } else if nonce == self.of_window(window.saturating_sub(1)) {
            Nonce::Old
        } else {
            Nonce::Bad
        }
    }

    fn of_window(&self, window: u64) -> String {
        let tag = hmac::sign(&self.key, &window.to_be_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..16).unwrap_or_default())
    }

    /// Remembers a proof by its mark.
    pub(super) fn show(&self, mark: &[u8; 32], now: u64) -> Shown {
        let half = mark.first_chunk::<16>().map(|half| u128::from_be_bytes(*half)).unwrap_or_default();
        let [.., last] = mark;
        let Some(shard) = self.shards.get(usize::from(*last) % SHARDS) else { return Shown::Unknown };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.turn(now);
        if shard.newer.contains(&half) || shard.older.contains(&half) {
            Shown::Again
        } else if shard.newer.len() >= MOST {
            Shown::Unknown
        } else {
            shard.newer.insert(half);
            Shown::ForTheFirstTime
        }
    }
}

impl Shard {
    fn turn(&mut self, now: u64) {
        // The last second counts as well.
        if now > self.since.saturating_add(MEMORY) {
            self.older = std::mem::take(&mut self.newer);
            self.since = now;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn mark(number: u64) -> [u8; 32] {
        let mut mark = [0; 32];
        mark[..8].copy_from_slice(&number.to_be_bytes());
        mark
    }

    #[test]
    fn a_nonce_is_good_for_a_minute_and_another() {
        let proofs = Proofs::new().unwrap();
        let start = NOW / WINDOW * WINDOW;
        let nonce = proofs.nonce(start);
        assert_eq!(proofs.judge(&nonce, start + WINDOW - 1), Nonce::Good);
        assert_eq!(proofs.judge(&nonce, start + WINDOW), Nonce::Old);
        assert_eq!(proofs.judge(&nonce, start + 2 * WINDOW), Nonce::Bad);
        assert_eq!(proofs.judge(&nonce, start - 1), Nonce::Bad);
        assert_eq!(Proofs::new().unwrap().judge(&nonce, start), Nonce::Bad);
    }

    #[test]
    fn a_proof_is_remembered_for_as_long_as_it_could_be_used() {
        let proofs = Proofs::new().unwrap();
        assert_eq!(proofs.show(&mark(1), NOW), Shown::ForTheFirstTime);
        for later in [0, 1, MEMORY, MEMORY + 1] {
            // Others come in between, so that generations turn.
            proofs.show(&mark(1_000 + later), NOW + later);
            assert_eq!(proofs.show(&mark(1), NOW + later), Shown::Again, "{later} s later");
        }
    }

    #[test]
    fn a_full_memory_refuses_until_time_has_passed() {
        let proofs = Proofs::new().unwrap();
        let most = u64::try_from(MOST).unwrap();
        assert!((0..most).all(|number| proofs.show(&mark(number), NOW) == Shown::ForTheFirstTime));
        assert_eq!(proofs.show(&mark(most), NOW), Shown::Unknown);
        assert_eq!(proofs.show(&mark(0), NOW), Shown::Again, "what is remembered stays so");
        assert_eq!(proofs.show(&mark(most), NOW + MEMORY + 1), Shown::ForTheFirstTime);
    }
}
