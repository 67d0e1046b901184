//! Contracts of two APIs that take the same requests.

use std::collections::BTreeSet;

use crate::{Api, Contract, ContractMode, ResponseMode};

use super::{Change, Verdict, limits::apis};

/// Compares how strictly requests and answers are held to documents.
pub(super) fn of_apis(old: &Api, new: &Api) -> Vec<Change> {
    let (before, after) = (old.contract.as_ref(), new.contract.as_ref());
    let whole = Scale::of(before).differences(&Scale::of(after));
    let operations =
        names(before).union(&names(after)).filter_map(|name| operation(name, before, after)).collect::<Vec<_>>();
    let document = match (before, after) {
        (Some(old), Some(new)) if old.digest != new.digest => {
            let (was, is) = (old.path.display().to_string(), new.path.display().to_string());
            Some(("document".to_owned(), Verdict::Moved, was, is))
        }
        (Some(_) | None, _) => None,
    };
    let change = |(key, verdict, before, after): (String, Verdict, String, String)| Change {
        verdict,
        subject: format!("contract of {}", apis(old, new)),
        example: None,
        credential: None,
        before: format!("{key} {before}"),
        after: format!("{key} {after}"),
        why: match verdict {
            Verdict::Opened | Verdict::Widened => "less is held to the document".into(),
            Verdict::Moved => "the document says something else, or stands elsewhere".into(),
            Verdict::Narrowed | Verdict::Closed => "more is held to the document".into(),
        },
    };
    whole.into_iter().chain(operations).chain(document).map(change).collect()
}

/// How strict each part of a contract is: the higher, the stricter.
struct Scale([(&'static str, u8, &'static str); 4]);

impl Scale {
    fn of(contract: Option<&Contract>) -> Self {
        let flag = |set: bool| (u8::from(set), if set { "true" } else { "false" });
        let (mode, mode_text) = strictness(contract.map(|contract| &contract.mode));
        let (responses, responses_text) = answers(contract.map(|contract| contract.responses));
        let (objects, objects_text) = flag(contract.is_some_and(|contract| contract.strict_objects));
        let (query, query_text) = flag(contract.is_some_and(|contract| contract.strict_query));
        Self([
            ("mode", mode, mode_text),
            ("responses", responses, responses_text),
            ("strict_objects", objects, objects_text),
            ("strict_query", query, query_text),
        ])
    }

    fn differences(&self, new: &Self) -> Vec<(String, Verdict, String, String)> {
        let pairs = self.0.iter().zip(&new.0);
        let told = pairs.filter_map(|((key, before, was), (_, after, is))| {
            Some(((*key).to_owned(), Verdict::of_limit(after, before)?, (*was).to_owned(), (*is).to_owned()))
        });
        told.collect()
    }
}

fn strictness(mode: Option<&ContractMode>) -> (u8, &'static str) {
    match mode {
        None => (0, "none"),
        Some(ContractMode::Off { .. }) => (0, "off"),
        Some(ContractMode::Monitor) => (1, "monitor"),
        Some(ContractMode::Enforce) => (2, "enforce"),
    }
}

fn answers(mode: Option<ResponseMode>) -> (u8, &'static str) {
    match mode {
        None => (0, "none"),
        Some(ResponseMode::Off) => (0, "off"),
        Some(ResponseMode::Monitor) => (1, "monitor"),
        Some(ResponseMode::Enforce) => (2, "enforce"),
        Some(ResponseMode::Filter) => (2, "filter"),
    }
}

fn names(contract: Option<&Contract>) -> BTreeSet<String> {
    let operations = contract.map(|contract| contract.document.operations()).unwrap_or_default();
    operations.iter().map(contract::Operation::name).collect()
}

/// An operation that both documents have, and whose mode is another than before.
fn operation(name: &str, old: Option<&Contract>, new: Option<&Contract>) -> Option<(String, Verdict, String, String)> {
    let of = |contract: Option<&Contract>| -> Option<(u8, &'static str)> {
        let contract = contract?;
        let at = contract.document.operations().iter().position(|operation| operation.name() == name)?;
        Some(strictness(contract.modes.get(at)))
    };
    let ((before, was), (after, is)) = (of(old)?, of(new)?);
    Some((name.to_owned(), Verdict::of_limit(&after, &before)?, was.to_owned(), is.to_owned()))
}
