//! A limit as the store counts it.

use std::fmt::Write;

use aws_lc_rs::digest;
use config::{Limit, Measure, QuotaPeriod};
use limits::{Calendar, Gcra, Quota, Slicing, Standing};

/// One limit that instances share.
#[derive(Debug, Clone)]
pub(crate) struct SharedRule {
    pub(in super::super) slicing: Slicing,
    pub(super) counted: Counted,
    /// What this instance lets pass by itself while the store is gone.
    pub(in super::super) local: limits::Measure,
    /// Its number in the table.
    pub(in super::super) local_id: u64,
    most: u64,
    /// What its keys in the store begin with, hashed.
    scope: [u8; 32],
}

/// How the store counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    Rate,
    Quota { requests: u32, carry_over: u32, period: &'static str },
}

impl SharedRule {
    /// A limit of an API or route; `None` for what is not shared. Its names tell it apart in the store.
    pub(in super::super) fn new(names: &[&str], limit: &Limit, nodes: u64) -> Option<Self> {
        let part = |requests: u64| (requests / nodes).max(1);
        let small = |requests: u64| u32::try_from(part(requests)).unwrap_or(u32::MAX);
        let (slicing, counted, local, most) = match limit.measure {
            Measure::Rate { rate, burst } => {
                let period = u64::try_from(rate.period.as_nanos()).unwrap_or(u64::MAX);
                let local = Gcra::new(rate.requests, period.saturating_mul(nodes), part(burst));
                let slicing = Slicing::new(rate.requests, rate.period.as_secs(), burst, nodes);
                (slicing, Counted::Rate, limits::Measure::Rate(local), burst)
            }
            Measure::Quota { requests, period, carry_over } => {
                let (period, calendar) = match period {
                    QuotaPeriod::Day => ("day", Calendar::Day),
                    QuotaPeriod::Month => ("month", Calendar::Month),
                };
                let counted = Counted::Quota { requests, carry_over, period };
                let local = Quota { requests: small(requests.into()), period: calendar, carry_over: 0 };
                let slicing = Slicing::of_quota(requests.into(), nodes);
                (slicing, counted, limits::Measure::Quota(local), requests.into())
            }
            Measure::Concurrency(_) => return None,
        };
        let subjects = limit.per.iter().map(ToString::to_string);
        let scope = hash(names.iter().map(|name| (*name).to_owned()).chain(subjects).map(String::into_bytes))?;
        let local_id = scope.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Some(Self { slicing, counted, local, local_id, most, scope })
    }

    /// The caller's key in the store. It holds nothing of who they are, but for those who know that already.
    pub(in super::super) fn store_key<P: AsRef<[u8]>>(&self, parts: impl Iterator<Item = P>) -> String {
        let parts = parts.map(|part| part.as_ref().to_vec());
        let hash = hash(std::iter::once(self.scope.to_vec()).chain(parts)).unwrap_or_default();
        hash.iter().take(20).fold(String::from("portcullis:limit:"), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Where a caller stands who has so many requests left.
    pub(super) fn standing(&self, remaining: u64) -> Standing {
        let resets_in = match self.counted {
            Counted::Rate => {
                let (gcra, unit) = (self.slicing.gcra(), self.slicing.unit());
                self.most.saturating_sub(remaining).div_ceil(unit).saturating_mul(gcra.emission()).saturating_mul(1_000)
            }
            // The store knows; it says so to those whom it refuses.
            Counted::Quota { .. } => 0,
        };
        Standing { most: self.most, remaining: remaining.min(self.most), resets_in }
    }
}

/// SHA-256 over texts that are told apart.
fn hash(parts: impl Iterator<Item = Vec<u8>>) -> Option<[u8; 32]> {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        context.update(&part);
    }
    context.finish().as_ref().try_into().ok()
}
