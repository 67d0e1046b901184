//! Two sets of policies on the same traffic: the one that counts, and one on trial.

use std::fmt;

use crate::{decision::Decision, engine::Engine, question::Question};

/// A question that two engines decide differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// What counts.
    pub current: Decision,
    /// What would be.
    pub candidate: Decision,
}

impl Disagreement {
    /// Whether the candidate would allow what is denied now.
    pub fn widens(&self) -> bool {
        self.candidate.is_allowed() && !self.current.is_allowed()
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grounds = |decision: &Decision| {
            let ids: Vec<&str> = decision.ids().collect();
            if ids.is_empty() { String::from("by default") } else { format!("by {}", ids.join(", ")) }
        };
        let (current, candidate) = (&self.current, &self.candidate);
        write!(f, "{} {} now, ", current.verdict, grounds(current))?;
        write!(f, "{} {} with the candidate", candidate.verdict, grounds(candidate))
    }
}

impl Disagreement {
    /// The difference between two decisions over one question; nothing if their verdicts are the same.
    pub fn between(current: &Decision, candidate: &Decision) -> Option<Self> {
        let differs = candidate.verdict != current.verdict;
        differs.then(|| Self { current: current.clone(), candidate: candidate.clone() })
    }
}

/// Decides by `candidate` as well; nothing if the verdict is that of `current`. The candidate never decides.
pub fn shadow(current: &Decision, candidate: &Engine, question: &Question<'_>) -> Option<Disagreement> {
    Disagreement::between(current, &candidate.decide(question))
}
