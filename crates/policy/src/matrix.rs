//! Who may call what: every role, group and named caller against every operation.
//!
//! A row is a caller that has nothing but what the row says. Callers with several roles can do what their rows allow
//! together, less what one of them forbids, except where a condition itself asks for another role.

use std::{collections::BTreeSet, fmt, sync::Arc};

use cedar_policy::pst::{EntityOrSlot, EntityUID, PrincipalConstraint, Template};

use crate::{
    catalogue::Entry,
    engine::Engine,
    fold::{self, Folded, Known},
    footprint::Member,
    question::Kind,
    rule::Rule,
};

mod render;

/// Whom a row is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A caller without role or group.
    Anyone,
    /// A caller with one role, and what that inherits.
    Role(String),
    /// A caller in one group.
    Group(String),
    /// A caller that a policy names.
    Caller(Kind, String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::Role(name) => write!(f, "role {name}"),
            Self::Group(name) => write!(f, "group {name}"),
            Self::Caller(kind, id) => write!(f, "{} {id}", kind.name()),
        }
    }
}

/// What a cell says, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Never.
    Deny,
    /// It depends on the request.
    Conditional,
    /// Always.
    Allow,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deny => "deny",
            Self::Conditional => "if",
            Self::Allow => "allow",
        })
    }
}

/// A policy that can hold in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The policy.
    pub rule: Arc<Rule>,
    /// When, in Cedar; nothing if always.
    pub condition: Option<String>,
    /// Whether its evaluation can fail, which denies.
    pub may_fail: bool,
}

/// The condition of a policy that cannot hold but can fail.
const NEVER: &str = "false";

/// One row's say on one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Deny, allow, or it depends.
    pub outcome: Outcome,
    /// Policies that can permit and forbid, in the order of loading.
    pub terms: Vec<Term>,
}

/// Rows, columns and cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// The rows: anyone, then roles, groups and named callers by name.
    pub subjects: Vec<Subject>,
    /// The operations, in the order of the model.
    pub actions: Vec<String>,
    /// `cells[row][action]`.
    pub cells: Vec<Vec<Cell>>,
}

impl Engine {
    /// Everything that roles, groups and named callers may do.
    pub fn matrix(&self) -> Matrix {
        let subjects: Vec<Subject> = self.subjects().into_iter().collect();
        let actions: Vec<String> = self.actions().map(str::to_owned).collect();
        let applying = self.applying();
        let row = |subject: &Subject| {
            let columns = self.catalogue.entries.iter().zip(&applying);
            columns.map(|(entry, applying)| self.cell(subject, entry, applying)).collect()
        };
        Matrix { cells: subjects.iter().map(row).collect(), subjects, actions }
    }

    pub(crate) fn subjects(&self) -> BTreeSet<Subject> {
        let roles = self.closures.keys().cloned().map(Subject::Role);
        let groups = self.groups.iter().cloned().map(Subject::Group);
        let named = self.loaded.iter().filter_map(|one| named(&one.tree.principal));
        std::iter::once(Subject::Anyone).chain(roles).chain(groups).chain(named).collect()
    }

    /// A caller with nothing but what the row says.
    fn cell(&self, subject: &Subject, entry: &Entry, applying: &[usize]) -> Cell {
        self.cell_of(subject, entry, applying, |_, folded| folded)
    }

    /// A cell for comparing: policies that ask in their conditions who the caller is, and those that can fail, keep these
    /// conditions in full. What holds for a caller with one role may not hold for one with two.
    pub(crate) fn cell_in_full(&self, subject: &Subject, entry: &Entry, applying: &[usize]) -> Cell {
        self.cell_of(subject, entry, applying, |policy, term| {
            if !term.may_fail && !fold::asks_for_members(policy) {
                return term;
            }
            let clauses: Vec<String> = policy.clauses().iter().map(ToString::to_string).collect();
            let condition = term.condition.as_deref().unwrap_or("true");
            Term { condition: Some(format!("{condition}, of {}", clauses.join(" "))), ..term }
        })
    }

    fn cell_of(
        &self,
        subject: &Subject,
        entry: &Entry,
        applying: &[usize],
        finish: impl Fn(&Template, Term) -> Term,
    ) -> Cell {
        let is_in = |uid: &EntityUID| self.subject_is_in(subject, uid);
        let kind = match subject {
            Subject::Caller(kind, _) => Some(kind.name()),
            Subject::Anyone | Subject::Role(_) | Subject::Group(_) => None,
        };
        let known = Known { is_in: &is_in, kind, entry };
        let term = |at: &usize| {
            let (one, rule) = (self.loaded.get(*at)?, self.rules.get(*at)?);
            let rule = Arc::clone(rule);
            let (folded, may_fail) = fold::policy(&one.tree, &known);
            let condition = match folded {
                Folded::Never if !may_fail => return None,
                Folded::Never => Some(NEVER.to_owned()),
                Folded::Always => None,
                Folded::If(expr) => Some(expr.to_string()),
            };
            let term = Term { rule, condition, may_fail };
            Some(finish(&one.tree, term))
        };
        Cell::new(applying.iter().filter_map(term).collect())
    }

    fn subject_is_in(&self, subject: &Subject, uid: &EntityUID) -> bool {
        match subject {
            Subject::Anyone => false,
            Subject::Role(name) => match self.closures.get(name) {
                Some(closure) => closure.iter().any(|role| fold::is_member(uid, &Member::Role(role.clone()))),
                None => fold::is_member(uid, &Member::Role(name.clone())),
            },
            Subject::Group(name) => fold::is_member(uid, &Member::Group(name.clone())),
            Subject::Caller(kind, id) => uid.ty.to_string() == kind.name() && uid.eid == id.as_str(),
        }
    }
}

impl Cell {
    fn new(terms: Vec<Term>) -> Self {
        let always = |permits| terms.iter().any(|term| term.rule.permits == permits && term.condition.is_none());
        let can = |term: &&Term| term.condition.as_deref() != Some(NEVER);
        let any = |permits| terms.iter().filter(can).any(|term| term.rule.permits == permits);
        let outcome = if always(false) || !any(true) {
            Outcome::Deny
        } else if always(true) && !any(false) && !terms.iter().any(|term| term.may_fail) {
            Outcome::Allow
        } else {
            Outcome::Conditional
        };
        Self { outcome, terms }
    }

    /// What an operation that is not there says.
    pub(crate) fn nothing() -> Self {
        Self { outcome: Outcome::Deny, terms: Vec::new() }
    }
}

fn named(principal: &PrincipalConstraint) -> Option<Subject> {
    let (PrincipalConstraint::Eq(EntityOrSlot::Entity(uid))
    | PrincipalConstraint::In(EntityOrSlot::Entity(uid))
    | PrincipalConstraint::IsIn(_, EntityOrSlot::Entity(uid))) = principal
    else {
        return None;
    };
    let name = uid.ty.to_string();
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
    Some(Subject::Caller(kind, uid.eid.to_string()))
}
