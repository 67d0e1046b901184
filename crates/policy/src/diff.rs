//! What another set of policies changes: who gains, who loses, and what cannot be told.
//!
//! Both sets are written out as matrices and compared cell by cell. Conditions are compared as text, so that one that was
//! rewritten counts as a change even if it means the same. What the rows cannot show, conditions that ask for a second
//! role or for a caller's name, is compared policy by policy and listed apart; what could widen access there counts as
//! widening. So does a policy that is gone and could have failed, since a failure denies. Callers are compared by what
//! roles and groups the policies know: who has which role is not part of the comparison, nor is the model's mapping of
//! claims to facts.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    engine::Engine,
    fold,
    matrix::{Cell, Outcome, Subject, Term},
};

/// How a cell changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// May do more.
    Gains,
    /// Still may not by this row alone, but a forbid is gone: callers with another role besides may do more.
    MayGain,
    /// May do less.
    Loses,
    /// May do less together with another role.
    MayLose,
    /// May do something else; whether more or less, nobody can tell from the text.
    Differs,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gains => "gains",
            Self::MayGain => "may gain, with other roles",
            Self::Loses => "loses",
            Self::MayLose => "may lose, with other roles",
            Self::Differs => "differs",
        })
    }
}

/// One changed cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellChange {
    /// Who.
    pub subject: Subject,
    /// What.
    pub action: String,
    /// More or less.
    pub effect: Effect,
    /// The cell before.
    pub old: Cell,
    /// The cell after.
    pub new: Cell,
}

/// A policy that changed in a way that no single row shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unseen {
    /// The operation.
    pub action: String,
    /// The policy, new or gone.
    pub policy: String,
    /// Whether it is new; else it is gone.
    pub is_new: bool,
    /// Whether access may have widened.
    pub widens: bool,
}

/// Everything that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Changed cells, by operation and subject.
    pub changes: Vec<CellChange>,
    /// Policies that the rows cannot show.
    pub unseen: Vec<Unseen>,
}

impl Difference {
    /// What `new` changes against `old`.
    pub fn between(old: &Engine, new: &Engine) -> Self {
        let subjects: BTreeSet<Subject> = old.subjects().into_iter().chain(new.subjects()).collect();
        let (of_old, of_new) = (Side::new(old), Side::new(new));
        let actions: BTreeSet<&str> = old.actions().chain(new.actions()).collect();
        let mut difference = Self::default();
        for action in actions {
            for subject in &subjects {
                let (old, new) = (of_old.cell(subject, action), of_new.cell(subject, action));
                if let Some(effect) = compare(&old, &new) {
                    let (subject, action) = (subject.clone(), action.to_owned());
                    difference.changes.push(CellChange { subject, action, effect, old, new });
                }
            }
            difference.unseen.extend(unseen(action, &of_old.entangled(action), &of_new.entangled(action)));
        }
        difference
    }

    /// Whether somebody may do more than before, or could.
    pub fn widened(&self) -> bool {
        let widens = |change: &CellChange| match change.effect {
            Effect::Gains | Effect::MayGain | Effect::Differs => true,
            Effect::Loses | Effect::MayLose => false,
        };
        self.changes.iter().any(widens) || self.unseen.iter().any(|one| one.widens)
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.unseen.is_empty()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return writeln!(f, "no change");
        }
        for CellChange { subject, action, effect, old, new } in &self.changes {
            writeln!(f, "{subject} {effect}: {action} was {}, is {}", old.outcome, new.outcome)?;
            let (old, new) = (lines(old), lines(new));
            old.difference(&new).try_for_each(|line| writeln!(f, "  - {line}"))?;
            new.difference(&old).try_for_each(|line| writeln!(f, "  + {line}"))?;
        }
        for one in &self.unseen {
            let sign = if one.is_new { '+' } else { '-' };
            let note = if one.widens { "may widen access" } else { "may narrow access" };
            writeln!(f, "{}: {note}, for callers with several roles or by name\n  {sign} {}", one.action, one.policy)?;
        }
        let word = if self.widened() { "widened" } else { "not widened" };
        writeln!(f, "{word}")
    }
}

/// One set of policies with what is computed once.
struct Side<'e> {
    engine: &'e Engine,
    applying: Vec<Vec<usize>>,
    positions: BTreeMap<&'e str, usize>,
}

