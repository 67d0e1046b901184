//! How many requests may be sent again.

use std::sync::atomic::{AtomicU32, Ordering};

/// A second request is paid for by five others, so that servers in trouble get a fifth more at the most.
const PRICE: u32 = 5;
/// Retries that can be saved up, for the moment when a server dies with its requests.
const SAVED: u32 = 100;

/// Pays for requests that are sent again after something of them may have reached a server. One for each worker, so
/// that nothing is contended; a full one costs a request one look.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(SAVED * PRICE))
    }
}

impl Budget {
    /// A request was sent.
    pub(super) fn earn(&self) {
        // Only one thread earns; a race with itself cannot be, and one with a test would pay a little more.
        if self.0.load(Ordering::Relaxed) < SAVED * PRICE {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a request may be sent again.
    pub(super) fn spend(&self) -> bool {
        let less = |saved: u32| saved.checked_sub(PRICE);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_fifth_of_requests_once_the_savings_are_gone() {
        let budget = Budget::default();
        let mut retries = 0;
        for _ in 0..10_000 {
            budget.earn();
            retries += u32::from(budget.spend());
        }
        assert!((2_000..=2_100).contains(&retries), "{retries}");
    }
}
