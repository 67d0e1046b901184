//! When an operation ends (RFC 8594).

/// The moment from which an operation answers no more. `x-sunset: 2026-12-31` in the document, or with a time:
/// `2026-12-31T18:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sunset {
    /// Unix seconds.
    pub at: u64,
}

impl Sunset {
    /// Whether it has come.
    pub fn has_passed(self, now_unix: u64) -> bool {
        now_unix >= self.at
    }

    /// The moment as a Sunset field has it (RFC 9110 §5.6.7).
    pub fn field(self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (days, seconds) = (self.at / 86_400, self.at % 86_400);
        let (year, month, day) = date_of(days);
        let name = |names: &[&'static str], at: u64| {
            usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
        };
        let (weekday, month) = (name(&DAYS, days % 7), name(&MONTHS, month - 1));
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, time) = match text.split_once(['T', 't']) {
            Some((date, time)) => (date, time.strip_suffix(['Z', 'z'])?),
            None => (text, "00:00:00"),
        };
        let numbers = |text: &str, separator: char| -> Option<[u64; 3]> {
            let parts: Option<Vec<u64>> = text.split(separator).map(|part| part.parse().ok()).collect();
            parts?.try_into().ok()
        };
        let ([year, month, day], [hour, minute, second]) = (numbers(date, '-')?, numbers(time, ':')?);
        if !(1970..=9999).contains(&year) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = days_until(year, month, day)?;
        Some(Self { at: days * 86_400 + hour * 3600 + minute * 60 + second })
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> Option<u64> {
    Some(match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(is_leap(year)),
        _ => return None,
    })
}

/// Days from 1970-01-01 to a date; nothing for a date that there is not.
fn days_until(year: u64, month: u64, day: u64) -> Option<u64> {
    if day == 0 || day > days_in(year, month)? {
        return None;
    }
    let years: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum();
    let months: u64 = (1..month).filter_map(|month| days_in(year, month)).sum();
    Some(years + months + day - 1)
}

fn date_of(mut days: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    while let Some(length) = days_in(year, month).filter(|length| days >= *length) {
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_written() {
        for (text, at, field) in [
            ("1970-01-01", 0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            ("1994-11-06T08:49:37Z", 784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("2024-02-29", 1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            ("2100-03-01", 4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            let sunset = Sunset::parse(text);
            assert_eq!(sunset, Some(Sunset { at }), "{text}");
            assert_eq!(Sunset { at }.field(), field);
        }
        for text in
            ["", "2023-02-29", "2026-13-01", "2026-01-00", "2026-01-01T25:00:00Z", "2026-01-01T10:00:00+02:00", "soon"]
        {
            assert_eq!(Sunset::parse(text), None, "{text}");
        }
    }
}
