//! The text of an API key: `pck_live_`, 43 digits of base62 for 32 random bytes, 6 digits of base62 for the CRC-32
//! (IEEE) of everything before them.
//!
//! The fixed prefix lets secret scanners find leaked keys; the checksum lets the gateway refuse junk without asking the
//! store. Neither is a secret, so checking them early tells a caller nothing about which keys exist.

use std::fmt;

use aws_lc_rs::{digest, rand};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    base62::{self, NotBase62},
    crc32::crc32,
};

/// What every API key begins with.
pub const PREFIX: &str = "pck_live_";
/// Length of a key in bytes.
pub const LENGTH: usize = PREFIX.len() + SECRET_DIGITS + CHECKSUM_DIGITS;

const SECRET_BYTES: usize = 32;
/// 62^43 is the first power of 62 above 2^256.
const SECRET_DIGITS: usize = 43;
/// 62^6 is the first power of 62 above 2^32.
const CHECKSUM_DIGITS: usize = 6;

/// A well-formed API key. Erased from memory when dropped; its `Debug` shows nothing of it.
pub struct ApiKey(Zeroizing<String>);

/// SHA-256 of a key's whole text: what the store keeps and looks up. Compared in constant time.
#[derive(Clone, Copy)]
pub struct KeyDigest(pub [u8; 32]);

/// Why a text is not an API key. For operators and tests; callers are told nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MalformedKey {
    /// It does not begin with [`PREFIX`].
    #[error("an API key begins with `{PREFIX}`")]
    Prefix,
    /// It is not [`LENGTH`] bytes long.
    #[error("an API key is {LENGTH} bytes long, this is {0}")]
    Length(usize),
    /// It holds something other than digits and letters after the prefix.
    #[error("an API key consists of digits and letters after its prefix")]
    Alphabet,
    /// Its number does not fit in 256 bits, or its checksum's in 32.
    #[error("the number in the API key is too large")]
    Overflow,
    /// Its checksum is another one: mistyped, truncated or made up.
    #[error("the checksum of the API key does not match")]
    Checksum,
}

/// The system gave no random bytes, so no key was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

impl ApiKey {
    /// A new key of 256 random bits.
    pub fn generate() -> Result<Self, NoRandomness> {
        let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
        rand::fill(secret.as_mut_slice()).map_err(|_| NoRandomness)?;
        // The whole length at once: a buffer that grows would leave copies of the key behind.
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        text.push_str(PREFIX);
        base62::encode(secret.as_slice(), SECRET_DIGITS, &mut text);
        let checksum = crc32(text.as_bytes());
        base62::encode(&checksum.to_be_bytes(), CHECKSUM_DIGITS, &mut text);
        Ok(Self(text))
    }

    /// Reads a key. Exactly one text stands for a key: no white space, no other case, no padding.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        check(text)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// SHA-256 of the whole text, prefix and checksum included.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.0)
    }

    /// The key itself, for showing it once to whom it was made for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(redacted)")
    }
}

impl KeyDigest {
    fn of(text: &str) -> Self {
        let mut bytes = [0_u8; 32];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Self(bytes)
    }
}

impl PartialEq for KeyDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyDigest {}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(redacted)")
    }
}

/// Whether a text begins like an API key: enough to tell it from a JWT, and to refuse it in places where a key must not
/// be. [`ApiKey::parse`] decides whether it is one.
pub fn looks_like(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// The digest of a well-formed key without keeping a copy of the key; `None` for anything else.
pub fn digest_of(text: &str) -> Option<[u8; 32]> {
    check(text).ok().map(|()| KeyDigest::of(text).0)
}

fn check(text: &str) -> Result<(), MalformedKey> {
    let body = text.as_bytes().strip_prefix(PREFIX.as_bytes()).ok_or(MalformedKey::Prefix)?;
    if text.len() != LENGTH {
        return Err(MalformedKey::Length(text.len()));
    }
    let (secret, checksum) = body.split_at_checked(SECRET_DIGITS).ok_or(MalformedKey::Length(text.len()))?;
    base62::decode::<SECRET_BYTES>(secret)?;
    let claimed = u32::from_be_bytes(*base62::decode::<4>(checksum)?);
    let covered = text.as_bytes().get(..LENGTH - CHECKSUM_DIGITS).ok_or(MalformedKey::Length(text.len()))?;
    if crc32(covered) == claimed { Ok(()) } else { Err(MalformedKey::Checksum) }
}

impl From<NotBase62> for MalformedKey {
    fn from(error: NotBase62) -> Self {
        match error {
            NotBase62::Alphabet => Self::Alphabet,
            NotBase62::Overflow => Self::Overflow,
        }
    }
}
