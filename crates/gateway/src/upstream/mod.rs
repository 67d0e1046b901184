//! Upstreams: which server takes a request, over which connection, and what happens when it fails.
//!
//! A [`Fleet`] holds what all workers share: how servers stand (`standing`, `health`), which is chosen (`balance`), where
//! they are (`resolve`) and how many requests are under way (`group`, `places`, `ticket`). Connections are a worker's own (`pool`),
//! so that no request waits for another worker's.

mod alarm;
mod balance;
mod body;
mod budget;
mod connect;
mod errand;
#[cfg(test)]
mod example;
mod fleet;
mod forwarded;
mod group;
mod health;
mod http1;
mod places;
mod pool;
mod resolve;
mod standing;
mod ticket;

use std::{
    hash::{BuildHasher, Hash},
    net::IpAddr,
    sync::{Arc, LazyLock},
    time::Duration,
};

use config::HashBy;
use foldhash::quality::RandomState;
use http::{HeaderMap, Response};

pub(crate) use body::PooledBody;
pub(crate) use connect::{ConnectorError, client_config};
pub(crate) use errand::Errand;
pub(crate) use fleet::Fleet;
pub(crate) use forwarded::{FORWARDED_FOR, Forwarded, Introduction};
pub(crate) use http1::Broken;
use pool::Pool;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// As many requests as the upstream takes are under way, and no place came free in time.
    #[error("the upstream's max_requests are under way")]
    Full,
    /// There is no server to send it to.
    #[error("the upstream has no server")]
    NoServer,
    /// The server accepted no connection.
    #[error("the server accepted no connection: {0}")]
    Connect(std::io::Error),
    /// The server took longer than `connect_timeout`.
    #[error("connecting took longer than the upstream's connect_timeout")]
    ConnectTimeout,
    /// The server sent no head of an answer in time.
    #[error("the upstream sent no answer in time")]
    ResponseTimeout,
    /// The connection broke, or the server did not speak HTTP; or the request's own body failed (see the source).
    #[error("the upstream broke off")]
    Broke(#[from] Broken),
    /// The request was sent before; it is not sent twice.
    #[error("the request was sent already")]
    Taken,
    /// The request has no URI that HTTP/2 could send.
    #[error("the request has no authority")]
    Authority,
}

/// A worker's pools, one for each upstream.
pub(crate) struct Pools {
    of_api: Vec<Arc<Pool>>,
}

/// Who sends a request, for upstreams that tell requests apart.
pub(crate) struct Sender<'r> {
    /// As they came.
    pub(crate) headers: &'r HeaderMap,
    /// Who they proved to be.
    pub(crate) client: Option<&'r str>,
    pub(crate) address: IpAddr,
}

impl Pools {
    /// Prepares pools; connections are made when they are needed.
    pub(crate) fn new(fleet: &Fleet) -> Self {
        let pools: Vec<_> = fleet.groups.iter().map(|group| Arc::new(Pool::new(group))).collect();
        Self { of_api: fleet.of_api.iter().filter_map(|at| pools.get(*at).cloned()).collect() }
    }

    /// Counts a second, and closes connections that have been idle for too long.
    pub(crate) fn tick(&self) {
        self.of_api.iter().for_each(|pool| pool.tick());
    }

    /// What tells a request apart from others at the upstream of this API.
    pub(crate) fn key(&self, api: usize, sender: &Sender<'_>) -> Option<u64> {
        let by_address = || balance::hash(sender.address.to_canonical().to_string().as_bytes());
        match self.of_api.get(api)?.group.roster.hash_by()? {
            HashBy::Client => Some(sender.client.map_or_else(by_address, |client| balance::hash(client.as_bytes()))),
            HashBy::Address => Some(by_address()),
            HashBy::Header(name) => sender.headers.get(name).map(|value| balance::hash(value.as_bytes())),
        }
    }

    /// A number for whoever sends requests, for upstreams whose places are scarce: an authenticated client, or an
    /// address's network. It is the same for all workers, and nobody outside can tell whose numbers meet.
    pub(crate) fn share(client: impl Hash) -> u64 {
        static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::default);
        STATE.hash_one(client)
    }

    /// Sends a request to the upstream of this API; `time` passes at most until the head of its answer.
    pub(crate) async fn send(
        &self,
        api: usize,
        errand: &mut Errand,
        time: Duration,
    ) -> Result<Response<PooledBody>, SendError> {
        self.of_api.get(api).ok_or(SendError::NoServer)?.send(errand, time).await
    }
}
