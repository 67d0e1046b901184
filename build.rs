//! Notes the year of the build, which no later clock can be before (`doctor`).

use std::{
    env,
    time::{SystemTime, UNIX_EPOCH},
};

/// Seconds of a year of the Gregorian calendar, in the mean; real years are off by less than a day.
const YEAR: u64 = 31_556_952;
/// Counted off, so that the last hours of a year are never taken for the next one.
const DAY: u64 = 86_400;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    // Reproducible builds set the time (https://reproducible-builds.org/specs/source-date-epoch/).
    let given = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse::<u64>().ok());
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    println!(
        "cargo::rustc-env=PORTCULLIS_BUILD_YEAR={}",
        1970 + given.unwrap_or_else(clock).saturating_sub(DAY) / YEAR
    );
}
