//! What a new configuration lets through that an old one did not, and the reverse.
//!
//! Nothing is guessed from the text of the files. For each host that either file names, and for every other one,
//! [`crate::routing`] finds one path of each class that the templates of both files can tell apart. For each of them, each
//! method and each kind of caller (`callers`), both files decide by the gateway's precedence. Only decisions that
//! differ are told. Where both let a caller in, the rules around the decision are compared: the issuer's, the body's,
//! rate limits, the upstream. Listeners, trusted proxies and global limits are compared by themselves.

mod addresses;
mod anchors;
mod callers;
mod cell;
mod contracts;
mod identity;
mod issuers;
mod limits;
mod listeners;
mod policies;
mod reasons;
mod routes;
mod rules;
mod shared_limits;
mod upstreams;

use std::fmt;

use crate::Config;
pub(crate) use limits::time;

/// Which way something changed. In the order in which it deserves attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nobody could do this before, and somebody can now.
    Opened,
    /// Somebody could do this before; now more callers can, or with more freedom.
    Widened,
    /// Neither more nor less is allowed, but requests go to another place.
    Moved,
    /// Fewer callers can do this, or with less freedom.
    Narrowed,
    /// Somebody could do this before, and nobody can now.
    Closed,
}

impl Verdict {
    /// Whether the new configuration is more permissive in this.
    pub fn is_more_permissive(self) -> bool {
        match self {
            Self::Opened | Self::Widened => true,
            Self::Moved | Self::Narrowed | Self::Closed => false,
        }
    }

    /// Which way a limit went that allows more the higher it is.
    fn of_limit<T: PartialOrd>(old: &T, new: &T) -> Option<Self> {
        match new.partial_cmp(old)? {
            std::cmp::Ordering::Greater => Some(Self::Widened),
            std::cmp::Ordering::Less => Some(Self::Narrowed),
            std::cmp::Ordering::Equal => None,
        }
    }

    /// Which ways a set went, when something was added to it and something taken away. Both can be.
    fn of_set(added: bool, removed: bool) -> impl Iterator<Item = Self> {
        [(added, Self::Widened), (removed, Self::Narrowed)]
            .into_iter()
            .filter_map(|(is, verdict)| is.then_some(verdict))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Opened => "opened",
            Self::Widened => "widened",
            Self::Moved => "moved",
            Self::Narrowed => "narrowed",
            Self::Closed => "closed",
        })
    }
}

/// One difference in what is let through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Which way it goes.
    pub verdict: Verdict,
    /// What it is about: methods, host and path template of a route, or a part of the file such as `issuer corp`.
    pub subject: String,
    /// A path that shows it, where the template alone does not.
    pub example: Option<String>,
    /// The weakest credential whose treatment changed; more scopes are treated alike.
    pub credential: Option<String>,
    /// What held in the old file.
    pub before: String,
    /// What holds in the new file.
    pub after: String,
    /// What in the files makes the difference.
    pub why: String,
}

/// Every difference in what the two configurations let through, the most permissive first.
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    // Every part is named, so that a new one cannot be forgotten here. What is not compared lets nobody in.
    let Config {
        listeners: _,
        issuers: _,
        identity: _,
        apis: _,
        policies: _,
        countries: _,
        trusted_proxies: _,
        limits: _,
        shared_limits: _,
        monitoring: _,
        data: _,
        workers: _,
        files: _,
        secret_files: _,
        warnings: _,
    } = old;
    let mut changes = routes::compare(old, new);
    changes.extend(listeners::compare(old, new));
    changes.extend(limits::global(&old.limits, &new.limits));
    changes.extend(policies::compare(old, new));
    changes.extend(identity::compare(old.identity.as_deref(), new.identity.as_deref()));
    changes.extend(shared_limits::compare(old.shared_limits.as_ref(), new.shared_limits.as_ref()));
    changes.sort();
    changes.dedup();
    changes
}

