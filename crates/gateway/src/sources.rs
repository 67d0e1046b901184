//! Where the gateway gets credentials from: traits that the binary connects to a store.

use std::{future::Future, pin::Pin, sync::Arc};

use crate::resident::Resident;

/// An API key that the store knows.
#[derive(Debug, Clone)]
pub struct KnownKey {
    /// Public id of the key.
    pub id: String,
    /// Who owns it.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Scopes it carries.
    pub scopes: Vec<config::Scope>,
    /// Roles it has.
    pub roles: Vec<String>,
    /// The tenant it belongs to.
    pub tenant: Option<String>,
    /// Unix seconds after which it is not valid.
    pub expires: u64,
}

/// The store did not answer; nothing is known about the key.
#[derive(Debug, thiserror::Error)]
#[error("the key store did not answer")]
pub struct SourceUnavailable;

/// Answer of a look-up.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = Result<Option<KnownKey>, SourceUnavailable>> + Send + 'a>>;

/// Live API keys by the SHA-256 of their text.
pub trait KeySource: Send + Sync + 'static {
    /// Looks a key up. `None` is an unknown, expired or revoked key.
    fn find(&self, digest: [u8; 32]) -> Lookup<'_>;
    /// Notes that a key was used. Called off the hot path.
    fn used(&self, id: &str, at_unix: u64);
    /// Changes whenever a key was revoked, rolled or edited. Read on every request, so it must be as cheap as an atomic.
    fn epoch(&self) -> u64;
}

/// Everything the gateway asks of the outside.
#[derive(Clone)]
pub struct Sources {
    /// API keys.
    pub keys: Arc<dyn KeySource>,
    /// SHA-256 of a well-formed key; `None` for a text whose form or checksum is wrong.
    pub parse_key: fn(&str) -> Option<[u8; 32]>,
    /// What every API key begins with.
    pub key_prefix: &'static str,
    /// The authorization server in this process, if there is one.
    pub resident: Option<Arc<dyn Resident>>,
}
