//! Starting and stopping: one thread with its own runtime for each worker, one socket a worker and listener.

use std::{
    net::SocketAddr,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use config::Config;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    access_log::{self, Log},
    authenticate::Verified,
    gate::{Gate, Limits, Snapshot},
    identity_token::{IdentityKeyError, IdentitySigner},
    issuer::KeySets,
    limit::Limiter,
    listen::{self, Census, Entrance, TlsSetupError},
    request_id::RequestIds,
    route::Routes,
    sources::Sources,
    upstream::Pools,
    watch::{Clock, Patience, Sweeper},
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
    /// A thread or its runtime could not be made.
    #[error("worker: {0}")]
    Worker(std::io::Error),
    /// The system has no randomness.
    #[error("the system gave no random bytes")]
    Randomness,
}

/// The gateway.
pub struct Gateway;

/// A gateway that runs.
pub struct Running {
    addresses: Vec<SocketAddr>,
    stop: watch::Sender<bool>,
    census: Arc<Census>,
    workers: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// Binds all listeners and starts the workers. Must be called within a tokio runtime, which then also fetches the
    /// keys of issuers.
    pub fn start(config: Config, sources: Sources) -> Result<Running, StartError> {
        let census = Census::new(config.limits.connections, config.limits.connections_per_address);
        let writer = access_log::start_writer(&config.monitoring.access_log).map_err(StartError::AccessLog)?;
        let entrances = entrances(&config, &census)?;
        let snapshot = Arc::new(Snapshot {
            routes: Routes::new(&config.apis),
            limits: Limits::from(&config.limits),
            limiter: Limiter::new(&config.apis),
            key_sets: KeySets::start(&config.issuers),
            identity: IdentitySigner::open(&config.data)?,
            trusted_proxies: config.trusted_proxies.clone(),
            issuers: config.issuers,
            sources,
        });
        let count = config.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let upstreams: Vec<_> = config.apis.iter().map(|api| Arc::clone(&api.upstream)).collect();
        let patience = Patience {
            header: config.limits.header_timeout,
            keep_alive: config.limits.keep_alive,
            stream: config.limits.stream_idle,
        };
        let (stop, stopped) = watch::channel(false);
        let mut running = Running { addresses: Vec::new(), stop, census, workers: Vec::new() };
        let mut addresses: Vec<SocketAddr> = config.listeners.iter().map(|listener| listener.address).collect();
        for number in 0..count.max(1) {
            let mut sockets = Vec::new();
            for (address, entrance) in addresses.iter_mut().zip(&entrances) {
                let bind_error = |source| StartError::Bind { address: *address, source };
                let socket = listen::bind(*address).map_err(bind_error)?;
                // Port 0 is chosen by the first worker and shared by the others.
                *address = socket.local_addr().map_err(bind_error)?;
                sockets.push((socket, Arc::clone(entrance)));
            }
            let pools = Pools::new(&upstreams).map_err(|error| StartError::Upstreams(error.to_string()))?;
            let gate = Gate {
                snapshot: Arc::clone(&snapshot),
                pools,
                verified: Verified::default(),
                ids: RequestIds::new().map_err(|_| StartError::Randomness)?,
                log: Arc::new(Log::new(writer.clone())),
                clock: Arc::new(Clock::new()),
            };
            running.workers.push(start_worker(number, Arc::new(gate), sockets, patience, stopped.clone())?);
        }
        running.addresses = addresses;
        Ok(running)
    }
}

impl Running {
    /// Addresses of the listeners in the order of the configuration, with real ports.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Accepts no more, lets requests under way end, and closes what is left after `grace`.
    pub async fn drain(self, grace: Duration) {
        // Without receivers every worker is gone already.
        let _ = self.stop.send(true);
        let deadline = Instant::now() + grace;
        while self.census.count() > 0 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        drop(self.stop);
        for worker in self.workers {
            // A worker that panicked is as gone as one that returned.
            let _ = tokio::task::spawn_blocking(move || worker.join()).await;
        }
    }
}

fn entrances(config: &Config, census: &Arc<Census>) -> Result<Vec<Arc<Entrance>>, StartError> {
    let entrance = |listener| Ok(Arc::new(Entrance::new(listener, &config.limits, census)?));
    config.listeners.iter().map(entrance).collect()
}

type Sockets = Vec<(std::net::TcpListener, Arc<Entrance>)>;

fn start_worker(
    number: usize,
    gate: Arc<Gate>,
    sockets: Sockets,
    patience: Patience,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Worker)?;
    let work = move || runtime.block_on(work(gate, sockets, patience, stop));
    std::thread::Builder::new().name(format!("worker-{number}")).spawn(work).map_err(StartError::Worker)
}

/// Serves until the other end of `stop` is dropped.
async fn work(gate: Arc<Gate>, sockets: Sockets, patience: Patience, mut stop: watch::Receiver<bool>) {
    let sweeper = Arc::new(Sweeper::default());
    for (socket, entrance) in sockets {
        // The socket is a listening one by construction; one that the runtime refuses is not served.
        let Ok(listener) = TcpListener::from_std(socket) else { continue };
        tokio::spawn(listen::serve(Arc::clone(&gate), entrance, listener, Arc::clone(&sweeper), stop.clone()));
    }
    let (log, clock) = (Arc::clone(&gate.log), Arc::clone(&gate.clock));
    tokio::spawn(async move { sweeper.run(&clock, patience).await });
    let flushing = Arc::clone(&log);
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_millis(200));
        loop {
            interval.tick().await;
            flushing.flush();
        }
    });
    while stop.changed().await.is_ok() {}
    log.flush();
}
