//! Clients that were looked up, kept until something about any client changes.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Client, ClientId};
use crate::{identity::Server, problem::Answer, store::clients::StoredClient};

/// More clients than this are looked up again.
const CAPACITY: usize = 10_000;

/// What was looked up since the last change.
#[derive(Default)]
pub(crate) struct KnownClients(Mutex<Known>);

#[derive(Default)]
struct Known {
    clients: HashMap<ClientId, Arc<StoredClient>>,
    changes: u64,
}

impl KnownClients {
    /// Forgets all: something changed.
    pub(crate) fn forget(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.clients.clear();
        known.changes += 1;
    }

    /// A client, and how often anything had changed by then.
    fn find(&self, id: &ClientId) -> (Option<Arc<StoredClient>>, u64) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (known.clients.get(id).cloned(), known.changes)
    }

    /// Keeps a client, unless something changed while it was looked up.
    fn keep(&self, client: &Arc<StoredClient>, changes: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.changes == changes && known.clients.len() < CAPACITY {
            known.clients.insert(client.client.id.clone(), Arc::clone(client));
        }
    }
}

impl Server {
    /// A client, disabled or not. One that nobody registered is what the document at its id says, and how often that is
    /// fetched depends on from where it is asked for.
    pub(crate) async fn client(&self, id: &ClientId, from: IpAddr) -> Answer<Option<Arc<StoredClient>>> {
        let (known, changes) = self.known_clients.find(id);
        if known.is_some() {
            return Ok(known);
        }
        match self.database.client(id).await?.map(Arc::new) {
            Some(found) if !found.by_url => {
                self.known_clients.keep(&found, changes);
                Ok(Some(found))
            }
            // What it says of itself now does not matter.
            Some(found) if found.disabled => Ok(Some(found)),
            Some(_) => self.client_by_url(id, None).await,
            None => self.client_by_url(id, Some(from)).await,
        }
    }

    /// Whether a client keeps to the FAPI 2.0 Security Profile.
    pub(crate) fn is_fapi(&self, client: &Client) -> bool {
        self.settings.fapi || client.fapi
    }
}
