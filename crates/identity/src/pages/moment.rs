//! Times for people, in UTC.

/// A time like `24 November 2026, 23:43 UTC`; `now` and `today` are for whoever reads it soon.
pub(crate) fn told(time: u64) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (year, month, day) = date(time / 86_400);
    let month = usize::try_from(month).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?)).copied();
    let (hour, minute) = (time / 3600 % 24, time / 60 % 60);
    format!("{day} {} {year}, {hour:02}:{minute:02} UTC", month.unwrap_or_default())
}

/// A time for machines (RFC 3339), for `<time datetime>`.
pub(crate) fn machine(time: u64) -> String {
    let (year, month, day) = date(time / 86_400);
    let (hour, minute, second) = (time / 3600 % 24, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// A number of seconds in words, rounded up: `45 seconds`, `15 minutes`, `2 hours`, `30 days`.
pub(crate) fn span(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..=90 => (seconds, "second"),
        91..=5_399 => (seconds.div_ceil(60), "minute"),
        5_400..=172_799 => (seconds.div_ceil(3600), "hour"),
        _ => (seconds.div_ceil(86_400), "day"),
    };
    if count == 1 { format!("{count} {unit}") } else { format!("{count} {unit}s") }
}

/// Days since 1970-01-01 as year, month and day (the Gregorian calendar, counted from 1 March 0000, so that leap days are
/// at the end of a year).
fn date(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(machine(0), "1970-01-01T00:00:00Z");
        assert_eq!(machine(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(machine(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(machine(4_107_542_399), "2100-02-28T23:59:59Z");
        assert_eq!(machine(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(told(1_795_563_840), "24 November 2026, 23:44 UTC");
    }

    #[test]
    fn spans_are_told_in_the_largest_unit_that_is_near() {
        for (seconds, text) in [
            (1, "1 second"),
            (90, "90 seconds"),
            (600, "10 minutes"),
            (3600, "60 minutes"),
            (7200, "2 hours"),
            (2_592_000, "30 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
