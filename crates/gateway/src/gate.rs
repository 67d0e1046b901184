//! The gate: what one worker needs to decide over a request.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use config::{ClientCertificates, Countries, Issuer, IssuerName, Policies, TraceContext};
use ipnet::IpNet;

use crate::{
    access_log::Log,
    authenticate::{Proofs, Verified},
    heavy::Heavy,
    identity_token::IdentitySigner,
    inventory::Observed,
    issuer::KeySets,
    limit::Limiter,
    listen::{Entrance, Peer},
    metrics::Metrics,
    policies::Decisions,
    pressure::Pressure,
    recent::Ring,
    request_id::RequestIds,
    route::Routes,
    sources::Sources,
    traces::Tracer,
    upstream::{Fleet, Pools},
    walks::Walks,
    watch::{Clock, Patience, Sweeper},
};

/// A configuration in force, shared by all workers and never changed.
pub(crate) struct Snapshot {
    pub(crate) routes: Routes,
    pub(crate) limits: Limits,
    pub(crate) limiter: Limiter,
    pub(crate) pressure: Arc<Pressure>,
    pub(crate) issuers: BTreeMap<IssuerName, Arc<Issuer>>,
    pub(crate) key_sets: Arc<KeySets>,
    pub(crate) identity: Arc<IdentitySigner>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) countries: Option<Arc<Countries>>,
    pub(crate) sources: Sources,
    pub(crate) heavy: Arc<Heavy>,
    /// What `DPoP` proofs were shown; a reload keeps it.
    pub(crate) proofs: Arc<Proofs>,
    pub(crate) fleet: Fleet,
    /// In the order of the configuration.
    pub(crate) entrances: Vec<Arc<Entrance>>,
    pub(crate) patience: Patience,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) trace_context: TraceContext,
    pub(crate) policies: Option<Arc<Policies>>,
    /// Unix seconds.
    pub(crate) loaded_at: u64,
}

impl Snapshot {
    /// Whose certificates a listener takes.
    pub(crate) fn client_rules(&self, listener: usize) -> Option<&Arc<ClientCertificates>> {
        self.entrances.get(listener)?.tls.as_ref()?.clients.as_ref()
    }

    /// Whether what a peer says of those behind it is believed.
    pub(crate) fn trusts(&self, peer: &Peer) -> bool {
        let address = peer.address.ip().to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    /// Whether a peer's trace goes on.
    pub(crate) fn continues_trace(&self, peer: &Peer) -> bool {
        match self.trace_context {
            TraceContext::Anyone => true,
            TraceContext::TrustedProxies => self.trusts(peer),
        }
    }
}

/// The gate that a worker decides with now. A reload puts another in its place; requests under way keep theirs, so none
/// sees two configurations.
pub(crate) struct Current {
    gate: ArcSwap<Gate>,
    leaving: AtomicBool,
}

impl Current {
    pub(crate) fn new(gate: Gate) -> Arc<Self> {
        Arc::new(Self { gate: ArcSwap::from_pointee(gate), leaving: AtomicBool::new(false) })
    }

    /// The gate for one request, or for one connection's handshake.
    pub(crate) fn gate(&self) -> Arc<Gate> {
        self.gate.load_full()
    }

    pub(crate) fn replace(&self, gate: Gate) {
        self.gate.store(Arc::new(gate));
    }

    /// From now on each answer is its connection's last.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether clients are asked to go elsewhere.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }
}

/// One worker's gate. Its caches, pools and log buffer are the worker's own, so nothing on the hot path is contended.
pub(crate) struct Gate {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) pools: Pools,
    pub(crate) verified: Verified,
    pub(crate) decisions: Decisions,
    pub(crate) ids: Arc<RequestIds>,
    pub(crate) log: Arc<Log>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) recent: Arc<Ring>,
    pub(crate) observed: Arc<Observed>,
    /// Shared by all workers.
    pub(crate) walks: Arc<Walks>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) sweeper: Arc<Sweeper>,
}

/// Limits that the pipeline checks itself.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) header_count: usize,
    pub(crate) header_bytes: usize,
    pub(crate) target_bytes: usize,
    pub(crate) token_bytes: usize,
    pub(crate) body_minimum_rate: u64,
}

impl From<&config::GlobalLimits> for Limits {
    fn from(limits: &config::GlobalLimits) -> Self {
        Self {
            header_count: limits.header_count,
            header_bytes: limits.header_bytes,
            target_bytes: limits.target_bytes,
            token_bytes: limits.token_bytes,
            body_minimum_rate: limits.body_minimum_rate,
        }
    }
}

/// Those of a configuration that says nothing of them.
impl Default for Limits {
    fn default() -> Self {
        Self {
            header_count: 100,
            header_bytes: 32 * 1024,
            target_bytes: 8 * 1024,
            token_bytes: 8 * 1024,
            body_minimum_rate: 500,
        }
    }
}
