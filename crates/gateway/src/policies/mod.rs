//! May they, by policy: the questions that requests come to, and what is done with the answers.
//!
//! Scopes come first and cost least (`authorize`). What policies may read of a request is declared by its route; the
//! body's members are read before deciding, within bounds, and what is forwarded afterwards is what was read. Where an
//! object's owner or tenant is only in the upstream's answer, the decision is made before any byte of that leaves
//! (`answer`). Configurations without policies come by none of this.

mod answer;
mod body;
mod evaluation;
mod facts;
mod json;
mod judged;
mod question;
mod visible;

use std::sync::Arc;

use config::{Policies, RoutePolicy};
use http::{HeaderName, Method, header};
use policy::{Cache, Decision, Disagreement, Engine, Fact, Fault, Question, Unusable, Verdict};

pub(crate) use answer::Seal;
pub(crate) use evaluation::answer as evaluate;
pub(crate) use facts::Facts;
pub(crate) use judged::{Judged, Note};

use crate::{authenticate::Caller, canonical::Canonical, gate::Gate, listen::Peer, refusal::Refusal, route::Route};

/// Decisions that a worker keeps, of the policies in force and of the candidate.
const KEPT: usize = 8192;

/// What a worker decided lately.
pub(crate) struct Decisions {
    live: Cache,
    shadow: Cache,
}

impl Default for Decisions {
    fn default() -> Self {
        Self { live: Cache::new(KEPT), shadow: Cache::new(KEPT) }
    }
}

/// Texts of a denied question that is kept to be explained. Longer ones are not: callers choose how long they are.
const EXPLAINED_BYTES: usize = 4096;

/// Fields that would make the answer something else than the whole object in plain text.
const CONDITIONS: [HeaderName; 7] = [
    header::ACCEPT_ENCODING,
    header::RANGE,
    header::IF_RANGE,
    header::IF_NONE_MATCH,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

/// Decides over a request whose caller is known (400, 403, 405, 413). A seal is left on answers that are judged too.
pub(crate) async fn judge(
    gate: &Gate,
    peer: &Peer,
    note: &mut Note,
    canonical: &mut Canonical,
    route: &Route,
    rule: &Arc<RoutePolicy>,
    caller: &Arc<Caller>,
) -> Result<Option<Box<Seal>>, Refusal> {
    let policies = gate.snapshot.policies.as_ref().ok_or(Refusal::Internal)?;
    if rule.judges_answer() && canonical.method == Method::HEAD {
        // There would be nothing to judge by.
        return Err(Refusal::MethodNotAllowed("GET".to_owned()));
    }
    let members = if rule.reads_body() { body::read(gate, canonical, route, rule).await? } else { Vec::new() };
    let parameters = question::parameters(&route.rule.template, &canonical.path)?;
    let asked = question::Request { peer, canonical, rule, caller, parameters: &parameters, members: &members };
    let question = asked.question(gate, policies).map_err(|what| unknown(note, what))?;
    let seal = if rule.object.is_some() {
        rehearse(policies, note, rule, &question)?;
        Some(question.keep())
    } else {
        decide(gate, policies, note, route, &question)?;
        None
    };
    if !rule.judges_answer() {
        return Ok(None);
    }
    let roles = facts::roles(policies, caller).into_iter().map(str::to_owned).collect();
    for name in &CONDITIONS {
        canonical.headers.remove(name);
    }
    Ok(Some(Box::new(Seal::new(Arc::clone(rule), seal, roles))))
}

/// What can be denied before the answer is there.
fn rehearse(policies: &Policies, note: &mut Note, rule: &RoutePolicy, question: &Question<'_>) -> Result<(), Refusal> {
    let object = rule.object.as_ref();
    let members =
        [("tenant", object.and_then(|o| o.tenant.as_ref())), ("owner", object.and_then(|o| o.owner.as_ref()))];
    let unknown: Vec<&str> = members.iter().filter(|(_, member)| member.is_some()).map(|(name, _)| *name).collect();
    match policies.engine.rehearse(question, &unknown) {
        None => Ok(()),
        Some(denial) => Err(refused(note, Arc::new(denial), question)),
    }
}

/// Asks the policies in force, and the candidate beside them.
fn decide(
    gate: &Gate,
    policies: &Policies,
    note: &mut Note,
    route: &Route,
    question: &Question<'_>,
) -> Result<(), Refusal> {
    let decision = gate.decisions.live.decide(&policies.engine, question);
    if let Some(candidate) = &policies.shadow {
        shadow(gate, note, route, candidate, &decision, question);
    }
    if decision.is_allowed() {
        Judged::note(note, &decision, None);
        return Ok(());
    }
    Err(refused(note, decision, question))
}

fn refused(note: &mut Note, decision: Arc<Decision>, question: &Question<'_>) -> Refusal {
    Judged::note(note, &decision, question.keep_within(EXPLAINED_BYTES).map(Box::new));
    if decision.faults.is_empty() { Refusal::DeniedByPolicy(decision) } else { Refusal::PolicyFailed(decision) }
}

/// Something of the caller is not known. It might have counted for a `forbid`.
fn unknown(note: &mut Note, what: &'static str) -> Refusal {
    let fault = Fault::Question(Unusable::Refused(what.to_owned()));
    let decision = Arc::new(Decision { verdict: Verdict::Deny, policies: Vec::new(), faults: vec![fault] });
    Judged::note(note, &decision, None);
    Refusal::PolicyFailed(decision)
}

/// The candidate's decision is counted and logged where it differs, and never counts.
fn shadow(
    gate: &Gate,
    note: &mut Note,
    route: &Route,
    candidate: &Engine,
    current: &Arc<Decision>,
    question: &Question<'_>,
) {
    let other = gate.decisions.shadow.decide(candidate, question);
    let differs = Disagreement::between(current, &other);
    gate.metrics.observe_shadow(route, differs.as_ref().map(Disagreement::widens));
    if differs.is_some() {
        Judged::note_shadow(note, current, other);
    }
}

/// Members of the body with their values.
type Members = Vec<(String, Fact)>;
