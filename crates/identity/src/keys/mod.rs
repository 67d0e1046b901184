//! Keys: the master key seals what the database holds, signing keys sign tokens, and each takes the next one's place.

mod jwks;
mod master;
mod ring;
mod rotation;

pub(crate) use master::NotSealed;
pub(crate) use master::Tagger;
pub use master::{MasterKey, MasterKeyError};
pub use ring::KeyRing;
pub(crate) use rotation::{JWKS_MAX_AGE, Rotation};

use jose::Algorithm;

/// What tokens are signed with, in the order of preference; the first signs access tokens.
pub(crate) const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];
