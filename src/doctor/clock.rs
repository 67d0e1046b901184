//! A clock that is behind this program's own making. Tokens and certificates would be judged by a wrong time.

use config::Config;

use super::Finding;
use crate::output::{now, rfc3339};

/// Set by `build.rs`.
const BUILT: &str = env!("PORTCULLIS_BUILD_YEAR");

pub(super) fn check(_: &Config) -> Vec<Finding> {
    behind(now(), BUILT).into_iter().collect()
}

fn behind(now: u64, built: &str) -> Option<Finding> {
    let date = rfc3339(now);
    // Years of four digits are ordered as their texts are.
    (date.get(..4)? < built).then(|| {
        Finding::new(
            format!("the clock says {date}, but this program was built in {built}"),
            "Set the clock, and keep it by NTP (`timedatectl set-ntp true`).",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_before_the_year_of_the_build_is_found() {
        assert!(behind(1_767_225_599, "2026").is_some(), "2025-12-31T23:59:59Z");
        assert_eq!(behind(1_767_225_600, "2026"), None, "2026-01-01T00:00:00Z");
        assert!(behind(0, "2026").is_some());
    }

    #[test]
    fn the_build_knows_its_year() {
        assert!(BUILT.parse::<u16>().is_ok_and(|year| year >= 2025), "{BUILT}");
    }
}
