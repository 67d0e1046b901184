//! What a new configuration lets through that an old one did not, and the reverse.
//!
//! Nothing is guessed from the text of the files. For each host that either file names, and for every other one,
//! [`crate::routing`] finds one path of each class that the templates of both files can tell apart. For each of them, each
//! method and each kind of caller (`callers`), both files decide by the gateway's precedence. Only decisions that
//! differ are told. Where both let a caller in, the rules around the decision are compared: the issuer's, the body's,
//! rate limits, the upstream. Listeners, trusted proxies and global limits are compared by themselves.

mod anchors;
mod callers;
mod cell;
mod issuers;
mod limits;
mod listeners;
mod reasons;
mod routes;
mod upstreams;

use std::fmt;

use crate::Config;

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
    let mut changes = routes::compare(old, new);
    changes.extend(listeners::compare(old, new));
    changes.extend(limits::global(&old.limits, &new.limits));
    changes.sort();
    changes.dedup();
    changes
}
