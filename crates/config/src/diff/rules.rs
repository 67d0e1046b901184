//! Rules of two routes that take the same requests, for callers whom both let in.

use std::collections::BTreeSet;

use crate::{Route, WebSocket};

use super::{Change, Verdict, identity, limits::time, policies};

/// Compares what a caller may do once let in. `subject` and `example` say which requests.
pub(super) fn compare(subject: &str, example: Option<&str>, old: &Route, new: &Route) -> Vec<Change> {
    let told = |Difference { key, verdict, before, after }| Change {
        verdict,
        subject: subject.to_owned(),
        example: example.map(str::to_owned),
        credential: None,
        before: format!("{key} {before}"),
        after: format!("{key} {after}"),
        why: if verdict.is_more_permissive() { format!("`{key}` allows more") } else { format!("`{key}` allows less") },
    };
    // Every field is named, so that a new one cannot be forgotten here. The first four make the decision itself.
    let Route {
        name: _,
        methods: _,
        template: _,
        access: _,
        max_body: _,
        response_timeout: _,
        encoded_slashes: _,
        websocket: _,
        policy: _,
        serves: _,
        limits: _,
        cost: _,
        step_up: _,
    } = old;
    let sizes = Difference::of("body", (old.max_body, bytes(old.max_body)), (new.max_body, bytes(new.max_body)));
    let timed = |route: &Route| (route.response_timeout, time(route.response_timeout));
    let slashed = |route: &Route| (route.encoded_slashes, route.encoded_slashes.to_string());
    [
        sizes,
        Difference::of("response_timeout", timed(old), timed(new)),
        Difference::of("encoded_slashes", slashed(old), slashed(new)),
    ]
    .into_iter()
    .flatten()
    .chain(websockets(old.websocket.as_ref(), new.websocket.as_ref()))
    .chain(policies::of_routes(old, new))
    .chain(identity::step_up(old.step_up.as_ref(), new.step_up.as_ref()))
    .map(told)
    .collect()
}

pub(super) struct Difference {
    pub(super) key: &'static str,
    pub(super) verdict: Verdict,
    pub(super) before: String,
    pub(super) after: String,
}

impl Difference {
    /// Of values that allow more the higher they are, each with its text.
    fn of<T: PartialOrd>(key: &'static str, old: (T, String), new: (T, String)) -> Option<Self> {
        Some(Self { key, verdict: Verdict::of_limit(&old.0, &new.0)?, before: old.1, after: new.1 })
    }
}

/// Whether `WebSocket`s pass, and from which pages.
fn websockets(old: Option<&WebSocket>, new: Option<&WebSocket>) -> impl Iterator<Item = Difference> {
    let origins = |rules: Option<&WebSocket>| -> BTreeSet<String> {
        rules.map(|rules| rules.origins.iter().cloned().collect()).unwrap_or_default()
    };
    let (before, after) = (origins(old), origins(new));
    let added = (old.is_none() && new.is_some()) || !after.is_subset(&before);
    let removed = (old.is_some() && new.is_none()) || !before.is_subset(&after);
    let text = |rules: Option<&WebSocket>| match rules {
        None => "none".to_owned(),
        Some(rules) if rules.origins.is_empty() => "from programs".to_owned(),
        Some(rules) => format!("from programs and {}", rules.origins.join(" ")),
    };
    let (before, after) = (text(old), text(new));
    let told = move |verdict| Difference { key: "websocket", verdict, before: before.clone(), after: after.clone() };
    Verdict::of_set(added, removed).map(told)
}

/// A size as a file has it.
fn bytes(size: u64) -> String {
    match size {
        0 => "0".into(),
        _ if size.is_multiple_of(1 << 20) => format!("{}MiB", size >> 20),
        _ if size.is_multiple_of(1 << 10) => format!("{}KiB", size >> 10),
        _ => size.to_string(),
    }
}
