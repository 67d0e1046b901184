//! What was proved lately, so that it need not be proved again: bounded, expiring, dropped when keys change.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};

use config::IssuerName;

use jose::jwt::Claims;

use super::{Caller, confirmation::Confirmation};

/// Entries kept of each kind by each worker.
const CAPACITY: usize = 8192;
/// A cached API key is looked up again after this time.
pub(super) const KEY_FRESH_SECONDS: u64 = 30;
/// While the store is gone, a cached API key serves this long (limits: store).
pub(super) const KEY_STALE_SECONDS: u64 = 60;

type Map<V> = Mutex<HashMap<[u8; 32], V, foldhash::fast::RandomState>>;

/// Callers by the SHA-256 of their credential. The credential itself is not kept.
#[derive(Default)]
pub(crate) struct Verified {
    tokens: Map<CachedToken>,
    keys: Map<CachedKey>,
}

/// A token that was verified.
pub(super) struct CachedToken {
    pub(super) caller: Arc<Caller>,
    pub(super) issuer: IssuerName,
    /// Key-set epoch under which it was verified.
    pub(super) epoch: u64,
    /// Unix seconds until which the result holds.
    pub(super) until: u64,
    /// What must be shown beside it.
    pub(super) bound: Option<Arc<Confirmation>>,
    /// Of tokens that can be revoked.
    pub(super) life: Option<Arc<Life>>,
}

/// What decides over a token of the built-in authorization server anew each time.
pub(super) struct Life {
    /// What revocations look at.
    pub(super) claims: Claims,
    /// The epoch in which it was last found not to be revoked.
    pub(super) seen: AtomicU64,
}

/// An API key that was found.
#[derive(Clone)]
pub(super) struct CachedKey {
    pub(super) caller: Arc<Caller>,
    pub(super) epoch: u64,
    pub(super) seen: u64,
    pub(super) expires: u64,
}

impl Verified {
    /// What is to be known of a token that was verified, if that still holds.
    pub(super) fn token<T>(&self, digest: &[u8; 32], read: impl FnOnce(&CachedToken) -> Option<T>) -> Option<T> {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(digest).and_then(read)
    }

    pub(super) fn keep_token(&self, digest: [u8; 32], token: CachedToken) {
        keep(&self.tokens, digest, token);
    }

    pub(super) fn key(&self, digest: &[u8; 32]) -> Option<CachedKey> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    pub(super) fn keep_key(&self, digest: [u8; 32], key: CachedKey) {
        keep(&self.keys, digest, key);
    }
}

/// Adds an entry; a full map gives up an arbitrary one, which costs its owner one more verification.
fn keep<V>(map: &Map<V>, digest: [u8; 32], value: V) {
    let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
    if map.len() >= CAPACITY && !map.contains_key(&digest) {
        let victim = map.keys().next().copied();
        if let Some(victim) = victim {
            map.remove(&victim);
        }
    }
    map.insert(digest, value);
}
