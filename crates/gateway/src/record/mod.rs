//! What is known of a request, from its first stage until its answer has ended.

mod line;
mod lines;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::{
    authenticate::{Caller, DPOP_NONCE, Identified, Identity},
    body::Outbound,
    canonical::Canonical,
    contract::Noted,
    gate::Gate,
    http1::Output,
    limit::{Places, State},
    listen::Peer,
    metrics::Observation,
    policies::Note,
    recent::{Ended, Marks, Stage, Story},
    refusal::{Reason, Refusal},
    request_id::{RequestId, X_REQUEST_ID},
    route::{Route, Routed},
    traces::Place,
};

pub(crate) use line::{Members, Name, name};

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
    /// What its answer says of limits, beside its table of fields.
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
        if self.gate.log.is_kept() {
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

    /// When the clock was read last, which was a moment ago for a stage that comes behind one that worked.
    pub(crate) fn read_last(&self) -> Instant {
        self.started + self.elapsed
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

    /// Writes what an answer tells of its request, as lines of HTTP/1.1.
    pub(crate) fn write_fields(&self, output: &mut Output) {
        output.field(&X_REQUEST_ID, self.request_id.as_bytes());
        if let Some(limit) = &self.limit {
            limit.write(output);
        }
    }

    /// Puts the same into a table.
    pub(crate) fn spell_out(&self, headers: &mut HeaderMap) {
        headers.insert(X_REQUEST_ID, self.request_id.header_value());
        if let Some(limit) = &self.limit {
            limit.spell_out(headers);
        }
    }

    /// Ties the record to its answer.
    pub(crate) fn attach(mut self: Box<Self>, response: &mut Response<Outbound>) {
        self.status = Some(response.status());
        if let Some(limit) = &self.limit {
            limit.replace(response.headers_mut());
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
