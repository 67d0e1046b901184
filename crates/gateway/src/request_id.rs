//! Request ids: 128 bits, 32 lower-case hexadecimal digits, unique and not guessable from one another by accident.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use http::{HeaderName, HeaderValue};

/// The field that names it, towards clients and upstreams.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An id of one request: its digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId([u8; 32]);

impl RequestId {
    /// Its 32 digits.
    pub(crate) fn as_str(&self) -> &str {
        // The digits are ASCII by construction; an empty id is the harmless answer to the impossible.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The id as a field value. HTTP/2 is told not to index it: used once, it would push other values out.
    pub(crate) fn header_value(&self) -> HeaderValue {
        let mut value = HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static("unknown"));
        value.set_sensitive(true);
        value
    }
}

/// Makes ids for one worker: a random half drawn at start, and a scrambled counter.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: u64,
    counter: AtomicU64,
}

impl RequestIds {
    /// Draws the worker's half. Fails when the system has no randomness.
    pub(crate) fn new() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut seed = [0; 16];
        SystemRandom::new().fill(&mut seed)?;
        let all = u128::from_ne_bytes(seed);
        let (prefix, start) = ((all >> 64) & u128::from(u64::MAX), all & u128::from(u64::MAX));
        Ok(Self {
            prefix: u64::try_from(prefix).unwrap_or_default(),
            counter: AtomicU64::new(u64::try_from(start).unwrap_or_default()),
        })
    }

    /// The next id.
    pub(crate) fn next(&self) -> RequestId {
        // An odd increment walks through all 2^64 values before one returns (Weyl sequence).
        let low = self.counter.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let mut digits = [0; 32];
        let bytes = self.prefix.to_be_bytes().into_iter().chain(low.to_be_bytes());
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[hex(byte >> 4), hex(byte & 15)]);
        }
        RequestId(digits)
    }
}

fn hex(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_are_hexadecimal() {
        let ids = RequestIds::new().unwrap();
        let (a, b) = (ids.next(), ids.next());
        assert_ne!(a, b);
        assert!(a.as_str().len() == 32 && a.as_str().bytes().all(|c| c.is_ascii_hexdigit()));
    }
}
