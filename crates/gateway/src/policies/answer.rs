//! Answers that are judged, or cut, before any byte of them leaves.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use config::RoutePolicy;
use http::{HeaderName, Response, StatusCode, header};
use http_body_util::BodyExt;
use policy::Kept;
use serde_json::Value;

use super::{Note, body::is_json, decide, visible};
use crate::{
    body::Outbound,
    gate::{Gate, Snapshot},
    held::Hold,
    refusal::Refusal,
    route::Route,
};

/// Largest answer that is judged (limits: body).
const LARGEST: usize = 1 << 20;

/// Fields that speak of the bytes the upstream sent.
const OF_THE_BYTES: [HeaderName; 7] = [
    header::CONTENT_LENGTH,
    header::ETAG,
    header::ACCEPT_RANGES,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// What an answer must come by on its way out.
#[derive(Debug)]
pub(crate) struct Seal {
    rule: Arc<RoutePolicy>,
    /// The question that waits for the object's owner or tenant.
    question: Option<Kept>,
    /// The caller's roles, to which members are visible or not.
    roles: Vec<String>,
}

impl Seal {
    pub(super) fn new(rule: Arc<RoutePolicy>, question: Option<Kept>, roles: Vec<String>) -> Self {
        Self { rule, question, roles }
    }

    /// Judges an answer and lets out what may leave (403, 502, 503).
    pub(crate) async fn open(
        self: Box<Self>,
        gate: &Gate,
        note: &mut Note,
        route: &Route,
        response: Response<Outbound>,
    ) -> Result<Response<Outbound>, Refusal> {
        let (mut parts, body) = response.into_parts();
        let is_good = parts.status.is_success();
        for name in &OF_THE_BYTES {
            parts.headers.remove(name);
        }
        let is_object = self.question.is_some();
        if is_object && !is_good {
            // Nobody knows whose it is, and it is not what was asked for.
            return Ok(Response::from_parts(parts, Outbound::empty()));
        }
        if is_object && parts.status != StatusCode::OK {
            return Err(Refusal::AnswerNotJudged("not_200"));
        }
        let encoded = parts.headers.contains_key(header::CONTENT_ENCODING);
        let is_readable = !encoded && parts.headers.get(header::CONTENT_TYPE).is_some_and(is_json);
        if !is_good && !is_readable {
            return Ok(Response::from_parts(parts, Outbound::empty()));
        }
        let mut hold = Hold::new(&gate.snapshot.pressure);
        let bytes = collect(body, route, &mut hold).await?;
        if bytes.is_empty() && !is_object {
            return Ok(Response::from_parts(parts, Outbound::empty()));
        }
        if !is_readable {
            return Err(Refusal::AnswerNotJudged(if encoded { "encoded" } else { "not_json_type" }));
        }
        let read = bytes.clone();
        let value = gate.snapshot.heavy.over(bytes.len(), move || super::json::value(&read)).await?;
        let value = value.map_err(|_| Refusal::AnswerNotJudged("not_json"))?;
        self.check_object(gate, note, route, &value)?;
        let snapshot = Arc::clone(&gate.snapshot);
        let bytes = gate.snapshot.heavy.over(bytes.len(), move || self.cut(&snapshot, bytes)).await.flatten()?;
        Ok(Response::from_parts(parts, Outbound::full(hold.around(bytes))))
    }

    /// Decides with the owner and tenant that the answer names. One that it does not name is missing, which denies.
    fn check_object(&self, gate: &Gate, note: &mut Note, route: &Route, value: &Value) -> Result<(), Refusal> {
        let (Some(kept), Some(object)) = (&self.question, &self.rule.object) else { return Ok(()) };
        let policies = gate.snapshot.policies.as_ref().ok_or(Refusal::Internal)?;
        let found = [("tenant", &object.tenant), ("owner", &object.owner)].map(|(name, pointer)| {
            let value = pointer.as_ref().and_then(|pointer| name_at(value, pointer));
            (name, value)
        });
        let mut question = kept.question();
        for (name, value) in &found {
            if let Some(value) = value {
                question = question.parameter(name, value);
            }
        }
        decide(gate, policies, note, route, &question)
    }

    /// The answer without what the caller's roles do not see.
    fn cut(&self, snapshot: &Snapshot, bytes: Bytes) -> Result<Bytes, Refusal> {
        let policies = snapshot.policies.as_ref().ok_or(Refusal::Internal)?;
        let sees = |role: &String| policies.engine.implies(self.roles.iter().map(String::as_str), role);
        let hidden = self.rule.visible_to.iter().filter(|one| !one.roles.iter().any(sees));
        let hidden: Vec<&[String]> = hidden.map(|one| one.path.as_slice()).collect();
        if hidden.is_empty() {
            return Ok(bytes);
        }
        visible::without(&bytes, &hidden).map(Bytes::from).map_err(|_| Refusal::AnswerNotJudged("not_json"))
    }
}

async fn collect(body: Outbound, route: &Route, hold: &mut Hold) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(route.rule.response_timeout, read(body, hold)).await {
        Ok(read) => read,
        Err(_) => Err(Refusal::AnswerNotJudged("too_slow")),
    }
}

async fn read(mut body: Outbound, hold: &mut Hold) -> Result<Bytes, Refusal> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::UpstreamBroke("closed_early"))?;
        let piece = frame.data_ref().map_or(&[][..], |data| data);
        if whole.len().saturating_add(piece.len()) > LARGEST {
            return Err(Refusal::AnswerNotJudged("too_large"));
        }
        hold.grow(piece.len())?;
        whole.extend_from_slice(piece);
    }
    Ok(whole.freeze())
}

/// A name at a JSON pointer: a text, or a whole number as text.
fn name_at(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
