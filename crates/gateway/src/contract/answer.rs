//! What an upstream answers, held to the document or reduced to it.

use std::sync::Arc;

use ::contract::{AnswerRule, Difference, Filtered, Operation, Sunset};
use bytes::{Bytes, BytesMut};
use config::{Contract, ResponseMode};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;

use super::{operation_of, reason_of};
use crate::{
    body::Outbound, canonical::Canonical, gate::Gate, held::Hold, record::Record, refusal::Refusal, route::Route,
    upstream::PooledBody,
};

/// Answers are judged up to this size; larger ones are not passed on where they have to be judged.
const MAX_ANSWER: usize = 4 << 20;

const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// What an operation's answer is held to.
pub(crate) struct Expected {
    contract: Arc<Contract>,
    operation: usize,
    sunset: Option<Sunset>,
    is_head: bool,
}

impl Expected {
    /// What a request's answer is held to, if to anything. Then it must come as it is to be read: whole, and plain.
    pub(crate) fn of(canonical: &mut Canonical, route: &Route) -> Option<Self> {
        let contract = route.contract.as_ref()?;
        let (operation, index) = operation_of(contract, canonical)?;
        let judged = contract.responses != ResponseMode::Off;
        if judged {
            canonical.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            canonical.headers.remove(header::RANGE);
        }
        let sunset = operation.sunset;
        let is_head = canonical.method == Method::HEAD;
        (judged || sunset.is_some()).then(|| Self { contract: Arc::clone(contract), operation: index, sunset, is_head })
    }

    /// Judges an answer (502, 503), or notes how it differs, or removes what is not declared.
    pub(crate) async fn hold(
        self,
        gate: &Gate,
        record: &mut Record,
        response: Response<PooledBody>,
    ) -> Result<Response<Outbound>, Refusal> {
        let Some(operation) = self.contract.document.operations().get(self.operation) else {
            return Err(Refusal::Internal);
        };
        let share = Hold::new(&gate.snapshot.pressure);
        let mut held = match self.contract.responses {
            ResponseMode::Off => response.map(Outbound::upstream),
            ResponseMode::Monitor => self.watch(gate, record, operation, response, share).await?,
            ResponseMode::Enforce | ResponseMode::Filter => {
                self.enforce(gate, record, operation, response, share).await?
            }
        };
        if let Some(value) = self.sunset.and_then(|sunset| HeaderValue::try_from(sunset.field()).ok()) {
            held.headers_mut().insert(SUNSET, value);
        }
        Ok(held)
    }

    fn rule(&self, operation: &Operation, response: &Response<PooledBody>) -> AnswerRule {
        let kind = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let has_body =
            !self.is_head && response.status() != StatusCode::NOT_MODIFIED && !response.body().is_end_stream();
        operation.answer(response.status().as_u16(), kind, has_body)
    }

    /// Everything passes; what differs is noted.
    async fn watch(
        &self,
        gate: &Gate,
        record: &mut Record,
        operation: &Operation,
        response: Response<PooledBody>,
        mut share: Hold,
    ) -> Result<Response<Outbound>, Refusal> {
        let rule = match self.rule(operation, &response) {
            AnswerRule::Pass => return Ok(response.map(Outbound::upstream)),
            AnswerRule::Undocumented => return Ok(noted(record, "undocumented_status", response)),
            AnswerRule::MediaType => return Ok(noted(record, "undocumented_type", response)),
            AnswerRule::Judge(rule) => rule,
        };
        if is_encoded(&response) {
            return Ok(noted(record, "encoded_answer", response));
        }
        let (parts, mut body) = response.into_parts();
        let (held, end) = collect(&mut body, &mut share).await?;
        let held = share.around(held);
        if let Some(reason) = end.reason() {
            record.noted().reason = Some(reason);
            return Ok(Response::from_parts(parts, Outbound::begun(held, body)));
        }
        let judged = held.clone();
        match gate.snapshot.heavy.over(held.len(), move || rule.judge(&judged)).await? {
            Ok(found) => record.noted_answer(found),
            Err(error) => record.noted().reason = Some(reason_of(error)),
        }
        Ok(Response::from_parts(parts, Outbound::full(held)))
    }

