//! Requests that ended a moment ago: which stage each passed, how long it took there, and where it ended.
//!
//! Each worker keeps its last ones in a ring that never grows. They hold what the access log may hold: no path, no
//! query, no field, no credential. Of requests that policies denied they also hold the facts that policies may read, for
//! `policy why` alone.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::Method;
use policy::{Decision, did_you_mean};
use serde::{Deserialize, Serialize};

use crate::{authenticate::Caller, gate::Current, policies::Note, refusal::Reason, route::Route};

/// Requests that each worker remembers.
const REMEMBERED: usize = 1024;

/// Stages in the order in which a request passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// One form, or none.
    Canonical,
    /// A route, and a connection that was made for it.
    Route,
    /// Who.
    Authenticate,
    /// How much.
    Limit,
    /// What.
    Contract,
    /// May they.
    Authorize,
    /// The head of the upstream's answer.
    Upstream,
}

const STAGES: [(Stage, &str); 7] = [
    (Stage::Canonical, "canonical"),
    (Stage::Route, "route"),
    (Stage::Authenticate, "authenticate"),
    (Stage::Limit, "limit"),
    (Stage::Contract, "contract"),
    (Stage::Authorize, "authorize"),
    (Stage::Upstream, "upstream"),
];

/// When a request had passed each stage, in units of 100 ns since it began; 0 is never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Marks([u32; STAGES.len()]);

impl Marks {
    pub(crate) fn passed(&mut self, stage: Stage, after: Duration) {
        let units = u32::try_from(after.as_nanos() / 100).unwrap_or(u32::MAX).max(1);
        if let Some(mark) = self.0.get_mut(stage as usize) {
            *mark = units;
        }
    }
}

/// A request that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) id: [u8; 32],
    /// Unix seconds.
    pub(crate) at: f64,
    pub(crate) method: Method,
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) caller: Option<Arc<Caller>>,
    pub(crate) status: u16,
    pub(crate) refusal: Option<(&'static str, Option<Reason>)>,
    pub(crate) marks: Marks,
    pub(crate) micros: u64,
    /// What policies made of it.
    pub(crate) judged: Note,
}

/// A worker's last requests.
#[derive(Debug, Default)]
pub(crate) struct Ring(Mutex<Turn>);

#[derive(Debug, Default)]
struct Turn {
    entries: Vec<Ended>,
    /// Of the next one, counted from the start of the worker.
    number: u64,
}

impl Turn {
    fn place(number: u64) -> usize {
        usize::try_from(number).unwrap_or_default() % REMEMBERED
    }

    /// Those from a number on that are still there, with the number of the first.
    fn since(&self, number: u64) -> impl Iterator<Item = &Ended> {
        let oldest = self.number.saturating_sub(u64::try_from(self.entries.len()).unwrap_or(u64::MAX));
        (number.max(oldest)..self.number).filter_map(|number| self.entries.get(Self::place(number)))
    }
}

impl Ring {
    pub(crate) fn push(&self, ended: Ended) {
        let mut turn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = Turn::place(turn.number);
        match turn.entries.get_mut(place) {
            Some(oldest) => *oldest = ended,
            None => turn.entries.push(ended),
        }
        turn.number += 1;
    }
}

/// What a gateway remembers of its last requests. Clones see the same.
#[derive(Clone)]
pub struct Recent(pub(crate) Vec<Arc<Current>>);

/// How far a reader has come, for each worker.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Position(Vec<u64>);

impl Recent {
    /// The request with an id, if it ended a moment ago.
    pub fn find(&self, id: &str) -> Option<Story> {
        self.0.iter().find_map(|current| {
            let ring = Arc::clone(&current.gate().recent);
            let turn = ring.0.lock().unwrap_or_else(PoisonError::into_inner);
            turn.entries.iter().find(|ended| ended.id == id.as_bytes()).map(Story::of)
        })
    }

