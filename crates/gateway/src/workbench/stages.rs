//! The stages of the pipeline one by one, with a request that each hands to the next.

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use config::Config;
use http::{HeaderMap, HeaderValue, Method, Request, Response};

use crate::{
    authenticate::{self, CertificateHolder, Identified},
    authorize::{Authorized, authorize},
    body::{Inbound, Outbound},
    canonical::Canonical,
    dress::{Exposure, dress},
    gate::{Current, Gate},
    listen::{Census, Peer},
    plan::idle_gate,
    policies::Note,
    record::Record,
    refusal::Refusal,
    route::Routed,
    sources::Sources,
    start::StartError,
    watch::Pulse,
};

/// A gate without listeners, and one client of it.
pub struct Bench {
    gate: Arc<Gate>,
    peer: Arc<Peer>,
}

/// A canonical request.
pub struct AtRoute(Box<Canonical>);
/// A request whose route is known.
pub struct AtIdentify(Routed);
/// A request whose caller is known, and its record.
pub struct AtLimit(Identified, Box<Record>);
/// A request that may be forwarded.
pub struct Done {
    _authorized: Authorized,
}

/// What a stage refuses a request with: the code of its answer, or `None` where it would have to wait for something.
pub type Outcome<T> = Result<T, Option<&'static str>>;

impl Bench {
    /// Must be called within a tokio runtime.
    pub fn new(config: Config, sources: Sources) -> Result<Self, StartError> {
        let current = Current::new(idle_gate(config, sources)?);
        let gate = current.gate();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let peer = Peer {
            listener: 0,
            address: SocketAddr::new(address, 40_000),
            address_value: HeaderValue::from_static("127.0.0.1"),
            secure: false,
            server_name: None,
            certificate_names: Arc::default(),
            certificate: CertificateHolder::Nobody,
            leaf: None,
            pulse: Pulse::new(&gate.clock, false),
            current,
            // A census of its own has room for one.
            _place: Census::new(1, 1).enter(address).ok_or(StartError::Randomness)?,
        };
        Ok(Self { gate, peer: Arc::new(peer) })
    }

    /// 400, 414, 431.
    pub fn canonicalise(&self, request: Request<()>) -> Outcome<AtRoute> {
        let snapshot = &self.gate.snapshot;
        let (parts, ()) = request.into_parts();
        told(Canonical::from_head(Box::new(parts), |_| Inbound::none(), &snapshot.limits, snapshot.sources.key_prefix))
            .map(AtRoute)
    }

    /// 404, 405.
    pub fn route(&self, request: AtRoute) -> Outcome<AtIdentify> {
        told(self.gate.snapshot.routes.find(request.0)).map(AtIdentify)
    }

    /// 401, 503.
    pub fn identify(&self, request: AtIdentify) -> Outcome<AtLimit> {
        let identified = at_once(authenticate::identify(&self.gate, &self.peer, request.0))?;
        Ok(AtLimit(identified, Record::begin(&self.gate, &self.peer, &Method::GET, &HeaderMap::new())))
    }

    /// 429.
    pub fn limit(&self, request: AtLimit) -> Outcome<AtLimit> {
        let AtLimit(identified, mut record) = request;
        let admitted = at_once(self.gate.snapshot.limiter.admit(&self.gate, &self.peer, &mut record, identified))?;
        Ok(AtLimit(admitted, record))
    }

    /// 403.
    pub fn authorize(&self, request: AtLimit) -> Outcome<Done> {
        let mut note = Note::default();
        let authorized = at_once(authorize(&self.gate, &self.peer, &mut note, request.0))?;
        Ok(Done { _authorized: authorized })
    }
}

/// The fields of an answer as they leave the gateway.
pub fn dressed(fields: HeaderMap) -> HeaderMap {
    let mut answer = Response::new(Outbound::empty());
    *answer.headers_mut() = fields;
    dress(&mut answer, Exposure::Private);
    std::mem::take(answer.headers_mut())
}

/// The outcome of a stage that has nothing to wait for here.
fn at_once<T>(stage: impl Future<Output = Result<T, Refusal>>) -> Outcome<T> {
    match pin!(stage).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => told(outcome),
        Poll::Pending => Err(None),
    }
}

fn told<T>(outcome: Result<T, Refusal>) -> Outcome<T> {
    outcome.map_err(|refusal| Some(refusal.entry().id))
}