impl<'e> Side<'e> {
    fn new(engine: &'e Engine) -> Self {
        let positions = engine.actions().enumerate().map(|(at, action)| (action, at)).collect();
        Self { engine, applying: engine.applying(), positions }
    }

    fn cell(&self, subject: &Subject, action: &str) -> Cell {
        let at = self.positions.get(action);
        let found = at.and_then(|at| Some((self.engine.catalogue.entries.get(*at)?, self.applying.get(*at)?)));
        found.map_or_else(Cell::nothing, |(entry, applying)| self.engine.cell_in_full(subject, entry, applying))
    }

    /// Policies for an action whose conditions ask who the caller is: whether they permit, and their text.
    fn entangled(&self, action: &str) -> BTreeSet<(bool, String)> {
        let applying = self.positions.get(action).and_then(|at| self.applying.get(*at));
        let policies = applying.into_iter().flatten().filter_map(|at| self.engine.loaded.get(*at));
        let entangled = policies.filter(|one| fold::asks_for_members(&one.tree));
        entangled.map(|one| (one.rule.permits, text(&one.tree))).collect()
    }
}

/// A policy without its name, its annotations, and its action, which is known.
fn text(policy: &cedar_policy::pst::Template) -> String {
    let clauses: Vec<String> = policy.clauses().iter().map(ToString::to_string).collect();
    format!(
        "{} (principal {}, action, resource {}) {}",
        policy.effect,
        policy.principal,
        policy.resource,
        clauses.join(" ")
    )
}

fn unseen(action: &str, old: &BTreeSet<(bool, String)>, new: &BTreeSet<(bool, String)>) -> Vec<Unseen> {
    let one = |is_new: bool| {
        move |(permits, policy): &(bool, String)| Unseen {
            action: action.to_owned(),
            policy: policy.clone(),
            is_new,
            // A permit that came, or a forbid that went.
            widens: *permits == is_new,
        }
    };
    new.difference(old).map(one(true)).chain(old.difference(new).map(one(false))).collect()
}

fn compare(old: &Cell, new: &Cell) -> Option<Effect> {
    let (permitted, permits) = (conditions(old, true), conditions(new, true));
    let (forbade, forbids) = (conditions(old, false), conditions(new, false));
    let always = |set: &BTreeSet<String>| set.contains(ALWAYS);
    // Who could do everything cannot gain, and whoever is always forbidden has not.
    let gained = old.outcome != Outcome::Allow
        && !always(&forbids)
        && (!permits.is_subset(&permitted) || !forbade.is_subset(&forbids));
    let lost = new.outcome != Outcome::Allow
        && !always(&forbade)
        && (!permitted.is_subset(&permits) || !forbids.is_subset(&forbade));
    let is_denied = new.outcome == Outcome::Deny;
    match (old.outcome.cmp(&new.outcome), gained, lost) {
        (Ordering::Equal, false, false) => None,
        (Ordering::Equal, true, false) if is_denied => Some(Effect::MayGain),
        (Ordering::Equal, false, true) if is_denied => Some(Effect::MayLose),
        (Ordering::Less, _, _) | (Ordering::Equal, true, false) => Some(Effect::Gains),
        (Ordering::Greater, false, _) | (Ordering::Equal, false, true) => Some(Effect::Loses),
        (Ordering::Greater | Ordering::Equal, true, _) => Some(Effect::Differs),
    }
}

/// The condition of a policy without one.
const ALWAYS: &str = "true";

fn conditions(cell: &Cell, permits: bool) -> BTreeSet<String> {
    let condition = |term: &Term| term.condition.clone().unwrap_or_else(|| ALWAYS.to_owned());
    let terms = cell.terms.iter().filter(|term| term.rule.permits == permits).map(condition);
    // A policy that fails forbids, whatever it was meant to do.
    let failing = cell.terms.iter().filter(|term| !permits && term.may_fail);
    terms.chain(failing.map(|term| format!("it fails: {}", condition(term)))).collect()
}

fn lines(cell: &Cell) -> BTreeSet<String> {
    let words = |permits: bool, word: &str| {
        conditions(cell, permits).into_iter().map(move |condition| format!("{word} if {condition}")).collect::<Vec<_>>()
    };
    words(true, "permit").into_iter().chain(words(false, "forbid")).collect()
}