    /// Why policies decided over a request as they did, by the policies in force now. Nothing if it is not remembered, or
    /// if they did not decide over it.
    pub fn why(&self, id: &str) -> Option<String> {
        self.0.iter().find_map(|current| {
            let gate = current.gate();
            let turn = gate.recent.0.lock().unwrap_or_else(PoisonError::into_inner);
            let judged = turn.entries.iter().find(|ended| ended.id == id.as_bytes())?.judged.as_ref()?;
            let policies = gate.snapshot.policies.as_ref()?;
            Some(match &judged.question {
                Some(kept) => policies.engine.why(&kept.question()).to_string(),
                None => told(&judged.decision),
            })
        })
    }

    /// Refuses roles that the policies in force do not declare; all of them where there are none.
    pub fn check_roles(&self, roles: &[String]) -> Result<(), String> {
        let gate = self.0.first().map(|current| current.gate());
        let engine = gate.as_ref().and_then(|gate| gate.snapshot.policies.as_ref()).map(|policies| &policies.engine);
        let known: Vec<&str> = engine.map(|engine| engine.roles().collect()).unwrap_or_default();
        let unknown = roles.iter().find(|role| !known.contains(&role.as_str()));
        unknown.map_or(Ok(()), |role| {
            let help = did_you_mean(role, known.iter().copied());
            Err(format!("the policies in force declare no role `{}`. {help}", role.escape_debug())
                .trim_end()
                .to_owned())
        })
    }

    /// The end of what there is now.
    pub fn position(&self) -> Position {
        let number =
            |current: &Arc<Current>| current.gate().recent.0.lock().unwrap_or_else(PoisonError::into_inner).number;
        Position(self.0.iter().map(number).collect())
    }

    /// What has ended since a position, oldest first, which then moves on; with `refused`, refusals alone. Who asks too
    /// rarely misses what the rings no longer hold.
    pub fn since(&self, position: &mut Position, refused: bool) -> Vec<Story> {
        position.0.resize(self.0.len(), 0);
        let mut stories = Vec::new();
        for (current, number) in self.0.iter().zip(&mut position.0) {
            let ring = Arc::clone(&current.gate().recent);
            let turn = ring.0.lock().unwrap_or_else(PoisonError::into_inner);
            stories.extend(turn.since(*number).filter(|ended| !refused || ended.refusal.is_some()).map(Story::of));
            *number = turn.number;
        }
        stories.sort_by(|one, other| one.ended.total_cmp(&other.ended));
        stories
    }
}

/// A decision without the question: what was allowed is not kept.
fn told(decision: &Decision) -> String {
    let effect = if decision.is_allowed() { "permitted" } else { "forbidden" };
    let faults = decision.faults.iter().map(|fault| format!("  {fault}\n"));
    let policies = decision.policies.iter().map(|rule| format!("  {effect} by {rule}\n"));
    faults.chain(policies).fold(format!("{}\n", decision.verdict), |text, line| text + &line)
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Story {
    /// Its id, as callers and upstreams saw it.
    pub request_id: String,
    /// Unix seconds.
    pub ended: f64,
    /// Method.
    pub method: String,
    /// Its API, once a route was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Its route as the configuration has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// How the caller proved who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<&'static str>,
    /// Who they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Public id of their credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Status of the answer; 499 when the client left before.
    pub status: u16,
    /// Code of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// What failed, where the code covers several things.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Policies that decided.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
    /// Policies that failed, and facts that were not what was declared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Stages, in order.
    pub stages: Vec<Step>,
    /// From its first byte to the last of its answer, in microseconds.
    pub microseconds: u64,
}

/// A stage of a request's way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// `canonical`, `route`, `authenticate`, `limit`, `contract`, `authorize`, `upstream` or `body`.
    pub stage: &'static str,
    /// What came of it.
    pub outcome: StepOutcome,
    /// Time spent there in microseconds.
    pub microseconds: f64,
}

/// What came of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// The request went on.
    Passed,
    /// It ended here.
    Refused,
    /// It never came here.
    NotReached,
}

