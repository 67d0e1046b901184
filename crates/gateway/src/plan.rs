//! A configuration made ready to be in force.

use std::sync::{Arc, mpsc::SyncSender};

use config::Config;

use crate::{
    access_log::{self, Log},
    authenticate::{Proofs, Verified},
    gate::{Gate, Limits, Snapshot},
    heavy::Heavy,
    identity_token::IdentitySigner,
    inventory::Observed,
    issuer::KeySets,
    limit::Limiter,
    listen::{Census, Entrance},
    metrics::Metrics,
    policies::Decisions,
    pressure::Pressure,
    recent::Ring,
    request_id::RequestIds,
    route::Routes,
    sources::Sources,
    start::StartError,
    traces::Tracer,
    upstream::{Fleet, Pools},
    walks::Walks,
    watch::{Clock, Patience, Sweeper, unix_now},
    worker::worker_count,
};

/// What of a worker outlives configurations.
pub(crate) struct Lasting {
    ids: Arc<RequestIds>,
    clock: Arc<Clock>,
    sweeper: Arc<Sweeper>,
    metrics: Arc<Metrics>,
    recent: Arc<Ring>,
    observed: Arc<Observed>,
    walks: Arc<Walks>,
}

impl Lasting {
    /// Of a worker that starts.
    pub(crate) fn new(walks: &Arc<Walks>) -> Result<Self, StartError> {
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

    /// Of the worker that has this gate.
    pub(crate) fn of(gate: &Gate) -> Self {
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
pub(crate) struct Plan {
    pub(crate) snapshot: Arc<Snapshot>,
    writer: Option<SyncSender<Vec<u8>>>,
}

impl Plan {
    /// Makes a configuration ready. What of `before` it does not change goes on.
    pub(crate) fn new(
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
    pub(crate) fn gate(&self, lasting: Lasting) -> Gate {
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

/// A gate without listeners, workers or anything that is shared between them. Must be called within a tokio runtime.
pub(crate) fn idle_gate(config: Config, sources: Sources) -> Result<Gate, StartError> {
    let census = Census::new(config.limits.connections, config.limits.connections_per_address);
    let identity = Arc::new(IdentitySigner::open(&config.data)?);
    Ok(Plan::new(config, sources, identity, &census, None)?.gate(Lasting::new(&Arc::default())?))
}
