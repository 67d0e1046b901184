//! The keys in force: who signs, and what is published.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use jose::{Algorithm, JwkSet, SigningKey};
use serde_json::Value;

use super::{ALGORITHMS, MasterKey, jwks};
use crate::{
    error::IdentityError,
    store::{Database, keys::StoredKey},
};

/// The signing keys of a running server. What is loaded is replaced whole.
pub struct KeyRing {
    loaded: RwLock<Arc<Loaded>>,
    epoch: AtomicU64,
}

/// Keys as the database had them at one time.
pub(crate) struct Loaded {
    active: Vec<(Algorithm, SigningKey)>,
    /// The document at the JWKS endpoint.
    pub(crate) document: Bytes,
    /// The same, for checking signatures.
    pub(crate) verifying: JwkSet,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").finish_non_exhaustive()
    }
}

impl KeyRing {
    /// Opens the keys of the database; a database without any gets a first set.
    pub(crate) async fn open(database: &Database, master: &MasterKey, now: u64) -> Result<Self, IdentityError> {
        for algorithm in ALGORITHMS {
            let key = || SigningKey::generate(algorithm);
            database.ensure_active_key(master, algorithm, key, now).await?;
        }
        let loaded = Loaded::of(database.signing_keys(master).await?)?;
        Ok(Self { loaded: RwLock::new(Arc::new(loaded)), epoch: AtomicU64::new(1) })
    }

    /// Reads the keys of the database again.
    pub(crate) async fn reload(&self, database: &Database, master: &MasterKey) -> Result<(), IdentityError> {
        let loaded = Loaded::of(database.signing_keys(master).await?)?;
        let mut place = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        if place.document != loaded.document {
            *place = Arc::new(loaded);
            self.epoch.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// The keys that verify our tokens.
    pub fn verifying(&self) -> JwkSet {
        self.loaded().verifying.clone()
    }

    /// Moves whenever [`Self::verifying`] changes.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(&self.loaded.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Loaded {
    fn of(stored: Vec<StoredKey>) -> Result<Self, IdentityError> {
        let document = jwks::document(stored.iter().map(|stored| &stored.key));
        let verifying = JwkSet::parse(&document).map_err(IdentityError::OwnKeys)?;
        let active =
            stored.into_iter().filter(StoredKey::is_active).map(|stored| (stored.algorithm, stored.key)).collect();
        Ok(Self { active, document, verifying })
    }

    /// Signs claims as a JWT of a `typ`.
    pub(crate) fn sign(&self, algorithm: Algorithm, kind: &str, claims: &Value) -> Result<String, IdentityError> {
        let (_, key) = self.active.iter().find(|(own, _)| *own == algorithm).ok_or(IdentityError::NoKey(algorithm))?;
        Ok(key.sign_jwt(kind, claims)?)
    }
}
