//! The access log: one JSON object a request, written off-thread, bounded, never with a secret or a query.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::{Duration, Instant},
};

use ::contract::Difference;
use config::AccessLog;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde::Serialize;

use crate::{
    authenticate::{Caller, DPOP_NONCE, Identified, Identity},
    body::Outbound,
    canonical::Canonical,
    contract::Noted,
    gate::Gate,
    limit::{Places, State},
    listen::Peer,
    metrics::{self, Observation},
    policies::Note,
    recent::{Ended, Marks, Stage, Story},
    refusal::{Reason, Refusal},
    request_id::RequestId,
    route::{Route, Routed},
    traces::Place,
};

/// A buffer is handed to the writer at this size, and every 200 ms.
const BUFFER_BYTES: usize = 16 * 1024;
/// Buffers under way to the writer; past it lines are dropped and counted.
const QUEUE: usize = 256;

/// One worker's end of the access log.
pub(crate) struct Log {
    buffer: Mutex<Vec<u8>>,
    writer: Option<SyncSender<Vec<u8>>>,
    dropped: AtomicU64,
}

/// Starts the writer's thread. `None` when the log is off.
pub(crate) fn start_writer(target: &AccessLog) -> io::Result<Option<SyncSender<Vec<u8>>>> {
    let mut output: Box<dyn Write + Send> = match target {
        AccessLog::Off { .. } => return Ok(None),
        AccessLog::Stdout => Box::new(io::stdout()),
        AccessLog::File(path) => Box::new(OpenOptions::new().create(true).append(true).open(path)?),
    };
    let (sender, receiver): (_, Receiver<Vec<u8>>) = sync_channel(QUEUE);
    std::thread::Builder::new().name("access-log".into()).spawn(move || {
        for lines in receiver {
            // A log that cannot be written must not stop the gateway; the loss is visible as missing lines.
            let _ = output.write_all(&lines).and_then(|()| output.flush());
        }
    })?;
    Ok(Some(sender))
}

impl Log {
    pub(crate) fn new(writer: Option<SyncSender<Vec<u8>>>) -> Self {
        Self { buffer: Mutex::default(), writer, dropped: AtomicU64::new(0) }
    }

    fn write(&self, line: &Line<'_>) {
        self.write_line(line);
    }

    fn write_line(&self, line: &impl Serialize) {
        if self.writer.is_none() {
            return;
        }
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        if serde_json::to_writer(&mut *buffer, line).is_ok() {
            buffer.push(b'\n');
        }
        if buffer.len() >= BUFFER_BYTES {
            self.hand_over(&mut buffer);
        }
    }

    /// Lines lost that the log itself does not tell of yet.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Hands what has gathered to the writer.
    pub(crate) fn flush(&self) {
        self.hand_over(&mut self.buffer.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn hand_over(&self, buffer: &mut Vec<u8>) {
        let Some(writer) = self.writer.as_ref().filter(|_| !buffer.is_empty()) else { return };
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            buffer.extend_from_slice(format!("{{\"event\":\"access_log_dropped\",\"lines\":{dropped}}}\n").as_bytes());
        }
        let lines = std::mem::replace(buffer, Vec::with_capacity(BUFFER_BYTES + 1024));
        if let Err(TrySendError::Full(lines) | TrySendError::Disconnected(lines)) = writer.try_send(lines) {
            let lost = lines.split(|&byte| byte == b'\n').count().saturating_sub(1);
            self.dropped.fetch_add(dropped + u64::try_from(lost).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

/// What is known of a request so far. Written when its answer has ended, however it ended.
pub(crate) struct Record {
    pub(crate) request_id: RequestId,
    gate: Arc<Gate>,
    peer: Arc<Peer>,
    started: Instant,
    /// Since then, when the clock was read last.
    elapsed: Duration,
    method: Method,
    path: Option<String>,
    host: Option<String>,
    route: Option<Arc<Route>>,
    caller: Option<Arc<Caller>>,
    status: Option<StatusCode>,
    code: Option<&'static str>,
    reason: Option<Reason>,
    /// What its answer says of limits.
    pub(crate) limit: Option<State>,
    /// Places that it takes until it has ended.
    pub(crate) places: Option<Places>,
    /// It was sent to a second server.
    pub(crate) retried: bool,
    /// The object it asks for, as the table of walks has it.
    object: Option<u64>,
    /// What was not as documented.
    noted: Option<Box<Noted>>,
    sent: u64,
    marks: Marks,
    /// Where it stands among others, if traces are made.
    pub(crate) place: Option<Box<Place>>,
    /// What policies made of it.
    pub(crate) judged: Note,
    /// For the client's next proof.
    nonce: Option<HeaderValue>,
}

/// A line of the log.
#[derive(Serialize)]
struct Line<'a> {
    ts: f64,
    request_id: &'a str,
    client: IpAddr,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retried: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<Contract<'a>>,
    sent: u64,
    duration_us: u64,
}

/// The alarm that a caller goes through the objects of others.
#[derive(Serialize)]
struct ObjectWalk<'a> {
    event: &'static str,
    ts: f64,
    /// Of the request that raised it.
    request_id: &'a str,
    api: &'a str,
    route: &'a str,
    authentication: &'a str,
    subject: &'a str,
    credential: &'a str,
    objects: usize,
    window_seconds: u64,
}

/// How request and answer differed from the API's contract. Places and keywords, never values.
#[derive(Serialize)]
struct Contract<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "<[Difference]>::is_empty")]
    request: &'a [Difference],
    #[serde(skip_serializing_if = "<[Difference]>::is_empty")]
    answer: &'a [Difference],
    /// Members removed from the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<usize>,
}

