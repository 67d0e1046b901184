//! So many requests a day or month, with what was left of the period before, if that is carried over.

use crate::{Calendar, measure::Bucket};

/// A quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Requests in each period.
    pub requests: u32,
    /// The period.
    pub period: Calendar,
    /// Most requests that are carried over from the period before. A caller that was not seen then has none to carry.
    pub carry_over: u32,
}

impl Quota {
    /// The bucket as it is in the period of a moment.
    pub(crate) fn current(self, bucket: Bucket, now: u64) -> Bucket {
        // A bucket ahead of the clock stays: turning a clock back gives nobody a fresh quota.
        if bucket.until > now {
            return bucket;
        }
        let (start, until) = self.period.period(now);
        let seen_before = bucket.until == start && bucket.until > 0;
        let carried = if seen_before { self.left(bucket).min(self.carry_over) } else { 0 };
        Bucket { until, spent: 0, carried }
    }

    /// Requests left of a bucket's period.
    pub(crate) fn left(self, bucket: Bucket) -> u32 {
        self.requests.saturating_add(bucket.carried).saturating_sub(bucket.spent)
    }

    /// Takes `cost` requests: the new bucket, or the time until the period ends.
    pub(crate) fn take(self, bucket: Bucket, now: u64, cost: u32) -> Result<Bucket, u64> {
        let bucket = self.current(bucket, now);
        if self.left(bucket) < cost {
            return Err(bucket.until.saturating_sub(now));
        }
        Ok(Bucket { spent: bucket.spent.saturating_add(cost), ..bucket })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000_000_000;

    #[test]
    fn what_is_left_is_carried_over_once() {
        let quota = Quota { requests: 10, period: Calendar::Day, carry_over: 4 };
        let first = quota.take(Bucket::default(), DAY, 7).unwrap_or_default();
        assert_eq!(quota.take(first, DAY + 1, 4), Err(DAY - 1));
        let second = quota.current(first, 2 * DAY);
        assert_eq!((second.carried, quota.left(second)), (3, 13));
        // Of the 13 none were used: no more than 4 go on.
        assert_eq!(quota.current(second, 3 * DAY).carried, 4);
        // A day in which nobody was seen leaves nothing.
        assert_eq!(quota.current(second, 4 * DAY).carried, 0);
    }

    #[test]
    fn a_clock_that_is_turned_back_gives_no_fresh_quota() {
        let quota = Quota { requests: 1, period: Calendar::Day, carry_over: 0 };
        let spent = quota.take(Bucket::default(), 5 * DAY, 1).unwrap_or_default();
        assert!(quota.take(spent, 2 * DAY, 1).is_err());
    }
}
