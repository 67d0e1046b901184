//! Challenges that carry their own proof, so that showing a page stores nothing.
//!
//! 16 random bytes, the time of expiry, and an HMAC over both, the ceremony and the cookie of the browser they were given
//! to. Whoever accepts an answer keeps the challenge's digest until it expires, so that it is good once.

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac, rand,
};

use store::token_text::NoRandomness;

use super::Refused;

const RANDOM: usize = 16;
const TIME: usize = 8;
const MAC: usize = 32;
const LENGTH: usize = RANDOM + TIME + MAC;
/// How long a person has to find their key, in seconds.
pub(crate) const LIFETIME: u64 = 300;

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ceremony {
    /// `webauthn.create`.
    Registration,
    /// `webauthn.get`.
    Assertion,
}

impl Ceremony {
    pub(super) fn client_data_type(self) -> &'static str {
        match self {
            Self::Registration => "webauthn.create",
            Self::Assertion => "webauthn.get",
        }
    }
}

/// The key under which challenges are made.
#[derive(Debug)]
pub(crate) struct ChallengeKey(hmac::Key);

impl ChallengeKey {
    /// A key of 32 bytes, derived from the master key.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }
}

/// What an authenticator signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Challenge([u8; LENGTH]);

impl Challenge {
    /// A new challenge for the browser with this cookie secret.
    pub(crate) fn generate(
        key: &ChallengeKey,
        ceremony: Ceremony,
        browser: &[u8],
        now: u64,
    ) -> Result<Self, NoRandomness> {
        let mut bytes = [0; LENGTH];
        let (body, mac) = bytes.split_at_mut(RANDOM + TIME);
        let (random, time) = body.split_at_mut(RANDOM);
        rand::fill(random).map_err(|_| NoRandomness)?;
        time.copy_from_slice(&now.saturating_add(LIFETIME).to_be_bytes());
        mac.copy_from_slice(hmac::sign(&key.0, &message(ceremony, browser, body)).as_ref());
        Ok(Self(bytes))
    }

    /// Believes bytes that an answer brings back only if they are a challenge that was given to this browser, and still
    /// fresh.
    pub(crate) fn verify(
        bytes: &[u8],
        key: &ChallengeKey,
        ceremony: Ceremony,
        browser: &[u8],
        now: u64,
    ) -> Result<Self, Refused> {
        let whole: [u8; LENGTH] = bytes.try_into().map_err(|_| Refused::WrongChallenge)?;
        let (body, mac) = whole.split_at(RANDOM + TIME);
        hmac::verify(&key.0, &message(ceremony, browser, body), mac).map_err(|_| Refused::WrongChallenge)?;
        let challenge = Self(whole);
        if now < challenge.expires() { Ok(challenge) } else { Err(Refused::WrongChallenge) }
    }

    /// The first second in which it is no longer good.
    pub(crate) fn expires(&self) -> u64 {
        self.0.iter().skip(RANDOM).take(TIME).fold(0, |time, byte| (time << 8) | u64::from(*byte))
    }

    /// What is kept of it once it was answered.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.0).as_ref());
        bytes
    }

    /// Its bytes, for the browser.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn message(ceremony: Ceremony, browser: &[u8], body: &[u8]) -> Vec<u8> {
    // The type's name has no zero byte and the body a fixed length, so two different triples are two different texts.
    [ceremony.client_data_type().as_bytes(), &[0], body, browser].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_challenge_is_good_for_one_browser_one_ceremony_and_five_minutes() {
        let key = ChallengeKey::new(&[1; 32]);
        let challenge = Challenge::generate(&key, Ceremony::Assertion, b"browser", 1000).unwrap();
        let check = |bytes: &[u8], key: &ChallengeKey, ceremony, browser: &[u8], now| {
            Challenge::verify(bytes, key, ceremony, browser, now).is_ok()
        };
        let bytes = challenge.as_bytes();
        assert!(check(bytes, &key, Ceremony::Assertion, b"browser", 1299));
        assert!(!check(bytes, &key, Ceremony::Assertion, b"browser", 1300), "too late");
        assert!(!check(bytes, &key, Ceremony::Registration, b"browser", 1000), "another ceremony");
        assert!(!check(bytes, &key, Ceremony::Assertion, b"browsers", 1000), "another browser");
        assert!(!check(bytes, &ChallengeKey::new(&[2; 32]), Ceremony::Assertion, b"browser", 1000), "another key");
        let mut later = bytes.to_vec();
        later[23] ^= 0x80;
        assert!(!check(&later, &key, Ceremony::Assertion, b"browser", 1000), "a time of their own");
        assert!(!check(&bytes[1..], &key, Ceremony::Assertion, b"browser", 1000), "cut");
    }
}
