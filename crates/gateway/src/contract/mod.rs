//! Requests and answers are held to the API's OpenAPI document.
//!
//! All of a request's head is judged before its body. A body is read whole, within what its route takes, only where the
//! document has a schema for it; it is judged whole or refused, and what then goes upstream is those same bytes.

mod answer;
mod coding;

use ::contract::{BodyRule, Difference, HeadRefused, JudgedBody, NotFound, NotJson, Operation};
use config::{Contract, ContractMode};
use http::{HeaderMap, HeaderName, header};
use http_body::Body;

pub(crate) use answer::Expected;
use coding::Coding;

use crate::{
    authenticate::Identified,
    body::Inbound,
    canonical::Canonical,
    gate::Gate,
    held::Hold,
    record::Record,
    refusal::{Reason, Refusal},
    watch::unix_now,
    whole::{self, Within},
};

/// What of a request or its answer was not as documented, for log and metrics.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) request: Vec<Difference>,
    pub(crate) answer: Vec<Difference>,
    /// A code word for what no schema says, such as `undocumented`.
    pub(crate) reason: Option<&'static str>,
    /// Members of the answer that were removed.
    pub(crate) removed: usize,
}

impl Noted {
    pub(crate) fn is_something(&self) -> bool {
        self.reason.is_some() || !self.request.is_empty() || !self.answer.is_empty() || self.removed > 0
    }

    /// Whether the request, or the answer, differed.
    pub(crate) fn sides(&self) -> Sides {
        Sides {
            request: !self.request.is_empty() || self.reason.is_some(),
            answer: !self.answer.is_empty() || self.removed > 0,
        }
    }
}

/// Which messages were not as documented.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sides {
    pub(crate) request: bool,
    pub(crate) answer: bool,
}

/// Holds a request to its API's document (400, 404, 405, 410, 413, 415), or notes how it differs.
pub(crate) async fn validate(
    gate: &Gate,
    record: &mut Record,
    mut identified: Identified,
) -> Result<Identified, Refusal> {
    let Some(contract) = identified.route.contract.clone() else { return Ok(identified) };
    let judged = judge(gate, record, &contract, &mut identified).await;
    match judged {
        Ok(()) => Ok(identified),
        Err(Judgement { refusal, mode: ContractMode::Enforce }) => {
            note(record, &refusal);
            Err(refusal)
        }
        Err(Judgement { refusal, mode: ContractMode::Monitor }) => {
            // What cannot be read, or judged, at all is no matter of the contract.
            if matches!(
                refusal,
                Refusal::BodyTooLarge
                    | Refusal::BodyTooSlow
                    | Refusal::BadFraming
                    | Refusal::OutOfMemory(_)
                    | Refusal::Internal
            ) {
                return Err(refusal);
            }
            note(record, &refusal);
            Ok(identified)
        }
        // `judge` says nothing then.
        Err(Judgement { refusal, mode: ContractMode::Off { .. } }) => Err(refusal),
    }
}

/// What would be refused, and whether it is.
struct Judgement<'c> {
    refusal: Refusal,
    mode: &'c ContractMode,
}

async fn judge<'c>(
    gate: &Gate,
    record: &mut Record,
    contract: &'c Contract,
    identified: &mut Identified,
) -> Result<(), Judgement<'c>> {
    let canonical = &mut *identified.canonical;
    let found = contract.document.find(&canonical.method, canonical.path.as_str());
    let found = match (found, &contract.mode) {
        (Ok(found), _) => found,
        (Err(_), ContractMode::Off { .. }) => return Ok(()),
        (Err(missing), mode) => {
            record.noted().reason = Some("undocumented");
            return Err(Judgement { refusal: missing.into(), mode });
        }
    };
    let mode = contract.modes.get(found.index).unwrap_or(&contract.mode);
    if let ContractMode::Off { .. } = mode {
        return Ok(());
    }
    let refuse = |refusal: Refusal| Judgement { refusal, mode };
    if found.operation.sunset.is_some_and(|sunset| sunset.has_passed(unix_now())) {
        return Err(refuse(Refusal::Retired));
    }
    drop_listed(&mut canonical.headers);
    let has_body = !canonical.body.is_end_stream();
    let rule = found.operation.judge_head(&found.values, canonical.target.query(), &canonical.headers, has_body);
    match rule.map_err(|refused| refuse(refused.into()))? {
        BodyRule::Pass => Ok(()),
        BodyRule::Judge(rule) => {
            let within = Within::of(gate, &identified.route);
            judge_body(gate, canonical, rule, within, contract.gzip).await.map_err(refuse)
        }
    }
}

