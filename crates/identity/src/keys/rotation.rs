//! One key after the other: next, active, retired, removed.
//!
//! A key is published before it signs for longer than anyone may keep the published set, and stays published until the
//! last token that it signed is dead.

use std::time::Duration;

/// When keys move on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Age at which a signing key gets a successor.
    pub(crate) every: Duration,
    /// How long the successor is published before it signs.
    pub(crate) ahead: Duration,
    /// How long a key is published after it signed last.
    pub(crate) after: Duration,
}

/// Longest time for which the published set may be kept (`Cache-Control`), in seconds.
pub(crate) const JWKS_MAX_AGE: u64 = 300;

impl Rotation {
    /// The times for a rotation, where no token lives longer than `token`.
    pub(crate) fn new(every: Duration, token: Duration) -> Self {
        let kept = Duration::from_secs(JWKS_MAX_AGE);
        Self { every, ahead: kept * 4, after: token + kept }
    }
}
