//! How a server stands: what its failures say of it (passive health, by consecutive failures), and what checks say.
//!
//! A server that fails often enough in a row is ejected. When its time is over it gets one request at a time, on trial;
//! the first good answer brings it back, and another failure ejects it for twice as long. All of it is atomic numbers:
//! workers and checks read and write them as they go, and a race costs a request more or less on trial, no more.

use std::{
    sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

use config::EjectionRules;

const EJECTED: u8 = 1;
const DOWN: u8 = 2;

/// How one server stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// `EJECTED` by failures, `DOWN` by checks; nothing if it is well.
    state: AtomicU8,
    /// In a row.
    failures: AtomicU32,
    /// Milliseconds of the roster's clock.
    ejected_until: AtomicU64,
    restored_at: AtomicU64,
    /// Without a time of peace between them.
    ejections: AtomicU32,
    on_trial: AtomicBool,
}

/// What a server is to people who watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    Up,
    Ejected,
    Down,
}

/// How many servers of an upstream are out.
#[derive(Debug, Default)]
pub(super) struct Absent {
    /// For any reason.
    out: AtomicUsize,
    /// By failures.
    ejected: AtomicUsize,
}

impl Absent {
    pub(super) fn any(&self) -> bool {
        self.out.load(Ordering::Relaxed) > 0
    }

    /// Reserves an ejection: never more than the share, and never the last server.
    fn reserve(&self, servers: usize, share: u8) -> bool {
        let most = (servers * usize::from(share) / 100).max(1);
        if self.out.load(Ordering::Relaxed) + 1 >= servers {
            return false;
        }
        let one_more = |ejected: usize| (ejected < most).then_some(ejected + 1);
        self.ejected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }
}

impl Standing {
    pub(super) fn condition(&self) -> Condition {
        match self.state.load(Ordering::Acquire) {
            0 => Condition::Up,
            EJECTED => Condition::Ejected,
            _ => Condition::Down,
        }
    }

    /// Whether it takes requests at this time.
    pub(super) fn takes(&self, now: u64) -> bool {
        match self.condition() {
            Condition::Up => true,
            Condition::Ejected => {
                now >= self.ejected_until.load(Ordering::Relaxed) && !self.on_trial.load(Ordering::Relaxed)
            }
            Condition::Down => false,
        }
    }

    /// A request goes to it; whether that is a trial.
    pub(super) fn begin(&self) -> bool {
        let trial = self.state.load(Ordering::Relaxed) & EJECTED != 0;
        if trial {
            self.on_trial.store(true, Ordering::Relaxed);
        }
        trial
    }

    /// A trial ended, with or without a verdict.
    pub(super) fn end_trial(&self) {
        self.on_trial.store(false, Ordering::Relaxed);
    }

    /// It answered. True if that brings it back.
    pub(super) fn succeeded(&self, trial: bool, now: impl FnOnce() -> u64, absent: &Absent) -> bool {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        // An answer to a request from before the ejection says nothing of it now.
        let restored = trial && self.clear(EJECTED, absent);
        if restored {
            absent.ejected.fetch_sub(1, Ordering::Relaxed);
            self.restored_at.store(now(), Ordering::Relaxed);
        }
        restored
    }

