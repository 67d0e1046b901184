//! Why an authorization server does not start or cannot go on. For operators.

use jose::Algorithm;
use store::StoreError;

use crate::keys::MasterKeyError;

/// What went wrong. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// Something in the database was sealed by another key, or changed.
    #[error("a sealed key in the database does not open: {0}")]
    Sealed(#[from] crate::keys::NotSealed),
    /// A signing key cannot be made or used.
    #[error("signing key: {0}")]
    Signing(#[from] jose::SigningError),
    /// The keys in the database cannot be published.
    #[error("the signing keys in the database cannot be published: {0}")]
    OwnKeys(jose::JwkError),
    /// There is no key for an algorithm.
    #[error("there is no signing key for {0}")]
    NoKey(Algorithm),
    /// Password hashes cannot be computed.
    #[error(transparent)]
    Hashing(#[from] crate::accounts::HashingError),
    /// The operator's style, logo or texts.
    #[error("templates: {0}")]
    Theme(#[from] crate::pages::ThemeError),
}
