//! Content codings of request bodies (RFC 9110 §8.4): decoded only to be judged, and never further than allowed.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::GzDecoder;
use http::{HeaderMap, header};

use crate::{held::Hold, refusal::Refusal};

/// A body decodes to at most this many times its size; text rarely reaches 20.
const MAX_RATIO: u64 = 100;
/// Small bodies of one repeated byte are no attack.
const RATIO_COUNTS_FROM: u64 = 64 * 1024;
/// What is decoded before more memory is asked for.
const STEP: u64 = 64 * 1024;

/// The coding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// None.
    Identity,
    /// `gzip` (RFC 1952).
    Gzip,
}

/// The coding that the fields name (415).
pub(super) fn of(headers: &HeaderMap, gzip: bool) -> Result<Coding, Refusal> {
    let mut fields = headers.get_all(header::CONTENT_ENCODING).iter();
    match (fields.next().map(http::HeaderValue::as_bytes), fields.next()) {
        (None, _) => Ok(Coding::Identity),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"identity") => Ok(Coding::Identity),
        (Some(coding), None) if gzip && coding.eq_ignore_ascii_case(b"gzip") => Ok(Coding::Gzip),
        (Some(_), _) => Err(Refusal::WrongCoding),
    }
}

impl Coding {
    /// The plain body (400, 413, 503).
    pub(super) fn decode(self, body: &Bytes, max_body: u64, hold: Hold) -> Result<Bytes, Refusal> {
        match self {
            Self::Identity => Ok(body.clone()),
            Self::Gzip => gunzip(body, max_body, hold),
        }
    }
}

fn gunzip(body: &[u8], max_body: u64, mut hold: Hold) -> Result<Bytes, Refusal> {
    let sent = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let most = max_body.min(sent.saturating_mul(MAX_RATIO).max(RATIO_COUNTS_FROM));
    let mut decoder = GzDecoder::new(body).take(most.saturating_add(1));
    let mut plain = Vec::new();
    loop {
        let step = decoder.by_ref().take(STEP).read_to_end(&mut plain);
        let step = step.map_err(|_| Refusal::AmbiguousJson("gzip"))?;
        hold.grow(step)?;
        // The system alone would let this thread go on for a millisecond while a worker waits for its processor.
        std::thread::yield_now();
        if u64::try_from(step) != Ok(STEP) {
            break;
        }
    }
    if u64::try_from(plain.len()).unwrap_or(u64::MAX) > most {
        return Err(Refusal::DecodedTooLarge);
    }
    // Some readers take a second member for more of the body, others for nothing.
    if decoder.into_inner().into_inner().is_empty() {
        Ok(hold.around(plain.into()))
    } else {
        Err(Refusal::AmbiguousJson("gzip"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{io::Write, sync::Arc};

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::pressure::Pressure;

    fn gunzip(body: &[u8], max_body: u64) -> Result<Bytes, Refusal> {
        super::gunzip(body, max_body, Hold::new(&Arc::new(Pressure::holding(1 << 20))))
    }

    fn zip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_body_is_decoded_as_far_as_its_route_allows() {
        assert_eq!(gunzip(&zip(b"{}"), 100).unwrap(), "{}");
        assert_eq!(gunzip(&zip(&[b'a'; 101]), 100), Err(Refusal::DecodedTooLarge));
        assert_eq!(gunzip(&zip(&[b'a'; 100]), 100).unwrap().len(), 100);
    }

    #[test]
    fn a_bomb_is_left_early() {
        let bomb = zip(&vec![0; 8 << 20]);
        assert!(bomb.len() < 16 << 10);
        assert_eq!(gunzip(&bomb, u64::MAX), Err(Refusal::DecodedTooLarge));
    }

    #[test]
    fn what_is_decoded_counts_among_the_bodies_that_are_held() {
        let pressure = Arc::new(Pressure::holding(1_000));
        let unfold = || super::gunzip(&zip(&[b'a'; 600]), 10_000, Hold::new(&pressure));
        let plain = unfold().unwrap();
        assert_eq!(pressure.held(), (600, 1_000));
        assert_eq!(unfold(), Err(Refusal::OutOfMemory("held_bodies")));
        drop(plain);
        assert_eq!(pressure.held(), (0, 1_000));
    }

    #[test]
    fn what_two_readers_could_decode_differently_is_refused() {
        let one = zip(b"{}");
        for body in [
            [one.clone(), one.clone()].concat(),
            [one.clone(), b"x".to_vec()].concat(),
            one[..one.len() - 1].to_vec(),
            b"{}".to_vec(),
        ] {
            assert_eq!(gunzip(&body, 100), Err(Refusal::AmbiguousJson("gzip")));
        }
        let mut damaged = one.clone();
        let at = one.len() - 6;
        damaged[at] ^= 1;
        assert_eq!(gunzip(&damaged, 100), Err(Refusal::AmbiguousJson("gzip")));
    }
}
