//! A request as the access log tells of it, and what else it is counted for when it has ended.

use std::net::IpAddr;

use contract::Difference;
use serde::Serialize;

use super::Record;
use crate::{metrics, refusal::Reason};

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
    /// Counts paths that no route names and objects of others, and raises the alarm.
    pub(super) fn observe(&self, at: f64, status: u16) {
        let Some(route) = &self.route else { return };
        if let (true, None, Some(path)) = (route.paths.open, self.code, &self.path) {
            self.gate.observed.count(&route.api, path, metrics::known(&self.method), status);
        }
        let (Some(object), Some(caller)) = (self.object, &self.caller) else { return };
        if let Some(walk) = self.gate.walks.note(&caller.limit_key, object, status, self.started) {
            self.gate.metrics.walked(&route.labels);
            self.gate.log.write(&ObjectWalk {
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

    /// Writes its line, if the log is kept.
    pub(super) fn log(&self, at: f64, status: u16, micros: u64, reason: Option<&Reason>) {
        if !self.gate.log.is_kept() {
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
