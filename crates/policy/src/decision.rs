//! What was decided, and by which policies.

use std::{fmt, sync::Arc};

use serde::Deserialize;

use crate::{rule::Rule, slot::Unusable};

/// The two outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// At least one policy permits, none forbids, and none failed.
    Allow,
    /// Everything else.
    Deny,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

/// Why nothing could be decided; each denies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A policy failed while it was evaluated, such as by an overflow. Cedar alone would skip it.
    Policy {
        /// The policy.
        rule: Arc<Rule>,
        /// What Cedar says.
        message: String,
    },
    /// A fact of the question is not what was declared.
    Question(Unusable),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { rule, message } => write!(f, "policy {rule} failed: {message}"),
            Self::Question(unusable) => unusable.fmt(f),
        }
    }
}

/// A decision with its grounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Allow or deny.
    pub verdict: Verdict,
    /// The policies that decided, in the order of loading: for an allow those that permit, for a deny those that forbid.
    /// Empty for the denial by default.
    pub policies: Vec<Arc<Rule>>,
    /// What failed. Never there with an allow.
    pub faults: Vec<Fault>,
}

impl Decision {
    /// Whether the caller may.
    pub fn is_allowed(&self) -> bool {
        match self.verdict {
            Verdict::Allow => true,
            Verdict::Deny => false,
        }
    }

    /// The ids of the policies that decided.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|rule| rule.id.as_str())
    }

    /// What those policies give as `@reason`.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().filter_map(|rule| rule.reason.as_deref())
    }

    /// What those policies give as `@advice`.
    pub fn advice(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().filter_map(|rule| rule.advice.as_deref())
    }

    pub(crate) fn unusable(why: Unusable) -> Self {
        Self { verdict: Verdict::Deny, policies: Vec::new(), faults: vec![Fault::Question(why)] }
    }
}

/// Policies that hold for a question, gathered from several sets.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) permits: Vec<usize>,
    pub(crate) forbids: Vec<usize>,
    /// Policies that failed, with what Cedar says.
    pub(crate) failed: Vec<(usize, String)>,
}

impl Tally {
    /// Deny by default, forbid before permit, and a failure before both.
    pub(crate) fn decide(mut self, rules: &[Arc<Rule>]) -> Decision {
        self.failed.sort();
        let named = |mut positions: Vec<usize>| {
            positions.sort_unstable();
            positions.into_iter().filter_map(|at| rules.get(at).cloned()).collect::<Vec<_>>()
        };
        let fault = |(at, message): (usize, String)| Some(Fault::Policy { rule: rules.get(at).cloned()?, message });
        let is_allowed = self.failed.is_empty() && self.forbids.is_empty() && !self.permits.is_empty();
        Decision {
            verdict: if is_allowed { Verdict::Allow } else { Verdict::Deny },
            policies: named(if is_allowed { self.permits } else { self.forbids }),
            faults: self.failed.into_iter().filter_map(fault).collect(),
        }
    }
}
