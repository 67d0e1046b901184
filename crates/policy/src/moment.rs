//! Moments as Cedar writes them.

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// `2026-11-24T02:31:00.000Z` for milliseconds since 1970; nothing outside the years 0 to 9999, which Cedar cannot read.
pub(crate) fn format(milliseconds: i64) -> Option<String> {
    let (year, month, day) = civil(milliseconds.div_euclid(DAY));
    if !(0..=9999).contains(&year) {
        return None;
    }
    let rest = milliseconds.rem_euclid(DAY);
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60);
    let thousandths = rest % 1000;
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z"))
}

/// Milliseconds since 1970 of `2026-11-24T02:31:00Z`, with or without thousandths; nothing for other texts.
pub fn parse(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let (time, thousandths) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':')?;
    let thousandths: i64 =
        if thousandths.len() <= 3 { format!("{thousandths:0<3}").parse().ok()? } else { return None };
    let days = days(year, month, day);
    let is_date = civil(days) == (year, month, day);
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    (is_date && is_time).then(|| days * DAY + ((hour * 60 + minute) * 60 + second) * 1000 + thousandths)
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let numbers: Option<Vec<i64>> = text.split(between).map(|part| part.parse().ok()).collect();
    numbers?.try_into().ok()
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar (Hinnant, "chrono-compatible
/// low-level date algorithms"): years are counted from March, so that the leap day is the last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read_back() {
        let known = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_487_461_007, "2026-11-24T02:31:01.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ];
        for (milliseconds, text) in known {
            assert_eq!(format(milliseconds).unwrap(), text);
            assert_eq!(parse(text), Some(milliseconds));
        }
        assert_eq!(parse("2026-11-24T02:31:01Z"), Some(1_795_487_461_000));
        assert_eq!(parse("2026-02-30T00:00:00Z"), None);
        assert_eq!(parse("2026-02-28T24:00:00Z"), None);
        assert_eq!(format(i64::MAX), None);
        assert_eq!(format(i64::MIN), None);
    }
}