/// What the two configurations tell policies differently, apart from what the policies themselves say: who has which role
/// or attribute, and which routes are decided by them at all.
pub fn policy_changes(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = policies::of_facts_and_routes(old, new);
    changes.sort();
    changes.dedup();
    changes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use proptest::prelude::*;

    use super::{callers::Decision, *};
    use crate::{
        HostPattern,
        routing::{Answer, Table},
    };

    fn route() -> impl Strategy<Value = String> {
        let segments = prop::collection::vec(prop::sample::select(vec!["a", "b", "{}"]), 0..4);
        let rest = prop::bool::weighted(0.3);
        let methods = prop::sample::select(vec!["GET", "POST", "*"]);
        let access = prop::sample::select(vec![
            "public: why",
            "authenticate: [api_key]",
            "authenticate: [api_key], scopes: [s]",
            "authenticate: [api_key, jwt: i], scopes: [t]",
            "authenticate: [jwt: i], scopes: [s, t]",
        ]);
        (segments, rest, methods, access).prop_map(|(segments, rest, methods, access)| {
            let named = segments.iter().enumerate().map(|(at, text)| text.replace("{}", &format!("{{p{at}}}")));
            let path = named.chain(rest.then(|| "{r*}".to_owned())).collect::<Vec<_>>().join("/");
            format!("{{ match: \"{methods} /{path}\", {access} }}")
        })
    }

    /// Some routes; those that overlap with an earlier one make a file invalid, which gives `None`.
    fn file(routes: &[String]) -> Option<Config> {
        let text = format!(
            "listeners: [{{ address: \"127.0.0.1:1\" }}]\n\
             issuers: {{ i: {{ issuer: \"https://i.example\", audience: a, algorithms: [ES256] }} }}\n\
             apis: [{{ name: a, upstream: \"http://127.0.0.1:2\", routes: [{}] }}]",
            routes.join(", ")
        );
        crate::load_str(&text, Path::new("test.yaml"), Path::new("")).ok()
    }

    type Segments = Vec<&'static str>;

    /// Every path of up to four segments over the literals, a word that is none, and a slash at the end.
    fn requests() -> Vec<Segments> {
        let mut all = vec![Vec::new()];
        let mut last = all.clone();
        for _ in 0..4 {
            last = last.iter().flat_map(|path| ["a", "b", "any"].map(|s| [path.as_slice(), &[s]].concat())).collect();
            all.extend(last.clone());
        }
        let slashed: Vec<_> =
            all.iter().filter(|path| !path.is_empty()).map(|p| [p.as_slice(), &[""]].concat()).collect();
        all.into_iter().chain(slashed).collect()
    }

    /// What becomes allowed: the method and the template that allows it, found by trying every request.
    fn gained(old: &Config, new: &Config) -> BTreeSet<(String, String)> {
        let tables = [old, new].map(|config| Table::of(config, &HostPattern::Any));
        let callers = callers::all(old, new);
        let mut found = BTreeSet::new();
        for path in requests() {
            let path = crate::routing::Path::of(&path);
            for name in ["GET", "POST", "PUT"] {
                let method = name.parse().unwrap();
                let [before, after] = [&tables[0], &tables[1]].map(|table| table.decide(&path, &method));
                let allowed = |config, answer, caller| callers::decide(config, answer, caller) == Decision::Allowed;
                if let Answer::Found(entry) = after
                    && callers.iter().any(|caller| !allowed(old, before, caller) && allowed(new, after, caller))
                {
                    found.insert((name.to_owned(), entry.route.template.text.clone()));
                }
            }
        }
        found
    }

    fn told(old: &Config, new: &Config) -> BTreeSet<(String, String)> {
        let changes = diff(old, new).into_iter().filter(|change| change.verdict.is_more_permissive());
        let pairs = changes.filter(|change| change.credential.is_some()).flat_map(|change| {
            let (methods, path) = change.subject.split_once(" /").unwrap();
            let path = format!("/{path}");
            let methods = if methods == "*" { "GET,POST,PUT".to_owned() } else { methods.to_owned() };
            methods.split(',').map(|method| (method.to_owned(), path.clone())).collect::<Vec<_>>()
        });
        pairs.filter(|(method, _)| ["GET", "POST", "PUT"].contains(&method.as_str())).collect()
    }

    proptest! {
        #[test]
        fn exactly_what_becomes_allowed_is_told(
            before in prop::collection::vec(route(), 1..5),
            after in prop::collection::vec(route(), 1..5),
            kept in 0..5_usize,
        ) {
            let after: Vec<_> = before.iter().take(kept).cloned().chain(after).collect();
            let (Some(old), Some(new)) = (file(&before), file(&after)) else { return Ok(()) };
            prop_assert_eq!(told(&old, &new), gained(&old, &new));
        }
    }
}
