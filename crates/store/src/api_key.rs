//! The text of an API key: a [token text](crate::token_text) that begins with `pck_live_`.

use std::fmt;

use aws_lc_rs::digest;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::token_text;
pub use crate::token_text::{MalformedToken as MalformedKey, NoRandomness};

/// What every API key begins with.
pub const PREFIX: &str = "pck_live_";
/// Length of a key in bytes.
pub const LENGTH: usize = token_text::length(PREFIX);

/// A well-formed API key. Erased from memory when dropped; its `Debug` shows nothing of it.
pub struct ApiKey(Zeroizing<String>);

/// SHA-256 of a key's whole text: what the store keeps and looks up. Compared in constant time.
#[derive(Clone, Copy)]
pub struct KeyDigest(pub [u8; 32]);

impl ApiKey {
    /// A new key of 256 random bits.
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self(token_text::generate(PREFIX)?))
    }

    /// Reads a key. Exactly one text stands for a key: no white space, no other case, no padding.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        token_text::check(PREFIX, text)?;
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
    token_text::check(PREFIX, text).ok().map(|()| KeyDigest::of(text).0)
}
