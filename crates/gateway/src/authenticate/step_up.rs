//! How and how lately a caller logged in, where a route asks for it (RFC 9470).

use config::StepUp;

use super::{Caller, LogIn};
use crate::{refusal::Refusal, watch::unix_now};

/// Refuses a caller who has to log in again, or in another way (401).
pub(crate) fn check(rule: &StepUp, caller: &Caller) -> Result<(), Refusal> {
    if is_met(rule, caller.log_in.as_deref(), unix_now()) {
        Ok(())
    } else {
        Err(Refusal::StepUp(Box::new(rule.clone())))
    }
}

fn is_met(rule: &StepUp, log_in: Option<&LogIn>, now: u64) -> bool {
    let acr = log_in.and_then(|log_in| log_in.acr.as_ref());
    let in_a_good_way = rule.acr.is_empty() || acr.is_some_and(|acr| rule.acr.contains(acr));
    let lately = rule.max_age.is_none_or(|most| {
        let at = log_in.and_then(|log_in| log_in.at);
        at.is_some_and(|at| at.saturating_add(most.as_secs()) >= now)
    });
    in_a_good_way && lately
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn met(acr: &[&str], max_age: Option<u64>, log_in: Option<(Option<&str>, Option<u64>)>) -> bool {
        let rule = StepUp {
            acr: acr.iter().map(|one| (*one).to_owned()).collect(),
            max_age: max_age.map(Duration::from_secs),
        };
        let log_in = log_in.map(|(acr, at)| LogIn { acr: acr.map(str::to_owned), at });
        is_met(&rule, log_in.as_ref(), NOW)
    }

    #[test]
    fn what_a_token_does_not_say_is_not_met() {
        assert!(met(&["aal2"], None, Some((Some("aal2"), None))));
        assert!(!met(&["aal2"], None, Some((Some("aal1"), None))));
        assert!(!met(&["aal2"], None, Some((None, Some(NOW)))));
        assert!(!met(&["aal2"], None, None));
        assert!(met(&[], Some(300), Some((None, Some(NOW - 300)))));
        assert!(!met(&[], Some(300), Some((None, Some(NOW - 301)))));
        assert!(!met(&[], Some(300), Some((Some("aal2"), None))));
        assert!(!met(&["aal2"], Some(300), Some((Some("aal2"), Some(NOW - 301)))));
    }
}
