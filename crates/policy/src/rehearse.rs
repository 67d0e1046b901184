//! Decisions before all facts are there: what can be denied already.
//!
//! The owner of an object may only be known from the upstream's answer. A question without such facts is evaluated all
//! the same. A policy that reads one of them fails, as it is not there, and so is left open; one that does not fail holds
//! whatever the fact will be.

use crate::{
    decision::{Decision, Tally},
    engine::Engine,
    question::Question,
};

impl Engine {
    /// The denial that holds whatever the path parameters `unknown` turn out to be. Nothing if there may be an allow: the
    /// question must then be decided once they are known.
    pub fn rehearse(&self, question: &Question<'_>, unknown: &[&str]) -> Option<Decision> {
        let matched = match self.matched(question) {
            Ok(matched) => matched,
            Err(unusable) => return Some(Decision::unusable(unusable)),
        };
        let mut tally = matched.plain();
        if matched.asks_for_presence() {
            // Without the fact `resource has owner` is false rather than an error, and nothing follows from it.
            return (!tally.forbids.is_empty()).then(|| tally.decide(&self.rules));
        }
        if !matched.is_plain() {
            match self.request_without(&matched, question, unknown) {
                Ok((request, entities)) => {
                    matched.conditional(&request, &entities).for_each(|response| self.count(&response, &mut tally));
                }
                Err(unusable) => return Some(Decision::unusable(unusable)),
            }
        }
        let may_permit = tally.failed.iter().any(|(at, _)| self.rules.get(*at).is_some_and(|rule| rule.permits));
        let is_denied = !tally.forbids.is_empty() || (tally.permits.is_empty() && !may_permit);
        is_denied.then(|| Tally { failed: Vec::new(), permits: Vec::new(), ..tally }.decide(&self.rules))
    }
}