/// Removes the fields that Connection lists (RFC 9110 §7.6.1): the upstream will not see them, so they are not judged either.
fn drop_listed(headers: &mut HeaderMap) {
    const KEPT: [&str; 4] = ["close", "keep-alive", "upgrade", "te"];
    let names = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = names.flat_map(|value| value.split(',')).map(str::trim);
    let others = names.filter(|name| !KEPT.iter().any(|kept| kept.eq_ignore_ascii_case(name)));
    let listed: Vec<HeaderName> = others.filter_map(|name| HeaderName::try_from(name).ok()).collect();
    for name in listed {
        headers.remove(name);
    }
}

/// Reads the body, judges it, and puts the same bytes back.
async fn judge_body(
    gate: &Gate,
    canonical: &mut Canonical,
    rule: JudgedBody,
    within: Within<'_>,
    gzip: bool,
) -> Result<(), Refusal> {
    let coding = coding::of(&canonical.headers, gzip)?;
    let body = whole::read(std::mem::replace(&mut canonical.body, Inbound::none()), within).await?;
    let size = match coding {
        Coding::Identity => body.len(),
        // Nobody knows before it is unfolded.
        Coding::Gzip => usize::MAX,
    };
    let (sent, hold, most) = (body.clone(), Hold::new(within.pressure), within.bytes);
    let judging = move || rule.judge(&coding.decode(&sent, most, hold)?).map_err(Refusal::from);
    let judged = gate.snapshot.heavy.over(size, judging).await.flatten();
    canonical.headers.remove(header::EXPECT);
    canonical.body = Inbound::held(body);
    let found = judged?;
    if found.is_empty() { Ok(()) } else { Err(Refusal::BrokenContract(found.into())) }
}

/// Notes for the log what a refusal says of the contract.
fn note(record: &mut Record, refusal: &Refusal) {
    let noted = record.noted();
    if let Refusal::BrokenContract(found) = refusal {
        noted.request = found.to_vec();
    } else if noted.reason.is_none() {
        noted.reason = Some(match refusal.reason() {
            Some(Reason::Word(word)) => word,
            Some(Reason::Limit(_)) | None => refusal.entry().id,
        });
    }
}

impl From<NotFound> for Refusal {
    fn from(missing: NotFound) -> Self {
        match missing {
            NotFound::Path => Self::NoRoute,
            NotFound::Method(allowed) => Self::MethodNotAllowed(allowed),
        }
    }
}

impl From<HeadRefused> for Refusal {
    fn from(refused: HeadRefused) -> Self {
        match refused {
            HeadRefused::Differs(found) => Self::BrokenContract(found.into()),
            HeadRefused::MediaType => Self::WrongMediaType,
        }
    }
}

impl From<NotJson> for Refusal {
    fn from(error: NotJson) -> Self {
        Self::AmbiguousJson(reason_of(error))
    }
}

/// A stable word for the log.
fn reason_of(error: NotJson) -> &'static str {
    match error {
        NotJson::Malformed => "malformed",
        NotJson::Duplicate => "duplicate_member",
        NotJson::TooDeep => "too_deep",
        NotJson::TooMany => "too_many_values",
        NotJson::Number => "number_past_64_bits",
    }
}

/// The operation of a request, where its API has a document that says something of it.
fn operation_of<'c>(contract: &'c Contract, canonical: &Canonical) -> Option<(&'c Operation, usize)> {
    let found = contract.document.find(&canonical.method, canonical.path.as_str()).ok()?;
    let is_off = matches!(contract.modes.get(found.index), None | Some(ContractMode::Off { .. }));
    (!is_off).then_some((found.operation, found.index))
}
