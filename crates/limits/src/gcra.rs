//! The generic cell rate algorithm, in whole ticks.
//!
//! A bucket is one number: the arrival time at which everything that was taken is paid for. A request costs a fixed
//! time; it passes while the bucket then lies no further ahead of the clock than the burst does. What a tick is, is the
//! caller's to say: nanoseconds within a process, microseconds in a store whose numbers end at 2^53.

/// Ticks that a bucket may lie ahead at most: what is beyond could not be added up. 146 years of nanoseconds.
const MOST_TOLERANCE: u64 = u64::MAX / 4;

/// A rate with its burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gcra {
    emission: u64,
    tolerance: u64,
}

impl Gcra {
    /// `requests` in each `period` of ticks, `burst` of them at once. Zeros count as ones.
    ///
    /// The time that a request costs is rounded up to whole ticks, so no more than the rate ever passes; at
    /// 1,000,000 a second in nanoseconds, a thousandth less may.
    pub fn new(requests: u64, period: u64, burst: u64) -> Self {
        let emission = period.div_ceil(requests.max(1)).clamp(1, MOST_TOLERANCE);
        Self { emission, tolerance: emission.saturating_mul(burst.max(1)).min(MOST_TOLERANCE) }
    }

    /// Ticks that one request costs.
    pub fn emission(self) -> u64 {
        self.emission
    }

    /// Ticks that a bucket may lie ahead of the clock.
    pub fn tolerance(self) -> u64 {
        self.tolerance
    }

    /// Requests that pass at once when nothing was taken.
    pub fn burst(self) -> u64 {
        self.tolerance / self.emission
    }

    /// Takes `cost` requests: the new arrival time, or the ticks to wait.
    pub fn take(self, arrival: u64, now: u64, cost: u64) -> Result<u64, u64> {
        let next = self.emission.checked_mul(cost).and_then(|time| arrival.max(now).checked_add(time));
        let Some(next) = next else { return Err(u64::MAX) };
        match next.saturating_sub(now).checked_sub(self.tolerance) {
            None | Some(0) => Ok(next),
            Some(wait) => Err(wait),
        }
    }

    /// Takes as many requests as there are, from `least` to `want`, or none: how many, and the new arrival time.
    pub fn take_up_to(self, arrival: u64, now: u64, least: u64, want: u64) -> (u64, u64) {
        let granted = match self.remaining(arrival, now).min(want) {
            some if some >= least => some,
            _ => 0,
        };
        // What fits below the tolerance cannot overflow.
        (granted, arrival.max(now).saturating_add(granted.saturating_mul(self.emission)))
    }

    /// Requests that would pass now.
    pub fn remaining(self, arrival: u64, now: u64) -> u64 {
        let ahead = arrival.saturating_sub(now);
        self.tolerance.saturating_sub(ahead) / self.emission
    }

    /// Ticks until `cost` requests pass.
    pub fn wait(self, arrival: u64, now: u64, cost: u64) -> u64 {
        self.take(arrival, now, cost).err().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let gcra = Gcra::new(10, 1_000, 10);
        let mut arrival = 0;
        for _ in 0..10 {
            arrival = gcra.take(arrival, 0, 1).unwrap_or(u64::MAX);
        }
        assert_eq!(gcra.take(arrival, 0, 1), Err(100));
        assert_eq!(gcra.take(arrival, 99, 1), Err(1));
        assert_eq!(gcra.take(arrival, 100, 1), Ok(1_100));
    }

    #[test]
    fn what_is_asked_for_in_bulk_is_granted_as_far_as_it_goes() {
        let gcra = Gcra::new(10, 1_000, 10);
        assert_eq!(gcra.take_up_to(0, 5_000, 1, 7), (7, 5_700));
        assert_eq!(gcra.take_up_to(5_700, 5_000, 4, 7), (0, 5_700));
        assert_eq!(gcra.take_up_to(5_700, 5_000, 3, 7), (3, 6_000));
        assert_eq!(gcra.take_up_to(6_000, 5_000, 1, 7), (0, 6_000));
    }

    #[test]
    fn extremes_neither_overflow_nor_divide_by_zero() {
        let gcra = Gcra::new(0, 0, 0);
        assert_eq!((gcra.emission(), gcra.burst()), (1, 1));
        let longest = Gcra::new(1, u64::MAX, u64::MAX);
        assert_eq!(longest.take(u64::MAX, u64::MAX, u64::MAX), Err(u64::MAX));
        assert_eq!((0..10).filter(|_| longest.take(u64::MAX - 1, 0, 1).is_ok()).count(), 0);
        assert_eq!(longest.burst(), 1);
    }
}
