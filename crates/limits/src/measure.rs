//! What may be used up, and what a bucket remembers of it.

use crate::{Gcra, Quota};

/// Nanoseconds since the Unix epoch, by a clock that never steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

/// What may be used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Requests over time, in ticks of a nanosecond.
    Rate(Gcra),
    /// Requests of a day or month.
    Quota(Quota),
    /// Requests under way at once. What they cost does not count here.
    Places(u32),
}

/// What is remembered of one caller under one limit. The default is that of a caller who was never seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    /// From this moment on it may be forgotten: it allows no less than a fresh one does.
    pub until: u64,
    /// Of a quota: requests taken. Of places: those in use.
    pub(crate) spent: u32,
    /// Of a quota: carried over into this period.
    pub(crate) carried: u32,
}

/// Where a caller stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Requests at once when nothing was taken.
    pub most: u64,
    /// Requests that would pass now.
    pub remaining: u64,
    /// Nanoseconds until nothing is used up any more; 0 for places, which come free with answers.
    pub resets_in: u64,
}

/// Time to wait for a place: nobody knows when an answer ends.
const PLACE_WAIT: u64 = 1_000_000_000;

impl Measure {
    /// Takes `cost` requests from a bucket: the bucket after it, or the nanoseconds to wait.
    pub fn take(&self, bucket: Bucket, now: Moment, cost: u32) -> Result<Bucket, u64> {
        match self {
            Self::Rate(gcra) => gcra.take(bucket.until, now.0, u64::from(cost)).map(|until| Bucket { until, ..bucket }),
            Self::Quota(quota) => quota.take(bucket, now.0, cost),
            Self::Places(most) if bucket.spent < *most => {
                Ok(Bucket { until: u64::MAX, spent: bucket.spent + 1, carried: 0 })
            }
            Self::Places(_) => Err(PLACE_WAIT),
        }
    }

    /// Where a caller with a bucket stands.
    pub fn standing(&self, bucket: Bucket, now: Moment) -> Standing {
        match self {
            Self::Rate(gcra) => Standing {
                most: gcra.burst(),
                remaining: gcra.remaining(bucket.until, now.0),
                resets_in: bucket.until.saturating_sub(now.0),
            },
            Self::Quota(quota) => {
                let bucket = quota.current(bucket, now.0);
                Standing {
                    most: u64::from(quota.requests),
                    remaining: u64::from(quota.left(bucket)),
                    resets_in: bucket.until.saturating_sub(now.0),
                }
            }
            Self::Places(most) => Standing {
                most: u64::from(*most),
                remaining: u64::from(most.saturating_sub(bucket.spent)),
                resets_in: 0,
            },
        }
    }

    /// Whether what was taken is given back when a request ends.
    pub fn is_held(&self) -> bool {
        match self {
            Self::Places(_) => true,
            Self::Rate(_) | Self::Quota(_) => false,
        }
    }
}

impl Bucket {
    /// The bucket after a place came free.
    pub(crate) fn released(self) -> Self {
        match self.spent {
            0 | 1 => Self::default(),
            spent => Self { spent: spent - 1, ..self },
        }
    }
}
