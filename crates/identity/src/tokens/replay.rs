//! Proofs that were used: each once, in bounded memory.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

const PARTS: usize = 16;
/// Marks of one part: a million in all, of 40 bytes each.
const CAPACITY: usize = 65_536;

/// So many proofs are in use that another cannot be remembered, and so is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Marks of proofs until they expire.
pub(crate) struct ReplayMarks([Mutex<HashMap<[u8; 32], u64>>; PARTS]);

impl Default for ReplayMarks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl ReplayMarks {
    /// Takes a mark: `false` if it was taken before. Times are Unix seconds.
    pub(crate) fn take(&self, mark: [u8; 32], expires: u64, now: u64) -> Result<bool, Full> {
        let Some(part) = self.0.get(usize::from(mark[0]) % PARTS) else { return Err(Full) };
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        if part.get(&mark).is_some_and(|end| *end >= now) {
            return Ok(false);
        }
        if part.len() >= CAPACITY {
            part.retain(|_, end| *end >= now);
            if part.len() >= CAPACITY {
                return Err(Full);
            }
        }
        part.insert(mark, expires);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_taken_once_until_it_expires() {
        let marks = ReplayMarks::default();
        assert_eq!(marks.take([1; 32], 100, 50), Ok(true));
        assert_eq!(marks.take([1; 32], 100, 100), Ok(false));
        assert_eq!(marks.take([2; 32], 100, 100), Ok(true));
        assert_eq!(marks.take([1; 32], 200, 101), Ok(true));
    }

    #[test]
    fn what_cannot_be_remembered_is_not_taken() {
        let marks = ReplayMarks::default();
        let mark = |number: u32| {
            let mut mark = [0; 32];
            mark[1..5].copy_from_slice(&number.to_be_bytes());
            mark
        };
        for number in 0..65_536 {
            assert_eq!(marks.take(mark(number), 100, 50), Ok(true));
        }
        assert_eq!(marks.take(mark(65_536), 100, 50), Err(Full));
        assert_eq!(marks.take(mark(0), 100, 50), Ok(false), "what is remembered stays so");
        assert_eq!(marks.take(mark(65_536), 200, 101), Ok(true), "room comes with time");
    }
}
