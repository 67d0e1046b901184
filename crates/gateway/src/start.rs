//! Starting and stopping: one thread with its own runtime for each worker, one socket a worker and listener.

use std::{
    net::SocketAddr,
    num::NonZero,
    path::PathBuf,
    sync::{Arc, mpsc::SyncSender},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use config::Config;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    access_log::{self, Log},
    authenticate::{Proofs, Verified},
    gate::{Current, Gate, Limits, Snapshot},
    heavy::Heavy,
    identity_token::{IdentityKeyError, IdentitySigner},
    inventory::{Inventory, Observed},
    issuer::KeySets,
    limit::Limiter,
    listen::{self, Census, Entrance, TlsSetupError},
    metrics::Metrics,
    monitor,
    policies::Decisions,
    pressure::Pressure,
    recent::{Recent, Ring},
    request_id::RequestIds,
    route::Routes,
    sources::Sources,
    traces::Tracer,
    upstream::{Fleet, Pools},
    walks::Walks,
    watch::{Clock, Patience, Sweeper, unix_now},
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

/// How many workers there are: as configured, or one for each processor.
fn worker_count(configured: Option<usize>) -> NonZero<usize> {
    let configured = configured.and_then(NonZero::new);
    configured.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZero::<usize>::MIN)
}

/// A gate without listeners, workers or anything that is shared between them. Must be called within a tokio runtime.
pub(crate) fn idle_gate(config: Config, sources: Sources) -> Result<Gate, StartError> {
    let census = Census::new(config.limits.connections, config.limits.connections_per_address);
    let identity = Arc::new(IdentitySigner::open(&config.data)?);
    Ok(Plan::new(config, sources, identity, &census, None)?.gate(Lasting::new(&Arc::default())?))
}

/// A worker's sockets. A port of 0 is chosen by the first worker, which puts it where the others find it.
fn bind_all(
    addresses: &mut [SocketAddr],
    inherited: &[std::net::TcpListener],
) -> Result<Vec<std::net::TcpListener>, StartError> {
    let bind = |address: &mut SocketAddr| {
        let handed = inherited.iter().find(|socket| socket.local_addr().is_ok_and(|own| own == *address));
        let socket = handed.map_or_else(|| listen::bind(*address), listen::share)?;
        *address = socket.local_addr()?;
        Ok(socket)
    };
    let bound =
        |address: &mut SocketAddr| bind(address).map_err(|source| StartError::Bind { address: *address, source });
    addresses.iter_mut().map(bound).collect()
}

/// What of a worker outlives configurations.
struct Lasting {
    ids: Arc<RequestIds>,
    clock: Arc<Clock>,
    sweeper: Arc<Sweeper>,
    metrics: Arc<Metrics>,
    recent: Arc<Ring>,
    observed: Arc<Observed>,
    walks: Arc<Walks>,
}

impl Lasting {
    fn new(walks: &Arc<Walks>) -> Result<Self, StartError> {
        Ok(Self {
            ids: Arc::new(RequestIds::new().map_err(|_| StartError::Randomness)?),
            clock: Arc::new(Clock::new()),
            sweeper: Arc::default(),
            metrics: Arc::default(),
            recent: Arc::default(),
            observed: Arc::default(),
            walks: Arc::clone(walks),
        })
    }

    fn of(gate: &Gate) -> Self {
        Self {
            ids: Arc::clone(&gate.ids),
            clock: Arc::clone(&gate.clock),
            sweeper: Arc::clone(&gate.sweeper),
            metrics: Arc::clone(&gate.metrics),
            recent: Arc::clone(&gate.recent),
            observed: Arc::clone(&gate.observed),
            walks: Arc::clone(&gate.walks),
        }
    }
}

/// A configuration made ready: what all workers share, and what each makes its own gate from.
struct Plan {
    snapshot: Arc<Snapshot>,
    writer: Option<SyncSender<Vec<u8>>>,
}

