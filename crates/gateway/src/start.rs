//! Starting, reloading and stopping.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use config::Config;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    gate::{Current, Gate},
    identity_token::{IdentityKeyError, IdentitySigner},
    inventory::Inventory,
    listen::{Census, TlsSetupError},
    monitor,
    plan::{Lasting, Plan},
    recent::Recent,
    sources::Sources,
    walks::Walks,
    worker::{bind_all, start_worker, worker_count},
};

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address could not be bound.
    #[error("{address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsSetupError),
    /// The key that signs identity tokens could not be had.
    #[error(transparent)]
    Identity(#[from] IdentityKeyError),
    /// The access log could not be opened.
    #[error("access log: {0}")]
    AccessLog(std::io::Error),
    /// Upstreams could not be set up.
    #[error("upstreams: {0}")]
    Upstreams(String),
    /// The store of shared limits could not be set up.
    #[error("shared_limits: {0}")]
    SharedLimits(String),
    /// A thread or its runtime could not be made.
    #[error("worker: {0}")]
    Worker(std::io::Error),
    /// The system has no randomness.
    #[error("the system gave no random bytes")]
    Randomness,
}

/// Why a gateway that runs did not take another configuration. It goes on with the one it has.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// What is bound at the start cannot change under connections that use it.
    #[error("{0} cannot change while the gateway runs; restart it")]
    NeedsRestart(&'static str),
    /// A part of the new configuration cannot be set up.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// The gateway.
pub struct Gateway;

/// A gateway that runs.
pub struct Running {
    addresses: Vec<SocketAddr>,
    /// What the configuration asked for; a port of 0 stays one here.
    configured: Vec<SocketAddr>,
    data: PathBuf,
    workers_configured: Option<usize>,
    identity: Option<Arc<config::Identity>>,
    stop: watch::Sender<bool>,
    census: Arc<Census>,
    gates: Vec<Arc<Current>>,
    workers: Arc<Vec<JoinHandle<()>>>,
    monitoring: Option<SocketAddr>,
    monitoring_configured: Option<SocketAddr>,
}

impl Gateway {
    /// Binds all listeners and starts the workers. Must be called within a tokio runtime, which then also fetches the
    /// keys of issuers. A listener whose address one of the `inherited` sockets has takes that socket.
    pub fn start(config: Config, sources: Sources, inherited: &[std::net::TcpListener]) -> Result<Running, StartError> {
        let census = Census::new(config.limits.connections, config.limits.connections_per_address);
        let configured: Vec<SocketAddr> = config.listeners.iter().map(|listener| listener.address).collect();
        let (data, workers_configured) = (config.data.clone(), config.workers);
        let served = config.identity.clone();
        let monitoring_configured = config.monitoring.address;
        let identity = Arc::new(IdentitySigner::open(&config.data)?);
        let plan = Plan::new(config, sources, identity, &census, None)?;
        let (stop, stopped) = watch::channel(false);
        let mut addresses = configured.clone();
        let (mut gates, mut workers) = (Vec::new(), Vec::new());
        let walks = Arc::new(Walks::default());
        for number in 0..worker_count(workers_configured).get() {
            let sockets = bind_all(&mut addresses, inherited)?;
            let lasting = Lasting::new(&walks)?;
            let current = Current::new(plan.gate(lasting));
            workers.push(start_worker(number, Arc::clone(&current), sockets, stopped.clone())?);
            gates.push(current);
        }
        let workers = Arc::new(workers);
        let monitoring = monitoring_configured.map(|address| {
            let (gates, workers, census) = (gates.clone(), Arc::clone(&workers), Arc::clone(&census));
            start_monitor(address, monitor::Watched { gates, workers, census, stop: stopped.clone() })
        });
        let monitoring = monitoring.transpose()?;
        Ok(Running {
            addresses,
            configured,
            data,
            workers_configured,
            identity: served,
            stop,
            census,
            gates,
            workers,
            monitoring,
            monitoring_configured,
        })
    }
}

impl Running {
    /// Addresses of the listeners in the order of the configuration, with real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where `/metrics`, `/livez` and `/readyz` are, with a real port.
    pub fn monitoring(&self) -> Option<SocketAddr> {
        self.monitoring
    }

    /// Its last requests.
    pub fn recent(&self) -> Recent {
        Recent(self.gates.clone())
    }

    /// What it has seen.
    pub fn inventory(&self) -> Inventory {
        Inventory(self.gates.clone())
    }

    /// Puts another configuration in force: requests that begin later see all of it, requests under way none. On an
    /// error nothing has changed. Must be called within the runtime that started the gateway.
    pub fn reload(&self, config: Config) -> Result<(), ReloadError> {
        if !config.listeners.iter().map(|listener| listener.address).eq(self.configured.iter().copied()) {
            return Err(ReloadError::NeedsRestart("the addresses of `listeners`"));
        }
        if config.data != self.data {
            return Err(ReloadError::NeedsRestart("`data`"));
        }
        if config.monitoring.address != self.monitoring_configured {
            return Err(ReloadError::NeedsRestart("`monitoring.address`"));
        }
        if config.workers != self.workers_configured {
            return Err(ReloadError::NeedsRestart("`workers`"));
        }
        if config.identity != self.identity {
            return Err(ReloadError::NeedsRestart("`identity`"));
        }
        let Some(first) = self.gates.first() else {
            return Err(ReloadError::NeedsRestart("a gateway without workers"));
        };
        let before = Arc::clone(&first.gate().snapshot);
        let limits = config.limits.clone();
        let (sources, identity) = (before.sources.clone(), Arc::clone(&before.identity));
        let plan = Plan::new(config, sources, identity, &self.census, Some(&before))?;
        let gates: Vec<Gate> =
            self.gates.iter().map(|current| current.gate()).map(|old| plan.gate(Lasting::of(&old))).collect();
        // Nothing can fail from here on.
        self.census.limit(limits.connections, limits.connections_per_address);
        for (current, gate) in self.gates.iter().zip(gates) {
            current.replace(gate);
        }
        before.fleet.retire_for(&plan.snapshot.fleet);
        Ok(())
    }

    /// Accepts no more, lets requests under way end, and closes what is left after `grace`.
    pub async fn drain(self, grace: Duration) {
        self.gates.iter().for_each(|current| current.leave());
        // Without receivers every worker is gone already.
        let _ = self.stop.send(true);
        let deadline = Instant::now() + grace;
        while self.census.count() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(self.stop);
        while !self.workers.iter().all(JoinHandle::is_finished) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn start_monitor(address: SocketAddr, watched: monitor::Watched) -> Result<SocketAddr, StartError> {
    let failed = |source| StartError::Bind { address, source };
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = TcpListener::from_std(listener).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tokio::spawn(monitor::serve(listener, watched));
    Ok(address)
}
