//! A policy as the engine keeps it.

use std::fmt;

use cedar_policy::{Effect, PolicyId, pst};

use crate::{footprint::Footprint, report::Place};

/// What a policy is called and what its writer says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `@id`, `role:NAME#1` for a permission of a role, or `FILE#1` for a policy without an id.
    pub id: String,
    /// Whether it permits; else it forbids.
    pub permits: bool,
    /// `@reason`: why, for the operator.
    pub reason: Option<String>,
    /// `@advice`: what the caller could do.
    pub advice: Option<String>,
    /// Where it is written; nothing for permissions of roles.
    pub place: Option<Place>,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if let Some(place) = &self.place {
            write!(f, " ({place})")?;
        }
        Ok(())
    }
}

/// An id as it was given; its `Display` would escape it.
pub(crate) fn text_of(id: &PolicyId) -> String {
    let text: &str = id.as_ref();
    text.to_owned()
}

/// A policy ready to be indexed.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) rule: Rule,
    pub(crate) policy: cedar_policy::Policy,
    /// The policy as a tree; links are filled in.
    pub(crate) tree: pst::Template,
    pub(crate) footprint: Footprint,
}

impl Loaded {
    pub(crate) fn new(policy: cedar_policy::Policy, tree: pst::Template, place: Option<Place>) -> Self {
        let annotation = |key: &str| policy.annotation(key).filter(|text| !text.is_empty()).map(str::to_owned);
        let rule = Rule {
            id: text_of(policy.id()),
            permits: match policy.effect() {
                Effect::Permit => true,
                Effect::Forbid => false,
            },
            reason: annotation("reason"),
            advice: annotation("advice"),
            place,
        };
        Self { footprint: Footprint::of(&tree), rule, policy, tree }
    }
}