impl Story {
    pub(crate) fn of(ended: &Ended) -> Self {
        let mut stages = Vec::with_capacity(STAGES.len() + 1);
        let (mut before, mut goes_on) = (0, true);
        let micros = |units: u32| f64::from(units) / 10.0;
        let whole = u32::try_from(ended.micros.saturating_mul(10)).unwrap_or(u32::MAX);
        for ((_, stage), mark) in STAGES.iter().zip(ended.marks.0) {
            let (outcome, until) = match mark {
                0 if goes_on && ended.refusal.is_some() => (StepOutcome::Refused, whole),
                0 => (StepOutcome::NotReached, before),
                mark => (StepOutcome::Passed, mark),
            };
            goes_on = outcome == StepOutcome::Passed;
            stages.push(Step { stage, outcome, microseconds: micros(until.saturating_sub(before)) });
            before = until;
        }
        // An answer of the gateway's own passes no upstream.
        let outcome = if ended.refusal.is_none() { StepOutcome::Passed } else { StepOutcome::NotReached };
        stages.push(Step { stage: "body", outcome, microseconds: micros(whole.saturating_sub(before)) });
        let caller = ended.caller.as_deref();
        Self {
            request_id: String::from_utf8_lossy(&ended.id).into_owned(),
            ended: ended.at,
            method: ended.method.to_string(),
            api: ended.route.as_ref().map(|route| route.api.clone()),
            route: ended.route.as_ref().map(|route| route.rule.name.clone()),
            authentication: caller.map(|caller| caller.method),
            subject: caller.map(|caller| caller.subject.clone()),
            credential: caller.map(|caller| caller.credential.clone()),
            status: ended.status,
            code: ended.refusal.as_ref().map(|(code, _)| *code),
            reason: ended.refusal.as_ref().and_then(|(_, reason)| Some(reason.as_ref()?.as_str().to_owned())),
            policies: ended.judged.iter().flat_map(|judged| judged.decision.ids()).map(str::to_owned).collect(),
            faults: ended.judged.iter().flat_map(|judged| &judged.decision.faults).map(ToString::to_string).collect(),
            stages,
            microseconds: ended.micros,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(number: u64) -> Ended {
        let mut id = [b'0'; 32];
        id[..8].copy_from_slice(&number.to_le_bytes());
        let (method, route, caller) = (Method::GET, None, None);
        Ended {
            id,
            at: 0.0,
            method,
            route,
            caller,
            status: 200,
            refusal: None,
            marks: Marks::default(),
            micros: number,
            judged: None,
        }
    }

    #[test]
    fn a_ring_keeps_the_newest_and_does_not_grow() {
        let ring = Ring::default();
        let all = u64::try_from(REMEMBERED).unwrap_or_default() + 10;
        (0..all).for_each(|number| ring.push(ended(number)));
        let turn = ring.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert_eq!((turn.entries.len(), turn.number), (REMEMBERED, all));
        let kept: Vec<u64> = turn.since(0).map(|ended| ended.micros).collect();
        assert_eq!(kept, (10..all).collect::<Vec<_>>());
        assert_eq!(turn.since(all - 2).count(), 2);
        assert_eq!(turn.since(all).count(), 0);
    }

    #[test]
    fn a_story_ends_where_no_mark_is() {
        let mut told = ended(100);
        told.marks = Marks([20, 30, 0, 0, 0, 0, 0]);
        told.refusal = Some(("PC-0201", None));
        let story = Story::of(&told);
        let outcomes: Vec<_> = story.stages.iter().map(|step| (step.stage, step.outcome)).collect();
        assert_eq!(outcomes[1], ("route", StepOutcome::Passed));
        assert_eq!(outcomes[2], ("authenticate", StepOutcome::Refused));
        assert!(outcomes[3..].iter().all(|(_, outcome)| *outcome == StepOutcome::NotReached));
        assert!((story.stages.iter().map(|step| step.microseconds).sum::<f64>() - 100.0).abs() < 0.01);
    }
}