impl Record {
    /// Begins with the request's first stage.
    pub(crate) fn begin(gate: &Arc<Gate>, peer: &Arc<Peer>, method: &Method, headers: &HeaderMap) -> Box<Self> {
        peer.pulse.request_began();
        let request_id = gate.ids.next();
        let started = Instant::now();
        let tracer = gate.snapshot.tracer.as_ref();
        let place = tracer.map(|tracer| {
            let told = Some(headers).filter(|_| gate.snapshot.continues_trace(peer));
            Box::new(tracer.place(told, &request_id))
        });
        // Written where it stays, not moved there.
        Box::write(
            Box::new_uninit(),
            Self {
                request_id,
                gate: Arc::clone(gate),
                peer: Arc::clone(peer),
                started,
                elapsed: Duration::ZERO,
                method: method.clone(),
                path: None,
                host: None,
                route: None,
                caller: None,
                status: None,
                code: None,
                reason: None,
                limit: None,
                places: None,
                retried: false,
                object: None,
                noted: None,
                sent: 0,
                marks: Marks::default(),
                place,
                judged: None,
                nonce: None,
            },
        )
    }

    /// Notes host and path, in the form that everything else uses. The query is left out: it may hold secrets.
    pub(crate) fn canonical(&mut self, canonical: &Canonical) {
        self.passed(Stage::Canonical);
        if self.gate.log.writer.is_some() {
            self.path = Some(canonical.path.as_str().to_owned());
            self.host = Some(canonical.host.as_str().to_owned());
        }
    }

    pub(crate) fn routed(&mut self, routed: &Routed) {
        self.route = Some(Arc::clone(&routed.route));
        if routed.route.paths.open && self.path.is_none() {
            self.path = Some(routed.canonical.path.as_str().to_owned());
        }
    }

    /// Notes the time.
    pub(crate) fn passed(&mut self, stage: Stage) {
        self.elapsed = self.started.elapsed();
        self.marks.passed(stage, self.elapsed);
    }

    /// The same, for a stage that may have had nothing to do: then it took no time, and no clock is read.
    pub(crate) fn passed_if(&mut self, worked: bool, stage: Stage) {
        if worked {
            self.passed(stage);
        } else {
            self.marks.passed(stage, self.elapsed);
        }
    }

    pub(crate) fn identified(&mut self, identified: &Identified) {
        self.passed_if(matches!(identified.identity, Identity::Known(_)), Stage::Authenticate);
        self.nonce.clone_from(&identified.nonce);
        if let Identity::Known(caller) = &identified.identity {
            self.caller = Some(Arc::clone(caller));
            self.object = identified.route.paths.object.map(|segment| {
                let path = up_to(identified.canonical.path.as_str(), segment);
                self.gate.walks.object(&identified.route.api, path)
            });
        }
    }

    /// Its route, once there is one.
    pub(crate) fn route(&self) -> Option<&Arc<Route>> {
        self.route.as_ref()
    }

    pub(crate) fn refused(&mut self, refusal: &Refusal) {
        self.code = Some(refusal.entry().id);
        self.reason = refusal.reason();
    }

    /// What is noted of the contract.
    pub(crate) fn noted(&mut self) -> &mut Noted {
        self.noted.get_or_insert_default()
    }

