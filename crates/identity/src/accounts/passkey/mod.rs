//! Passkeys: Web Authentication Level 3, the relying party's side.
//!
//! A browser answers a [`Challenge`] for one origin. [`Registration`] gives a key to keep; [`Assertion`] proves that its
//! holder is here and was verified by it. Attestation is neither asked for nor believed: what counts is that the same key
//! answers again. The checks are those of §7.1 and §7.2, in their order where an order matters.

mod assertion;
mod authenticator_data;
mod challenge;
mod client_data;
mod public_key;
mod registration;
#[cfg(test)]
mod tests;

pub(crate) use assertion::{Assertion, Known};
pub(crate) use challenge::{Ceremony, Challenge, ChallengeKey};
pub(crate) use public_key::PublicKey;
pub(crate) use registration::{NewPasskey, Registration};

/// Longest credential id (§4, "Credential ID": at most 1023 bytes).
const MAX_ID_BYTES: usize = 1023;
/// Longest part of an answer that is read.
const MAX_PART_BYTES: usize = 64 * 1024;

/// Whom passkeys are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelyingParty {
    /// The host of the issuer: keys are bound to it.
    pub(crate) id: String,
    /// The origin of the issuer: answers come from pages of it.
    pub(crate) origin: String,
}

/// Why an answer of an authenticator is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Not base64url, not JSON, not CBOR, too long or too short.
    #[error("the answer cannot be read")]
    Malformed,
    /// Made for the other ceremony.
    #[error("the answer is for another ceremony")]
    WrongType,
    /// Not the challenge that was given to this browser, or it is too old.
    #[error("the answer is to another challenge, or came too late")]
    WrongChallenge,
    /// Made on a page of another origin, or in a frame.
    #[error("the answer was made on a page of another origin")]
    WrongOrigin,
    /// Made for another relying party.
    #[error("the answer is for another relying party")]
    WrongParty,
    /// The user was not there or was not verified.
    #[error("the authenticator did not verify its user")]
    NotVerified,
    /// Its flags contradict each other or what was known of the key.
    #[error("the authenticator contradicts itself")]
    Contradiction,
    /// The key is of no kind that was asked for.
    #[error("the key is not one for ES256, EdDSA or RS256")]
    UnknownKey,
    /// A kind of attestation that was not asked for.
    #[error("the attestation is of a kind that was not asked for")]
    UnknownAttestation,
    /// The signature is not the key's.
    #[error("the signature is not the key's")]
    BadSignature,
    /// The counter did not go up, so there are two of this key.
    #[error("the signature counter did not go up: the key may have been copied")]
    Copied,
    /// The key belongs to another user than the answer says.
    #[error("the key belongs to another user")]
    WrongUser,
}
