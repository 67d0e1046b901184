//! Secrets that are looked up by their SHA-256: 256 random bits in a text with a prefix and a checksum.

use std::fmt;

use aws_lc_rs::digest;
use store::token_text::{self, NoRandomness};
use zeroize::Zeroizing;

/// What a secret is for. Its prefix says so to whoever finds one, and scanners know them by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A refresh token.
    Refresh,
    /// A client secret.
    Client,
    /// An opaque access token.
    Access,
    /// An authorization code.
    Code,
    /// A device code.
    Device,
    /// A pushed authorization request.
    Pushed,
    /// An initial or registration access token.
    Registration,
    /// A session of a browser.
    Session,
    /// A browser without a session.
    Visitor,
    /// A browser that its user has logged in with before.
    KnownDevice,
    /// A one-time link.
    Invitation,
}

impl Purpose {
    /// What texts of this kind begin with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "pcr_",
            Self::Client => "pcs_",
            Self::Access => "pco_",
            Self::Code => "pcc_",
            Self::Device => "pcd_",
            Self::Pushed => "pcp_",
            Self::Registration => "pcg_",
            Self::Session => "pcl_",
            Self::Visitor => "pcv_",
            Self::KnownDevice => "pck_device_",
            Self::Invitation => "pci_",
        }
    }
}

/// A well-formed secret. Erased from memory when dropped; its `Debug` shows nothing of it.
pub struct Secret(Zeroizing<String>);

/// SHA-256 of a secret's text: what is stored and looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Secret {
    /// A new secret.
    pub fn generate(purpose: Purpose) -> Result<Self, NoRandomness> {
        token_text::generate(purpose.prefix()).map(Self)
    }

    /// The secret that stands for these bytes.
    pub fn of(purpose: Purpose, bytes: &[u8; 32]) -> Self {
        Self(token_text::of(purpose.prefix(), bytes))
    }

    /// SHA-256 of its text.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// The text, for whom it was made.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl Digest {
    /// SHA-256 of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
        Self(digest)
    }

    /// The digest of a text that is a secret for this purpose; junk has none, and is never looked up.
    pub fn of_secret(purpose: Purpose, text: &str) -> Option<Self> {
        token_text::check(purpose.prefix(), text).ok().map(|()| Self::of(text.as_bytes()))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(redacted)")
    }
}

/// 128 random bits in hexadecimal: public ids.
pub(crate) fn random_id() -> Result<String, NoRandomness> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
