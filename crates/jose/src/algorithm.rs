//! Signature algorithms (RFC 7518 §3, RFC 8037 §3.1).

use std::{fmt, str::FromStr};

use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, RsaParameters};

/// A JWS algorithm that Portcullis knows. `none` is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// ECDSA with P-521 and SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// HMAC with SHA-256.
    Hs256,
}

/// The text is not the name of a known algorithm; names are compared with case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a known JWS algorithm; known are ES256, ES384, ES512, EdDSA, RS256, RS384, RS512, PS256, PS384, PS512, HS256"
)]
pub struct UnknownAlgorithm;

/// How an algorithm checks signatures.
pub(crate) enum Verification {
    Ecdsa(&'static EcdsaVerificationAlgorithm),
    Rsa(&'static RsaParameters),
    Ed25519,
    Hmac,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Hs256,
    ];

    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Hs256 => "HS256",
        }
    }

    pub(crate) fn verification(self) -> Verification {
        match self {
            Self::Es256 => Verification::Ecdsa(&signature::ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Verification::Ecdsa(&signature::ECDSA_P384_SHA384_FIXED),
            Self::Es512 => Verification::Ecdsa(&signature::ECDSA_P521_SHA512_FIXED),
            Self::EdDsa => Verification::Ed25519,
            Self::Rs256 => Verification::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Verification::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Verification::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Verification::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Verification::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Verification::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Hs256 => Verification::Hmac,
        }
    }

    pub(crate) fn is_rsa(self) -> bool {
        matches!(self.verification(), Verification::Rsa(_))
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
