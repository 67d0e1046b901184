//! Requests that two files treat alike, and the callers whom they do not.

use std::collections::BTreeSet;

use crate::{
    HostPattern, PathTemplate,
    routing::{Answer, Path},
};

use super::callers::{Caller, Decision, Kind};

/// The methods that a file can name, and one that it cannot: `*` takes that as well.
pub(super) const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER];
const OTHER: &str = "OTHER";

/// What the routers of both files say to one request.
pub(super) struct Answers<'c> {
    pub(super) old: Answer<'c>,
    pub(super) new: Answer<'c>,
}

/// Requests that get the same answers from both files: one host, one pair of routes, some methods.
pub(super) struct Cell<'c> {
    pub(super) host: HostPattern,
    pub(super) methods: BTreeSet<&'static str>,
    /// The first path found; there can be more.
    pub(super) path: Path,
    pub(super) answers: Answers<'c>,
    pub(super) rows: Vec<Row>,
    /// Kinds of callers of whom both files let some in.
    pub(super) kept: BTreeSet<Kind>,
}

/// A caller whom the files treat differently.
pub(super) struct Row {
    pub(super) caller: Caller,
    pub(super) before: Decision,
    pub(super) after: Decision,
}

impl Row {
    /// Whether another row says nothing that this one does not: without a credential, or with fewer scopes, the same
    /// happens already.
    pub(super) fn implies(&self, other: &Self) -> bool {
        let same_way = (self.after == Decision::Allowed) == (other.after == Decision::Allowed);
        let (mine, theirs) = (&self.caller, &other.caller);
        let fewer_scopes = mine.kind == theirs.kind && mine.scopes.is_subset(&theirs.scopes);
        same_way && mine != theirs && (mine.kind == Kind::Nobody || fewer_scopes)
    }
}

impl Answers<'_> {
    /// Whether the routers gave the same ones.
    pub(super) fn are(&self, other: &Self) -> bool {
        same(self.old, other.old) && same(self.new, other.new)
    }
}

fn same(a: Answer<'_>, b: Answer<'_>) -> bool {
    match (a, b) {
        (Answer::NoRoute, Answer::NoRoute) | (Answer::MethodNotAllowed, Answer::MethodNotAllowed) => true,
        (Answer::Found(a), Answer::Found(b)) => std::ptr::eq(a.route, b.route),
        (Answer::NoRoute | Answer::MethodNotAllowed | Answer::Found(_), _) => false,
    }
}

impl Cell<'_> {
    /// Methods, host and template: that of the route that decides now, else of the one that did.
    pub(super) fn subject(&self) -> String {
        let host = match &self.host {
            HostPattern::Any => "",
            HostPattern::Exact(name) => name,
        };
        let path = self.template().map_or_else(|| self.path.text(), |template| template.text.clone());
        format!("{} {host}{path}", self.methods())
    }

    fn template(&self) -> Option<&PathTemplate> {
        match (self.answers.new, self.answers.old) {
            (Answer::Found(entry), _) | (_, Answer::Found(entry)) => Some(&entry.route.template),
            (Answer::NoRoute | Answer::MethodNotAllowed, Answer::NoRoute | Answer::MethodNotAllowed) => None,
        }
    }

    fn methods(&self) -> String {
        if METHODS.iter().all(|method| self.methods.contains(method)) {
            return "*".into();
        }
        let with_get = |method: &&&str| **method == "HEAD" && self.methods.contains("GET");
        let shown: Vec<_> = METHODS.iter().filter(|m| self.methods.contains(*m)).filter(|m| !with_get(m)).collect();
        shown.iter().map(|method| if **method == OTHER { "any other" } else { method }).collect::<Vec<_>>().join(",")
    }

    /// A path that shows it, where the template alone does not.
    pub(super) fn example(&self) -> Option<String> {
        self.template().filter(|template| !self.path.is_plain(template)).map(|_| self.path.text())
    }
}
