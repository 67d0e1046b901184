//! Bodies that are held whole to be judged: the bytes of all of them together, against one budget of the process.
//!
//! What arrives is counted as it arrives, never as it is announced: a length is anybody's word. A [`Hold`] goes with the
//! bytes wherever they go, and gives its share back when the last of them is dropped: also those that an upstream is
//! slow to take.

use std::sync::Arc;

use bytes::Bytes;

use crate::{pressure::Pressure, refusal::Refusal};

/// The share of one body.
#[derive(Debug)]
pub(crate) struct Hold {
    pressure: Arc<Pressure>,
    bytes: u64,
}

impl Hold {
    /// A share of nothing yet.
    pub(crate) fn new(pressure: &Arc<Pressure>) -> Self {
        Self { pressure: Arc::clone(pressure), bytes: 0 }
    }

    /// Takes more, if there is so much left (503).
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        if !self.pressure.take(bytes) {
            return Err(Refusal::OutOfMemory("held_bodies"));
        }
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    /// The body, which keeps the share until nobody has any of it.
    pub(crate) fn around(self, body: Bytes) -> Bytes {
        if body.is_empty() { body } else { Bytes::from_owner(Shared { body, _hold: self }) }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.pressure.give_back(self.bytes);
    }
}

struct Shared {
    body: Bytes,
    _hold: Hold,
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_given_back_with_the_last_of_its_bytes_and_not_before() {
        let pressure = Arc::new(Pressure::holding(10));
        let mut hold = Hold::new(&pressure);
        hold.grow(4).unwrap();
        hold.grow(6).unwrap();
        assert_eq!(Hold::new(&pressure).grow(1), Err(Refusal::OutOfMemory("held_bodies")));
        let body = hold.around(Bytes::from_static(b"0123456789"));
        let part = body.slice(3..4);
        drop(body);
        assert_eq!(pressure.held(), (10, 10));
        drop(part);
        assert_eq!(pressure.held(), (0, 10));
    }

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let pressure = Arc::new(Pressure::holding(10));
        let mut hold = Hold::new(&pressure);
        hold.grow(8).unwrap();
        hold.grow(3).unwrap_err();
        hold.grow(usize::MAX).unwrap_err();
        hold.grow(2).unwrap();
        drop(hold);
        assert_eq!(pressure.held(), (0, 10));
    }

    #[test]
    fn an_empty_body_holds_nothing() {
        let pressure = Arc::new(Pressure::holding(10));
        let body = Hold::new(&pressure).around(Bytes::new());
        assert_eq!((body.len(), pressure.held()), (0, (0, 10)));
    }
}