    /// Only what is as documented passes.
    async fn enforce(
        &self,
        gate: &Gate,
        record: &mut Record,
        operation: &Operation,
        response: Response<PooledBody>,
        mut share: Hold,
    ) -> Result<Response<Outbound>, Refusal> {
        let rule = match self.rule(operation, &response) {
            AnswerRule::Pass => return Ok(response.map(Outbound::upstream)),
            AnswerRule::Undocumented => return Err(broken(record, "undocumented_status")),
            AnswerRule::MediaType => return Err(broken(record, "undocumented_type")),
            AnswerRule::Judge(_) if is_encoded(&response) => return Err(broken(record, "encoded_answer")),
            AnswerRule::Judge(rule) => rule,
        };
        let (mut parts, mut body) = response.into_parts();
        let (held, end) = collect(&mut body, &mut share).await?;
        match end {
            End::Reached => {}
            End::TooLarge => return Err(broken(record, "answer_too_large")),
            End::NoRoom(refusal) => return Err(refusal),
        }
        let (filters, judged) = (self.contract.responses == ResponseMode::Filter, held.clone());
        let judging = move || if filters { rule.filter(&judged) } else { rule.judge(&judged).map(Filtered::unchanged) };
        let filtered = gate.snapshot.heavy.over(held.len(), judging).await?;
        let filtered = filtered.map_err(|error| broken(record, reason_of(error)))?;
        record.noted_answer(filtered.differences);
        if record.noted().answer.is_empty() {
            record.noted().removed = filtered.removed;
            let body = filtered.body.map_or(held, Bytes::from);
            resized(&mut parts.headers, body.len());
            return Ok(Response::from_parts(parts, Outbound::full(share.around(body))));
        }
        Err(Refusal::BrokenAnswer("schema"))
    }
}

/// How far an answer was read.
enum End {
    Reached,
    /// It is larger than what is judged.
    TooLarge,
    /// There is no room for it now.
    NoRoom(Refusal),
}

impl End {
    /// Why the rest is not read.
    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Reached => None,
            Self::TooLarge => Some("answer_too_large"),
            Self::NoRoom(_) => Some("answer_not_held"),
        }
    }
}

/// Reads an answer to its end, or as far as it is judged and there is room for it.
async fn collect(body: &mut PooledBody, share: &mut Hold) -> Result<(Bytes, End), Refusal> {
    let mut held = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::UpstreamBroke("body_broke_off"))?;
        let piece = frame.data_ref().map_or(&[][..], |data| data);
        held.extend_from_slice(piece);
        if let Err(refusal) = share.grow(piece.len()) {
            return Ok((held.freeze(), End::NoRoom(refusal)));
        }
        if held.len() > MAX_ANSWER {
            return Ok((held.freeze(), End::TooLarge));
        }
    }
    Ok((held.freeze(), End::Reached))
}

/// Fields that tell of the body's bytes must tell of these.
fn resized(headers: &mut http::HeaderMap, length: usize) {
    let changed = headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if changed.is_none_or(|before| before != HeaderValue::from(length)) {
        for name in ["content-md5", "digest", "content-digest", "repr-digest", "etag"] {
            headers.remove(name);
        }
    }
}

fn is_encoded(response: &Response<PooledBody>) -> bool {
    response
        .headers()
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn noted(record: &mut Record, reason: &'static str, response: Response<PooledBody>) -> Response<Outbound> {
    record.noted().reason = Some(reason);
    response.map(Outbound::upstream)
}

fn broken(record: &mut Record, reason: &'static str) -> Refusal {
    record.noted().reason = Some(reason);
    Refusal::BrokenAnswer(reason)
}

impl Record {
    fn noted_answer(&mut self, found: Vec<Difference>) {
        if !found.is_empty() {
            self.noted().answer = found;
        }
    }
}
