//! The gateway's view of the store: which API keys are good, and since when that may have changed.
//!
//! The gateway caches what it has verified for as long as the epoch stays the same. A change made by this process moves
//! the epoch at once; one made by another process within [`POLL`].

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gateway::{KeySource, KnownKey, Lookup, SourceUnavailable};
use store::{KeyId, KeyRecord, Store, StoreError, api_key::KeyDigest};
use tokio::runtime::Handle;

use crate::output::now;

/// A revocation must be seen within 1 s, so this leaves room for a slow disk.
const POLL: Duration = Duration::from_millis(250);
const WRITE_USES: Duration = Duration::from_secs(2);

/// API keys in the store.
pub(crate) struct StoredKeys {
    store: Store,
    /// The gateway's workers have runtimes of their own; the database is only ever used from this one.
    runtime: Handle,
    epoch: AtomicU64,
    /// Last use by key id, not yet written. At most one entry a key.
    uses: Mutex<HashMap<String, u64>>,
}

impl StoredKeys {
    /// Must be called within the runtime that [`StoredKeys::follow`] will run on.
    pub(crate) fn new(store: Store) -> Self {
        Self { store, runtime: Handle::current(), epoch: AtomicU64::new(1), uses: Mutex::default() }
    }

    /// The store itself, for the control socket.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Makes the gateway forget what it has verified.
    pub(crate) fn invalidate(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Watches for changes by other processes and writes last uses, until the task is dropped.
    pub(crate) async fn follow(self: Arc<Self>) {
        let (mut poll, mut write) = (tokio::time::interval(POLL), tokio::time::interval(WRITE_USES));
        let mut seen = None;
        let mut healthy = true;
        loop {
            let result = tokio::select! {
                _ = poll.tick() => self.notice_changes(&mut seen).await,
                _ = write.tick() => self.write_uses().await,
            };
            if result.is_ok() != healthy {
                healthy = result.is_ok();
                eprintln!("store: {}", result.map_or_else(|error| error.to_string(), |()| "answers again".to_owned()));
            }
        }
    }

    /// Writes the last uses noted so far. They stay noted if that does not work.
    pub(crate) async fn write_uses(&self) -> Result<(), StoreError> {
        let noted = std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        let uses: Vec<_> = noted.into_iter().map(|(id, at)| (KeyId(id), at)).collect();
        let written = self.store.touch_last_used(&uses).await;
        if written.is_err() {
            for (id, at) in uses {
                self.used(&id.0, at);
            }
        }
        written
    }

    async fn notice_changes(&self, seen: &mut Option<u64>) -> Result<(), StoreError> {
        let counter = self.store.change_counter().await?;
        // The first look counts as a change: what happened before it is unknown.
        if seen.replace(counter) != Some(counter) {
            self.invalidate();
        }
        Ok(())
    }
}

impl KeySource for StoredKeys {
    fn find(&self, digest: [u8; 32]) -> Lookup<'_> {
        let store = self.store.clone();
        let found = self.runtime.spawn(async move { store.find_key(&KeyDigest(digest)).await });
        Box::pin(async move {
            let record = found.await.map_err(|_| SourceUnavailable)?.map_err(|_| SourceUnavailable)?;
            Ok(record.filter(|record| record.is_live(now())).map(known))
        })
    }

    fn used(&self, id: &str, at_unix: u64) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        match uses.get_mut(id) {
            Some(at) => *at = at_unix.max(*at),
            None => drop(uses.insert(id.to_owned(), at_unix)),
        }
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

fn known(record: KeyRecord) -> KnownKey {
    KnownKey {
        id: record.id.0,
        owner: record.owner,
        name: record.name,
        scopes: record.scopes.into_iter().map(config::Scope).collect(),
        roles: record.roles,
        tenant: record.tenant,
        expires: record.expires,
    }
}