impl Plan {
    fn new(
        config: Config,
        sources: Sources,
        identity: Arc<IdentitySigner>,
        census: &Arc<Census>,
        before: Option<&Snapshot>,
    ) -> Result<Self, StartError> {
        let entrance = |listener| Ok::<_, StartError>(Arc::new(Entrance::new(listener, &config.limits, census)?));
        let entrances = config.listeners.iter().map(entrance).collect::<Result<_, _>>()?;
        let writer = access_log::start_writer(&config.monitoring.access_log).map_err(StartError::AccessLog)?;
        let upstreams = config.apis.iter().map(|api| Arc::clone(&api.upstream));
        let fleet = Fleet::start(upstreams, before.map(|before| &before.fleet))
            .map_err(|error| StartError::Upstreams(error.to_string()))?;
        let limiter = Limiter::new(&config, before.map(|before| &before.limiter))
            .map_err(|error| StartError::SharedLimits(error.to_string()))?;
        let proofs = match before {
            Some(before) => Arc::clone(&before.proofs),
            None => Arc::new(Proofs::new().map_err(|_| StartError::Randomness)?),
        };
        let heavy = match before {
            Some(before) => Arc::clone(&before.heavy),
            None => Arc::new(Heavy::start(worker_count(config.workers)).map_err(StartError::Worker)?),
        };
        let snapshot = Snapshot {
            fleet,
            routes: Routes::new(&config, sources.resident.as_ref()),
            limits: Limits::from(&config.limits),
            limiter,
            pressure: Pressure::watch(&config.limits, before.map(|before| &before.pressure)),
            key_sets: KeySets::start(
                &config.issuers,
                sources.resident.as_ref(),
                before.map(|before| before.key_sets.as_ref()),
            ),
            proofs,
            heavy,
            identity,
            trusted_proxies: config.trusted_proxies,
            countries: config.countries,
            issuers: config.issuers,
            policies: config.policies,
            sources,
            entrances,
            patience: Patience::from(&config.limits),
            trace_context: config.monitoring.trace_context,
            tracer: config.monitoring.traces.as_ref().map(Tracer::start),
            loaded_at: unix_now(),
        };
        Ok(Self { snapshot: Arc::new(snapshot), writer })
    }

    /// A worker's gate.
    fn gate(&self, lasting: Lasting) -> Gate {
        let Lasting { ids, clock, sweeper, metrics, recent, observed, walks } = lasting;
        let pools = Pools::new(&self.snapshot.fleet);
        let log = Arc::new(Log::new(self.writer.clone()));
        Gate {
            snapshot: Arc::clone(&self.snapshot),
            pools,
            verified: Verified::default(),
            decisions: Decisions::default(),
            ids,
            log,
            metrics,
            recent,
            observed,
            walks,
            clock,
            sweeper,
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

fn start_worker(
    number: usize,
    current: Arc<Current>,
    sockets: Vec<std::net::TcpListener>,
    stop: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(StartError::Worker)?;
    let work = move || runtime.block_on(work(current, sockets, stop));
    std::thread::Builder::new().name(format!("worker-{number}")).spawn(work).map_err(StartError::Worker)
}

/// Serves until the other end of `stop` is dropped.
async fn work(current: Arc<Current>, sockets: Vec<std::net::TcpListener>, mut stop: watch::Receiver<bool>) {
    let sweeper = Arc::clone(&current.gate().sweeper);
    for (position, socket) in sockets.into_iter().enumerate() {
        // The socket is a listening one by construction; one that the runtime refuses is not served.
        let Ok(listener) = TcpListener::from_std(socket) else { continue };
        let (current, sweeper) = (Arc::clone(&current), Arc::clone(&sweeper));
        tokio::spawn(listen::serve(current, position, listener, sweeper, stop.clone()));
    }
    let (swept, clock) = (Arc::clone(&current), Arc::clone(&current.gate().clock));
    tokio::spawn(async move { sweeper.run(&clock, || swept.gate().snapshot.patience).await });
    let ticking = Arc::clone(&current);
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_secs(1));
        loop {
            interval.tick().await;
            ticking.gate().pools.tick();
        }
    });
    let flushed = Arc::clone(&current);
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(Duration::from_millis(200));
        loop {
            interval.tick().await;
            flushed.gate().log.flush();
        }
    });
    while stop.changed().await.is_ok() {}
    current.gate().log.flush();
}
