//! A set of the table: 16 buckets, of which each caller has at most one, found by its tag.

use crate::measure::Bucket;

pub(crate) const WAYS: usize = 16;

/// Tags first, so that a search reads two lines of the cache; then what each bucket remembers. Plain numbers, because
/// memory that starts as zeros is not touched, and so not resident, before somebody is counted in it.
pub(crate) type Set = [u64; WORDS];

pub(crate) const WORDS: usize = WAYS * 3;

/// Where the bucket of a tag is, or where one may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Find {
    There(usize),
    /// Free, or holds what may be forgotten.
    Free(usize),
    Full,
}

/// Looks for a tag. A way in `taken` is not free, whatever it holds.
pub(crate) fn find(set: &Set, tag: u64, now: u64, taken: impl Fn(usize) -> bool) -> Find {
    if let Some(way) = set.iter().take(WAYS).position(|one| *one == tag) {
        return Find::There(way);
    }
    // Of those that may be forgotten, the one that could have been for the longest time.
    let free = (0..WAYS).map(|way| (read(set, way).until, way)).filter(|(until, way)| *until <= now && !taken(*way));
    free.min().map_or(Find::Full, |(_, way)| Find::Free(way))
}

pub(crate) fn read(set: &Set, way: usize) -> Bucket {
    let word = |at: usize| set.get(at).copied().unwrap_or_default();
    let (until, counts) = (word(WAYS + 2 * way), word(WAYS + 2 * way + 1));
    let half = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    Bucket { until, spent: half(counts), carried: half(counts >> 32) }
}

pub(crate) fn write(set: &mut Set, way: usize, tag: u64, bucket: Bucket) {
    let mut put = |at: usize, value: u64| {
        if let Some(word) = set.get_mut(at) {
            *word = value;
        }
    };
    put(way, tag);
    put(WAYS + 2 * way, bucket.until);
    put(WAYS + 2 * way + 1, u64::from(bucket.spent) | u64::from(bucket.carried) << 32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_in_use_is_never_given_up() {
        let mut set = [0; WORDS];
        for way in 0..WAYS {
            let until = 100 + u64::try_from(way).unwrap_or_default();
            write(&mut set, way, until, Bucket { until, spent: 7, carried: u32::MAX });
        }
        assert_eq!(find(&set, 1, 99, |_| false), Find::Full);
        assert_eq!(find(&set, 1, 100, |_| false), Find::Free(0));
        assert_eq!(find(&set, 1, 200, |way| way == 0), Find::Free(1));
        assert_eq!(find(&set, 105, 99, |_| false), Find::There(5));
        assert_eq!(read(&set, 5), Bucket { until: 105, spent: 7, carried: u32::MAX });
    }
}
