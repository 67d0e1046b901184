//! Recovery codes: ten, for once each, for whoever has lost their second factor.
//!
//! A code has 80 random bits, so a plain SHA-256, with the user's id before it, is enough to keep it by.

use std::fmt;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand,
};
use store::token_text::NoRandomness;
use zeroize::Zeroizing;

use super::user::UserId;

/// Codes of a set.
pub(crate) const CODES: usize = 10;
const CODE_BYTES: usize = 10;
/// Base32 without letters that are taken for digits or each other (Crockford's, in lower case).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const GROUP: usize = 4;

/// A code, like `7h2k-m0qd-9xwe-c4rt`. It is shown once.
pub(crate) struct RecoveryCode(Zeroizing<String>);

/// SHA-256 of a user's id and a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecoveryDigest(pub(crate) [u8; 32]);

impl RecoveryCode {
    /// A new code.
    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0_u8; CODE_BYTES]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
        let bits = bytes.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        let letters = (0..CODE_BYTES * 8 / 5).rev().filter_map(|place| letter((bits >> (place * 5)) & 31));
        Ok(Self(Zeroizing::new(letters.collect())))
    }

    /// Reads what somebody typed: case, spaces and hyphens do not matter, and letters that look like digits are taken
    /// for them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let letters = text.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        });
        let code: Zeroizing<String> = Zeroizing::new(letters.take(CODE_BYTES * 8 / 5 + 1).collect());
        let fits = code.len() == CODE_BYTES * 8 / 5 && code.bytes().all(|byte| ALPHABET.contains(&byte));
        fits.then_some(Self(code))
    }

    /// What is kept of it.
    pub(crate) fn digest(&self, user: &UserId) -> RecoveryDigest {
        let text = Zeroizing::new(format!("{user}:{}", self.0.as_str()));
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        RecoveryDigest(bytes)
    }

    /// The code for showing, in groups of four.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for (place, letter) in self.0.chars().enumerate() {
            if place > 0 && place % GROUP == 0 {
                text.push('-');
            }
            text.push(letter);
        }
        text
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

fn letter(value: u128) -> Option<char> {
    ALPHABET.get(usize::try_from(value).ok()?).copied().map(char::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let user = UserId::generate().unwrap();
        let code = RecoveryCode::generate().unwrap();
        let text = code.to_text();
        assert_eq!(text.len(), 19);
        let typed = text.to_uppercase().replace('-', " ").replace('0', "o").replace('1', "L");
        assert_eq!(RecoveryCode::parse(&typed).unwrap().digest(&user), code.digest(&user));
    }

    #[test]
    fn what_is_no_code_is_not_looked_up() {
        for text in
            ["", "7h2k", "7h2k-m0qd-9xwe-c4r", "7h2k-m0qd-9xwe-c4rtt", "7h2k-m0qd-9xwe-c4r!", "ü".repeat(16).as_str()]
        {
            assert!(RecoveryCode::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn one_code_of_two_users_is_kept_as_two_digests() {
        let code = RecoveryCode::generate().unwrap();
        let (one, other) = (UserId::generate().unwrap(), UserId::generate().unwrap());
        assert_ne!(code.digest(&one), code.digest(&other));
    }
}
