//! "Did you mean".

/// The fix for a name that is not known: the nearest one that is, else all of them if they are few.
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let nearest = known.iter().map(|name| (distance(&word.to_lowercase(), &name.to_lowercase()), *name)).min();
    match nearest {
        // More than a third of the letters wrong is another word.
        Some((distance, name)) if distance * 3 <= name.chars().count().max(3) => format!("Did you mean `{name}`?"),
        Some(_) if known.len() <= 12 => format!("There are: {}.", known.join(", ")),
        Some(_) | None => String::new(),
    }
}

/// Levenshtein: how many letters to add, drop or change.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (above, letter_there) in row.iter_mut().skip(1).zip(&other) {
            let best = (diagonal + usize::from(letter != *letter_there)).min(*above + 1).min(left + 1);
            diagonal = std::mem::replace(above, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_far_ones_are_listed() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(did_you_mean("raeder", ["reader", "admin"].into_iter()), "Did you mean `reader`?");
        assert_eq!(did_you_mean("zzz", ["reader", "admin"].into_iter()), "There are: admin, reader.");
        assert_eq!(did_you_mean("zzz", std::iter::empty()), "");
    }
}
