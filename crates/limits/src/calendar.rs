//! Days and months in UTC, by the proleptic Gregorian calendar.

const NANOSECONDS: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * NANOSECONDS;

/// The period of a quota. It begins and ends in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calendar {
    /// From midnight to midnight.
    Day,
    /// From the first of a month to the first of the next.
    Month,
}

impl Calendar {
    /// Start and end of the period that holds a moment, in nanoseconds since the Unix epoch.
    pub fn period(self, moment: u64) -> (u64, u64) {
        let day = moment / DAY;
        let (first, next) = match self {
            Self::Day => (day, day + 1),
            Self::Month => month(day),
        };
        (first.saturating_mul(DAY), next.saturating_mul(DAY))
    }

    /// Longest period in seconds.
    pub fn longest_seconds(self) -> u64 {
        match self {
            Self::Day => 86_400,
            Self::Month => 31 * 86_400,
        }
    }
}

/// First days of the month that holds a day and of the next, counted from the Unix epoch.
fn month(day: u64) -> (u64, u64) {
    // Years are counted from March, so that the leap day is the last of a year; eras have 400 years.
    const TO_EPOCH: u64 = 719_468; // from 0000-03-01 to 1970-01-01
    let day = day + TO_EPOCH;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let start_of_year = era * 146_097 + year * 365 + year / 4 - year / 100;
    let of_year = day - start_of_year;
    let month = (5 * of_year + 2) / 153;
    let begins = |month: u64| (153 * month + 2) / 5;
    let leap = (year + 1).is_multiple_of(4) && (!(year + 1).is_multiple_of(100) || (year + 1).is_multiple_of(400));
    let ends = if month == 11 { 365 + u64::from(leap) } else { begins(month + 1) };
    (start_of_year + begins(month) - TO_EPOCH, start_of_year + ends - TO_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First days of months, walked through year by year.
    fn firsts() -> Vec<u64> {
        let mut firsts = vec![0];
        for year in 1970..2500_u32 {
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            for length in [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
                firsts.push(firsts.last().copied().unwrap_or_default() + length);
            }
        }
        firsts
    }

    #[test]
    fn every_day_lies_in_its_month() {
        for pair in firsts().windows(2) {
            for day in pair[0]..pair[1] {
                assert_eq!(month(day), (pair[0], pair[1]), "day {day}");
            }
        }
    }

    #[test]
    fn a_day_ends_at_midnight() {
        assert_eq!(Calendar::Day.period(DAY - 1), (0, DAY));
        assert_eq!(Calendar::Day.period(DAY), (DAY, 2 * DAY));
        assert_eq!(Calendar::Month.period(31 * DAY), (31 * DAY, 59 * DAY));
    }
}
