//! The time that limits are counted by.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use limits::Moment;

use super::rules::nanoseconds;

/// The system's clock when the gateway started, moved on by the one that never steps: setting the system's clock gives
/// nobody a fresh allowance, and takes none away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LimitClock {
    started: Instant,
    at: u64,
}

impl LimitClock {
    pub(crate) fn new() -> Self {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, nanoseconds);
        Self { started: Instant::now(), at }
    }

    pub(crate) fn now(&self) -> Moment {
        self.at(Instant::now())
    }

    /// A moment that was read already.
    pub(crate) fn at(&self, moment: Instant) -> Moment {
        Moment(self.at.saturating_add(nanoseconds(moment.saturating_duration_since(self.started))))
    }
}