    /// It failed. The time for which that ejects it.
    pub(super) fn failed(
        &self,
        trial: bool,
        now: u64,
        rules: &EjectionRules,
        servers: usize,
        absent: &Absent,
    ) -> Option<Duration> {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if self.state.load(Ordering::Acquire) & EJECTED != 0 {
            let over = now >= self.ejected_until.load(Ordering::Relaxed);
            return (trial && over).then(|| self.eject(now, rules, self.ejections.load(Ordering::Relaxed)));
        }
        if failures < rules.failures || !absent.reserve(servers, rules.share) {
            return None;
        }
        let before = self.ejections.load(Ordering::Relaxed);
        let peace = now.saturating_sub(self.restored_at.load(Ordering::Relaxed));
        let before = if Duration::from_millis(peace) > length(rules, before.saturating_sub(1)) { 0 } else { before };
        let time = self.eject(now, rules, before);
        if !self.set(EJECTED, absent) {
            // Another failure ejected it meanwhile.
            absent.ejected.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(time)
    }

    fn eject(&self, now: u64, rules: &EjectionRules, before: u32) -> Duration {
        let time = length(rules, before);
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.ejected_until.store(now.saturating_add(millis), Ordering::Relaxed);
        self.ejections.store(before.saturating_add(1), Ordering::Relaxed);
        time
    }

    /// Checks found it not well. True if it was well before.
    pub(super) fn goes_down(&self, absent: &Absent) -> bool {
        self.set(DOWN, absent)
    }

    /// Checks found it well. True if it was not before.
    pub(super) fn comes_up(&self, absent: &Absent) -> bool {
        self.clear(DOWN, absent)
    }

    fn set(&self, flag: u8, absent: &Absent) -> bool {
        let before = self.state.fetch_or(flag, Ordering::AcqRel);
        if before == 0 {
            absent.out.fetch_add(1, Ordering::Relaxed);
        }
        before & flag == 0
    }

    fn clear(&self, flag: u8, absent: &Absent) -> bool {
        let before = self.state.fetch_and(!flag, Ordering::AcqRel);
        if before == flag {
            absent.out.fetch_sub(1, Ordering::Relaxed);
        }
        before & flag != 0
    }
}

/// Twice as long with each ejection, up to a bound.
fn length(rules: &EjectionRules, before: u32) -> Duration {
    rules.time.saturating_mul(1_u32.checked_shl(before).unwrap_or(u32::MAX)).min(rules.longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: EjectionRules = EjectionRules {
        failures: 3,
        time: Duration::from_millis(100),
        longest: Duration::from_millis(300),
        share: 50,
        gateway_errors: false,
    };

    fn fail(standing: &Standing, absent: &Absent, now: u64) -> Option<Duration> {
        standing.failed(false, now, &RULES, 4, absent)
    }

    #[test]
    fn failures_in_a_row_eject_and_a_success_between_them_does_not_count_on() {
        let (standing, absent) = (Standing::default(), Absent::default());
        for _ in 0..10 {
            assert_eq!(fail(&standing, &absent, 0), None);
            assert_eq!(fail(&standing, &absent, 0), None);
            standing.succeeded(false, || 0, &absent);
        }
        assert!(standing.takes(0) && !absent.any());
        for _ in 0..2 {
            fail(&standing, &absent, 0);
        }
        assert_eq!(fail(&standing, &absent, 5), Some(Duration::from_millis(100)));
        assert!(!standing.takes(104) && standing.takes(105) && absent.any());
    }

    #[test]
    fn the_time_doubles_up_to_its_bound_and_peace_forgives() {
        let (standing, absent) = (Standing::default(), Absent::default());
        for _ in 0..3 {
            fail(&standing, &absent, 0);
        }
        let mut now = 100;
        for expected in [200, 300, 300] {
            assert!(standing.begin());
            assert!(!standing.takes(now), "two trials at once");
            assert_eq!(standing.failed(true, now, &RULES, 4, &absent), Some(Duration::from_millis(expected)));
            standing.end_trial();
            assert!(!standing.takes(now + expected - 1));
            now += expected;
        }
        assert!(standing.begin() && standing.succeeded(true, || now, &absent));
        standing.end_trial();
        assert!(standing.takes(now) && !absent.any());
        now += 301;
        let times: Vec<_> = (0..3).map(|_| fail(&standing, &absent, now)).collect();
        assert_eq!(times, [None, None, Some(Duration::from_millis(100))]);
    }

    #[test]
    fn an_answer_from_before_the_ejection_brings_nothing_back() {
        let (standing, absent) = (Standing::default(), Absent::default());
        for _ in 0..3 {
            fail(&standing, &absent, 0);
        }
        assert!(!standing.succeeded(false, || 1, &absent) && !standing.takes(1));
    }

    #[test]
    fn no_more_than_the_share_is_ejected_and_never_the_last() {
        for (servers, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (9, 4)] {
            let (standings, absent): (Vec<Standing>, _) =
                ((0..servers).map(|_| Standing::default()).collect(), Absent::default());
            for standing in &standings {
                for _ in 0..10 {
                    standing.failed(false, 0, &RULES, servers, &absent);
                }
            }
            assert_eq!(standings.iter().filter(|one| !one.takes(0)).count(), most, "of {servers}");
        }
        let all = EjectionRules { share: 100, ..RULES };
        let (standings, absent) = ([Standing::default(), Standing::default(), Standing::default()], Absent::default());
        standings[0].goes_down(&absent);
        for standing in &standings {
            for _ in 0..10 {
                standing.failed(false, 0, &all, 3, &absent);
            }
        }
        assert_eq!(standings.iter().filter(|one| one.takes(0)).count(), 1);
    }

    #[test]
    fn checks_and_failures_count_apart() {
        let (standing, absent) = (Standing::default(), Absent::default());
        for _ in 0..3 {
            fail(&standing, &absent, 0);
        }
        assert!(standing.goes_down(&absent) && !standing.goes_down(&absent));
        assert!(standing.begin() && standing.succeeded(true, || 200, &absent));
        assert!(!standing.takes(200) && absent.any(), "one good answer does not overrule the checks");
        assert!(standing.comes_up(&absent) && standing.takes(200) && !absent.any());
    }
}