    /// Counts bytes of the answer's body.
    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// Ties the record to its answer.
    pub(crate) fn attach(mut self: Box<Self>, response: &mut Response<Outbound>) {
        self.status = Some(response.status());
        if let Some(limit) = self.limit.take() {
            limit.add_fields(response.headers_mut());
        }
        if let Some(nonce) = self.nonce.take() {
            response.headers_mut().insert(DPOP_NONCE, nonce);
        }
        if self.peer.current.is_leaving() && self.status != Some(StatusCode::SWITCHING_PROTOCOLS) {
            // HTTP/2 drops the field and says so by GOAWAY.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response.body_mut().record(self);
    }
}

/// A path up to the end of its nth segment.
fn up_to(path: &str, segment: usize) -> &str {
    let end = path.match_indices('/').nth(segment).map_or(path.len(), |(at, _)| at);
    path.get(..end).unwrap_or(path)
}

impl Drop for Record {
    fn drop(&mut self) {
        self.peer.pulse.request_ended();
        let duration = self.started.elapsed();
        let refusal = self.code.map(|code| (code, self.reason.take()));
        self.gate.metrics.observe(&Observation {
            route: self.route.as_deref(),
            method: &self.method,
            status: self.status,
            refusal: refusal.as_ref().map(|(code, reason)| (*code, reason.as_ref())),
            differs: self.noted.as_deref().map(Noted::sides),
            duration,
        });
        let at = self.gate.clock.wall(self.started + duration);
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        // 499, as proxies write it: the client left before there was an answer.
        let status = self.status.map_or(499, |status| status.as_u16());
        self.log(at, status, micros, refusal.as_ref().and_then(|(_, reason)| reason.as_ref()));
        self.observe(at, status);
        let ended = Ended {
            id: *self.request_id.as_bytes(),
            at,
            method: std::mem::take(&mut self.method),
            route: self.route.take(),
            caller: self.caller.take(),
            status,
            refusal,
            marks: self.marks,
            micros,
            judged: self.judged.take(),
        };
        if let (Some(tracer), Some(place)) = (&self.gate.snapshot.tracer, self.place.take()) {
            tracer.end(*place, || Story::of(&ended));
        }
        self.gate.recent.push(ended);
    }
}

impl Record {
    /// Counts paths that no route names, and objects of others.
    fn observe(&self, at: f64, status: u16) {
        let Some(route) = &self.route else { return };
        if let (true, None, Some(path)) = (route.paths.open, self.code, &self.path) {
            self.gate.observed.count(&route.api, path, metrics::known(&self.method), status);
        }
        let (Some(object), Some(caller)) = (self.object, &self.caller) else { return };
        if let Some(walk) = self.gate.walks.note(&caller.limit_key, object, status, self.started) {
            self.gate.metrics.walked(&route.labels);
            self.gate.log.write_line(&ObjectWalk {
                event: "object_walk",
                ts: at,
                request_id: self.request_id.as_str(),
                api: &route.api,
                route: &route.rule.name,
                authentication: caller.method,
                subject: &caller.subject,
                credential: &caller.credential,
                objects: walk.objects,
                window_seconds: walk.window_seconds,
            });
        }
    }

    fn log(&self, at: f64, status: u16, micros: u64, reason: Option<&Reason>) {
        if self.gate.log.writer.is_none() {
            return;
        }
        let caller = self.caller.as_deref();
        self.gate.log.write(&Line {
            ts: at,
            request_id: self.request_id.as_str(),
            client: self.peer.address.ip(),
            method: self.method.as_str(),
            host: self.host.as_deref(),
            path: self.path.as_deref(),
            api: self.route.as_ref().map(|route| route.api.as_str()),
            route: self.route.as_ref().map(|route| route.rule.name.as_str()),
            authentication: caller.map(|caller| caller.method),
            subject: caller.map(|caller| caller.subject.as_str()),
            credential: caller.map(|caller| caller.credential.as_str()),
            status,
            code: self.code,
            reason: reason.map(Reason::as_str),
            policies: self.judged.as_ref().map(|judged| judged.decision.ids().collect()),
            faults: self.judged.iter().flat_map(|judged| &judged.decision.faults).map(ToString::to_string).collect(),
            shadow: self.judged.as_ref().and_then(|judged| judged.shadow_text()),
            retried: self.retried,
            contract: self.noted.as_deref().filter(|noted| noted.is_something()).map(|noted| Contract {
                reason: noted.reason,
                request: &noted.request,
                answer: &noted.answer,
                removed: Some(noted.removed).filter(|removed| *removed > 0),
            }),
            sent: self.sent,
            duration_us: micros,
        });
    }
}
