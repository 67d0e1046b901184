//! Rules for tokens of two issuers with the same `iss`.

use std::{collections::BTreeSet, time::Duration};

use jose::jwt::Validation;

use crate::{Issuer, IssuerKeys, RemoteKeys};

use super::{Change, Verdict, anchors, limits};

/// Compares which tokens are believed.
pub(super) fn compare(old: &Issuer, new: &Issuer) -> Vec<Change> {
    let compared = Compared { subject: format!("issuer {}", new.name.0), changes: Vec::new() };
    compared.rules(&old.validation, &new.validation).keys(&old.keys, &new.keys).changes
}

struct Compared {
    subject: String,
    changes: Vec<Change>,
}

impl Compared {
    fn rules(mut self, old: &Validation, new: &Validation) -> Self {
        self.set("algorithms", &names(old), &names(new));
        self.set("audience", &set(&old.audiences), &set(&new.audiences));
        self.set("types", &types(old), &types(new));
        // Fewer claims are more tokens: the sets change places.
        let (before, after) = (set(&old.required_claims), set(&new.required_claims));
        for verdict in Verdict::of_set(!before.is_subset(&after), !after.is_subset(&before)) {
            self.push(verdict, list(&before), list(&after), "required_claims");
        }
        let lifetime = |validation: &Validation| validation.max_lifetime.unwrap_or(Duration::MAX);
        if let Some(verdict) = Verdict::of_limit(&lifetime(old), &lifetime(new)) {
            let text = |time: Option<Duration>| time.map_or_else(|| "any".into(), limits::time);
            self.push(verdict, text(old.max_lifetime), text(new.max_lifetime), "max_lifetime");
        }
        if let Some(verdict) = Verdict::of_limit(&old.skew, &new.skew) {
            self.push(verdict, limits::time(old.skew), limits::time(new.skew), "skew");
        }
        self
    }

    fn set(&mut self, key: &str, old: &BTreeSet<String>, new: &BTreeSet<String>) {
        for verdict in Verdict::of_set(!new.is_subset(old), !old.is_subset(new)) {
            self.push(verdict, list(old), list(new), key);
        }
    }

    fn keys(mut self, old: &IssuerKeys, new: &IssuerKeys) -> Self {
        match (old, new) {
            (IssuerKeys::Discovery(old), IssuerKeys::Discovery(new))
            | (IssuerKeys::JwksUri(old), IssuerKeys::JwksUri(new))
                if old.url == new.url =>
            {
                self.remote(old, new);
            }
            (IssuerKeys::Static(old), IssuerKeys::Static(new)) => {
                for verdict in Verdict::of_set(!new.is_within(old), !old.is_within(new)) {
                    self.push(verdict, count(old.len()), count(new.len()), "keys");
                }
            }
            (IssuerKeys::Secret(old), IssuerKeys::Secret(new)) => {
                if old != new {
                    self.push(Verdict::Widened, "a secret".into(), "another secret".into(), "secret");
                }
            }
            (IssuerKeys::Resident, IssuerKeys::Resident) => {}
            (
                IssuerKeys::Discovery(_)
                | IssuerKeys::JwksUri(_)
                | IssuerKeys::Static(_)
                | IssuerKeys::Secret(_)
                | IssuerKeys::Resident,
                _,
            ) => {
                self.push(Verdict::Widened, source(old), source(new), "keys");
            }
        }
        self
    }

    fn remote(&mut self, old: &RemoteKeys, new: &RemoteKeys) {
        let (before, after) = (old.ca.as_deref(), new.ca.as_deref());
        for verdict in anchors::compare(before, after) {
            self.push(verdict, anchors::text(before), anchors::text(after), "ca");
        }
        let networks = |keys: &RemoteKeys| keys.allow_networks.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        self.set("allow_networks", &networks(old), &networks(new));
    }

    fn push(&mut self, verdict: Verdict, before: String, after: String, key: &str) {
        let way = match verdict {
            Verdict::Opened | Verdict::Widened => "lets tokens pass that it did not",
            Verdict::Moved => "treats tokens differently",
            Verdict::Narrowed | Verdict::Closed => "stops tokens that it let pass",
        };
        let why = format!("`{key}` {way}");
        let subject = format!("{} {key}", self.subject);
        self.changes.push(Change { verdict, subject, example: None, credential: None, before, after, why });
    }
}

fn set(items: &[String]) -> BTreeSet<String> {
    items.iter().cloned().collect()
}

fn names(validation: &Validation) -> BTreeSet<String> {
    validation.algorithms.iter().map(ToString::to_string).collect()
}

/// `typ` values; what no list means is written out.
fn types(validation: &Validation) -> BTreeSet<String> {
    let bare = |text: &String| text.to_ascii_lowercase().trim_start_matches("application/").to_owned();
    if validation.types.is_empty() {
        return ["at+jwt", "jwt", "none"].map(str::to_owned).into();
    }
    validation.types.iter().map(bare).collect()
}

fn list(items: &BTreeSet<String>) -> String {
    if items.is_empty() { "none".into() } else { items.iter().map(String::as_str).collect::<Vec<_>>().join(" ") }
}

fn count(keys: usize) -> String {
    if keys == 1 { "1 key".into() } else { format!("{keys} keys") }
}

fn source(keys: &IssuerKeys) -> String {
    match keys {
        IssuerKeys::Discovery(remote) => format!("discovery at {}", remote.url),
        IssuerKeys::JwksUri(remote) => format!("keys at {}", remote.url),
        IssuerKeys::Static(_) => "keys from a file".into(),
        IssuerKeys::Secret(_) => "a secret".into(),
        IssuerKeys::Resident => "the built-in authorization server".into(),
    }
}
