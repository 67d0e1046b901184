//! Access tokens that are dead before they expire.
//!
//! Nothing is stored of a token that is issued. What is stored is what was revoked, until the last token that it can mean
//! has expired anyway; that is little, and is kept in memory by everyone who checks tokens.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use jose::jwt::Claims;

/// What a mark is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One token, by its `jti`.
    Token(String),
    /// Everything issued under a grant.
    Grant(String),
    /// Everything issued in a session.
    Session(String),
    /// Everything issued to a client.
    Client(String),
    /// Everything issued for a user.
    User(String),
}

/// What is dead of it, and for how long that must be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Tokens issued up to this second.
    pub until: u64,
    /// From this second on no such token would be valid anyway.
    pub expires: u64,
}

impl Subject {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Grant(_) => "grant",
            Self::Session(_) => "session",
            Self::Client(_) => "client",
            Self::User(_) => "user",
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Token(name) | Self::Grant(name) | Self::Session(name) | Self::Client(name) | Self::User(name) => name,
        }
    }

    pub(crate) fn read(kind: &str, name: String) -> Option<Self> {
        match kind {
            "token" => Some(Self::Token(name)),
            "grant" => Some(Self::Grant(name)),
            "session" => Some(Self::Session(name)),
            "client" => Some(Self::Client(name)),
            "user" => Some(Self::User(name)),
            _ => None,
        }
    }
}

/// The marks in force.
#[derive(Debug, Default)]
pub struct Revocations {
    marks: RwLock<HashMap<Subject, Mark>>,
    epoch: AtomicU64,
}

impl Revocations {
    /// Moves with every change: as long as it stays, what was judged stays so.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Whether a token with these claims is dead. Claims that are of another form than ours are.
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        let Some(issued) = claims.issued_at else { return true };
        let text = |name: &str| claims.all.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let Some(origins) = origins(claims) else { return true };
        let subjects = [
            claims.id.clone().map(Subject::Token),
            text("grant").map(Subject::Grant),
            text("sid").map(Subject::Session),
            claims.client_id.clone().map(Subject::Client),
            claims.subject.clone().map(Subject::User),
        ];
        let marks = self.marks.read().unwrap_or_else(PoisonError::into_inner);
        if marks.is_empty() {
            return false;
        }
        subjects
            .into_iter()
            .flatten()
            .chain(origins)
            .any(|subject| marks.get(&subject).is_some_and(|mark| issued <= mark.until))
    }

    /// Puts a mark in force at once.
    pub(crate) fn add(&self, subject: Subject, mark: Mark) {
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        let known = marks.entry(subject).or_insert(mark);
        known.until = known.until.max(mark.until);
        known.expires = known.expires.max(mark.expires);
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Adds what the database held when it was read, and forgets what has expired. What was added since then stays: a mark
    /// only ever goes with time.
    pub(crate) fn merge(&self, all: Vec<(Subject, Mark)>, now: u64) {
        let mut marks = self.marks.write().unwrap_or_else(PoisonError::into_inner);
        marks.retain(|_, mark| mark.expires > now);
        let mut moved = false;
        for (subject, mark) in all {
            let known = marks.get(&subject).copied();
            let most = known.map_or(mark, |known| Mark {
                until: known.until.max(mark.until),
                expires: known.expires.max(mark.expires),
            });
            moved |= known != Some(most);
            marks.insert(subject, most);
        }
        if moved {
            self.epoch.fetch_add(1, Ordering::Release);
        }
    }
}

/// What a token that was exchanged came of (the claim `exchanged`): tokens and the clients that they were given to. `None` if
/// the claim is of another form than ours.
fn origins(claims: &Claims) -> Option<Vec<Subject>> {
    let Some(listed) = claims.all.get("exchanged") else { return Some(Vec::new()) };
    let mut subjects = Vec::new();
    for origin in listed.as_array()? {
        let text = |name: &str| origin.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        subjects.push(Subject::Token(text("jti")?));
        subjects.push(Subject::Client(text("client_id")?));
    }
    Some(subjects)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(issued: u64) -> Claims {
        let all = json!({ "grant": "g", "sid": "s" });
        Claims {
            issuer: "https://id.example.com".into(),
            subject: Some("u".into()),
            audience: Vec::new(),
            expires: issued + 600,
            not_before: None,
            issued_at: Some(issued),
            id: Some("t".into()),
            client_id: Some("c".into()),
            scopes: Vec::new(),
            all: all.as_object().cloned().unwrap_or_default(),
        }
    }

    #[test]
    fn a_mark_hits_what_was_issued_up_to_its_moment() {
        let subjects = [
            Subject::Token("t".into()),
            Subject::Grant("g".into()),
            Subject::Session("s".into()),
            Subject::Client("c".into()),
            Subject::User("u".into()),
        ];
        for subject in subjects {
            let revocations = Revocations::default();
            assert!(!revocations.is_revoked(&claims(100)));
            let before = revocations.epoch();
            revocations.add(subject.clone(), Mark { until: 100, expires: 1_000 });
            assert!(revocations.is_revoked(&claims(100)), "{subject:?}");
            assert!(!revocations.is_revoked(&claims(101)), "{subject:?}");
            assert_ne!(revocations.epoch(), before);
        }
    }

    #[test]
    fn what_was_added_while_the_database_was_read_stays_until_it_expires() {
        let revocations = Revocations::default();
        let mark = Mark { until: 100, expires: 1_000 };
        revocations.add(Subject::Token("t".into()), mark);
        let before = revocations.epoch();
        revocations.merge(Vec::new(), 999);
        assert!(revocations.is_revoked(&claims(100)));
        assert_eq!(revocations.epoch(), before);
        revocations.merge(vec![(Subject::Grant("g".into()), mark)], 999);
        assert_ne!(revocations.epoch(), before, "whoever caches looks again");
        revocations.merge(Vec::new(), 1_000);
        assert!(!revocations.is_revoked(&claims(100)), "no such token is valid any more");
    }

    #[test]
    fn a_token_that_was_exchanged_dies_with_what_it_came_of() {
        let mut exchanged = claims(100);
        let origins = json!([{ "jti": "first", "client_id": "app" }, { "jti": "second", "client_id": "api" }]);
        exchanged.all.insert("exchanged".into(), origins);
        for name in ["first", "second"] {
            let revocations = Revocations::default();
            revocations.add(Subject::Token(name.into()), Mark { until: 100, expires: 1_000 });
            assert!(revocations.is_revoked(&exchanged), "{name}");
            assert!(!revocations.is_revoked(&claims(100)));
        }
        let revocations = Revocations::default();
        revocations.add(Subject::Client("app".into()), Mark { until: 100, expires: 1_000 });
        assert!(revocations.is_revoked(&exchanged));
        exchanged.all.insert("exchanged".into(), json!([{ "jti": 1, "client_id": "app" }]));
        assert!(Revocations::default().is_revoked(&exchanged), "of another form than ours");
    }

    #[test]
    fn names_of_one_kind_do_not_hit_another() {
        let revocations = Revocations::default();
        revocations.add(Subject::User("c".into()), Mark { until: 100, expires: 1_000 });
        assert!(!revocations.is_revoked(&claims(100)));
    }
}
