//! Texts of secrets that are looked up: a prefix, 43 digits of base62 for 32 random bytes, 6 digits of base62 for the
//! CRC-32 (IEEE) of everything before them.
//!
//! The fixed prefix lets secret scanners find what leaked; the checksum lets junk be refused without asking a store.
//! Neither is a secret, so checking them early tells a caller nothing about which tokens exist.

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::{
    base62::{self, NotBase62},
    crc32::crc32,
};

const SECRET_BYTES: usize = 32;
/// 62^43 is the first power of 62 above 2^256.
const SECRET_DIGITS: usize = 43;
/// 62^6 is the first power of 62 above 2^32.
const CHECKSUM_DIGITS: usize = 6;

/// Why a text is not a token of its kind. For operators and tests; callers are told nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedToken {
    /// It begins with something else.
    #[error("it does not begin with the prefix of its kind")]
    Prefix,
    /// It has another length.
    #[error("it is {0} bytes long, which is not the length of its kind")]
    Length(usize),
    /// It holds something other than digits and letters after the prefix.
    #[error("it holds something other than digits and letters after its prefix")]
    Alphabet,
    /// Its number does not fit in 256 bits, or its checksum's in 32.
    #[error("its number is too large")]
    Overflow,
    /// Its checksum is another one: mistyped, truncated or made up.
    #[error("its checksum does not match")]
    Checksum,
}

/// The system gave no random bytes, so nothing was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

/// Length in bytes of a token with this prefix.
pub const fn length(prefix: &str) -> usize {
    prefix.len() + SECRET_DIGITS + CHECKSUM_DIGITS
}

/// A new token of 256 random bits.
pub fn generate(prefix: &str) -> Result<Zeroizing<String>, NoRandomness> {
    let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
    rand::fill(secret.as_mut_slice()).map_err(|_| NoRandomness)?;
    Ok(of(prefix, &secret))
}

/// The token that stands for 32 bytes.
pub fn of(prefix: &str, secret: &[u8; SECRET_BYTES]) -> Zeroizing<String> {
    // The whole length at once: a buffer that grows would leave copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(length(prefix)));
    text.push_str(prefix);
    base62::encode(secret, SECRET_DIGITS, &mut text);
    let checksum = crc32(text.as_bytes());
    base62::encode(&checksum.to_be_bytes(), CHECKSUM_DIGITS, &mut text);
    text
}

/// Whether a text is a token with this prefix. Exactly one text stands for each: no white space, no padding.
pub fn check(prefix: &str, text: &str) -> Result<(), MalformedToken> {
    let body = text.as_bytes().strip_prefix(prefix.as_bytes()).ok_or(MalformedToken::Prefix)?;
    let wrong_length = MalformedToken::Length(text.len());
    if text.len() != length(prefix) {
        return Err(wrong_length);
    }
    let (secret, checksum) = body.split_at_checked(SECRET_DIGITS).ok_or(wrong_length)?;
    base62::decode::<SECRET_BYTES>(secret)?;
    let claimed = u32::from_be_bytes(*base62::decode::<4>(checksum)?);
    let covered = text.as_bytes().get(..length(prefix) - CHECKSUM_DIGITS).ok_or(wrong_length)?;
    if crc32(covered) == claimed { Ok(()) } else { Err(MalformedToken::Checksum) }
}

impl From<NotBase62> for MalformedToken {
    fn from(error: NotBase62) -> Self {
        match error {
            NotBase62::Alphabet => Self::Alphabet,
            NotBase62::Overflow => Self::Overflow,
        }
    }
}
