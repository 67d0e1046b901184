//! The store of shared limits: who counts together, and what holds without it.

use crate::{SharedLimits, StoreFailure};

use super::{Change, Verdict};

pub(super) fn compare(old: Option<&SharedLimits>, new: Option<&SharedLimits>) -> Vec<Change> {
    // Whether limits are shared at all shows in the limits themselves.
    let (Some(old), Some(new)) = (old, new) else { return Vec::new() };
    let failure = laxness(&old.on_store_failure).cmp(&laxness(&new.on_store_failure));
    let failure = match failure {
        std::cmp::Ordering::Less => Some(Verdict::Widened),
        std::cmp::Ordering::Greater => Some(Verdict::Narrowed),
        std::cmp::Ordering::Equal => None,
    };
    let failure = failure.map(|verdict| {
        let why = "what passes while the store is gone changed";
        change(verdict, "on_store_failure", text(&old.on_store_failure), text(&new.on_store_failure), why)
    });
    // The more share, the smaller is the part of each.
    let nodes = Verdict::of_limit(&new.nodes, &old.nodes).map(|verdict| {
        let why = "the part that an instance lets pass while the store is gone changed";
        change(verdict, "nodes", old.nodes.to_string(), new.nodes.to_string(), why)
    });
    let store = (old.store != new.store).then(|| {
        let address =
            |shared: &SharedLimits| format!("{}:{}/{}", shared.store.host, shared.store.port, shared.store.database);
        change(Verdict::Moved, "store", address(old), address(new), "what was counted in the other store is forgotten")
    });
    [failure, nodes, store].into_iter().flatten().collect()
}

fn laxness(failure: &StoreFailure) -> u8 {
    match failure {
        StoreFailure::Deny => 0,
        StoreFailure::LocalShare => 1,
        StoreFailure::Allow { .. } => 2,
    }
}

fn text(failure: &StoreFailure) -> String {
    match failure {
        StoreFailure::Deny => "deny".into(),
        StoreFailure::LocalShare => "local_share".into(),
        StoreFailure::Allow { reason } => format!("allow ({reason})"),
    }
}

fn change(verdict: Verdict, key: &str, before: String, after: String, why: &str) -> Change {
    let subject = format!("shared_limits.{key}");
    Change { verdict, subject, example: None, credential: None, before, after, why: why.into() }
}
