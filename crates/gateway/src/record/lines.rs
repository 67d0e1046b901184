//! A request as the access log tells of it, and what else it is counted for when it has ended.

use contract::Difference;
use serde::Serialize;

use super::{
    Record,
    line::{Line, name},
};
use crate::{metrics, refusal::Reason};

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
        self.gate.log.append(|buffer| self.write_line(Line::begin(buffer), at, status, micros, reason));
    }

    fn write_line(&self, mut line: Line<'_>, at: f64, status: u16, micros: u64, reason: Option<&Reason>) {
        line.member(name!("ts"), at);
        line.text(name!("request_id"), self.request_id.as_str());
        line.text(name!("client"), self.peer.address_value.to_str().ok());
        line.text(name!("method"), self.method.as_str());
        line.text(name!("host"), self.host.as_deref());
        line.text(name!("path"), self.path.as_deref());
        if let Some(route) = &self.route {
            line.members(&route.logged);
        }
        if let Some(caller) = &self.caller {
            line.members(&caller.logged);
        }
        line.number(name!("status"), status.into());
        line.text(name!("code"), self.code);
        line.text(name!("reason"), reason.map(Reason::as_str));
        if let Some(judged) = &self.judged {
            line.member(name!("policies"), judged.decision.ids().collect::<Vec<_>>());
            if !judged.decision.faults.is_empty() {
                line.member(
                    name!("faults"),
                    judged.decision.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
                );
            }
            line.text(name!("shadow"), judged.shadow_text().as_deref());
        }
        if self.retried {
            line.member(name!("retried"), true);
        }
        if let Some(noted) = self.noted.as_deref().filter(|noted| noted.is_something()) {
            line.member(
                name!("contract"),
                Contract {
                    reason: noted.reason,
                    request: &noted.request,
                    answer: &noted.answer,
                    removed: Some(noted.removed).filter(|removed| *removed > 0),
                },
            );
        }
        line.number(name!("sent"), self.sent);
        line.number(name!("duration_us"), micros);
    }
}
