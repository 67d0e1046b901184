//! The servers of one upstream, as all workers and the checks share them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use http::StatusCode;
use tokio::task::AbortHandle;

use super::{
    balance::{Choice, Roster},
    connect::{Connector, ConnectorError},
    health,
    places::Places,
    resolve::{Addresses, Pace, System},
};

/// The servers of one upstream. Atomic numbers; no lock is taken for a request that need not wait for a place.
pub(super) struct Group {
    pub(super) upstream: Arc<config::Upstream>,
    pub(super) connector: Connector,
    /// In the order of the roster.
    pub(super) addresses: Vec<Arc<Addresses>>,
    pub(super) roster: Roster,
    pub(super) counters: Arc<Counters>,
    pub(super) places: Places,
    started: Instant,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// What happened to an upstream. Outlives configurations.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) retries: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) ejections: AtomicU64,
}

impl Group {
    /// Begins to resolve names and to check servers. Must be called within a tokio runtime.
    pub(super) fn start(
        upstream: &Arc<config::Upstream>,
        counters: Arc<Counters>,
    ) -> Result<Arc<Self>, ConnectorError> {
        let group = Arc::new(Self {
            connector: Connector::new(upstream)?,
            addresses: upstream.servers.iter().map(Addresses::new).map(Arc::new).collect(),
            roster: Roster::new(upstream),
            upstream: Arc::clone(upstream),
            counters,
            places: Places::new(upstream),
            started: Instant::now(),
            tasks: Mutex::default(),
        });
        let mut tasks = Vec::new();
        for (at, addresses) in group.addresses.iter().enumerate() {
            if addresses.is_name() {
                let addresses = Arc::clone(addresses);
                tasks.push(tokio::spawn(async move { addresses.follow(System, Pace::USUAL).await }).abort_handle());
            }
            if let Some(check) = &upstream.health {
                tasks.push(tokio::spawn(health::watch(Arc::downgrade(&group), at, check.clone())).abort_handle());
            }
        }
        *group.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        Ok(group)
    }

    /// Ends its tasks. Requests that still go to it decide by what was known last.
    pub(super) fn retire(&self) {
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// Milliseconds since the start.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A server answered with this status.
    pub(super) fn answered(&self, choice: Choice, status: StatusCode) {
        let failure =
            matches!(status.as_u16(), 502..=504) && self.roster.rules().is_some_and(|rules| rules.gateway_errors);
        if failure {
            self.failed(choice);
        } else if let Some(seat) = self.roster.seat(choice.at)
            && seat.standing.succeeded(choice.trial, || self.now(), &self.roster.absent)
        {
            self.tell(choice.at, "answers again");
        }
    }

    /// A server gave no answer.
    pub(super) fn failed(&self, choice: Choice) {
        let (Some(seat), Some(rules)) = (self.roster.seat(choice.at), self.roster.rules()) else { return };
        let servers = self.roster.seats().len();
        if let Some(time) = seat.standing.failed(choice.trial, self.now(), rules, servers, &self.roster.absent) {
            self.counters.ejections.fetch_add(1, Ordering::Relaxed);
            self.tell(choice.at, &format!("fails and is ejected for {time:?}"));
        }
    }

    /// Tells an operator what became of a server.
    pub(super) fn tell(&self, at: usize, what: &str) {
        let Some(addresses) = self.addresses.get(at) else { return };
        eprintln!("portcullis: upstream `{}`: {}:{} {what}", self.upstream.name, addresses.host(), addresses.port());
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.retire();
    }
}
