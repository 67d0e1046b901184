//! Grants: what a user allowed a client, and every way to come by tokens.

pub(crate) mod code;
pub(crate) mod credentials;
pub(crate) mod device;
pub(crate) mod exchange;
pub(crate) mod refresh;

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    accounts::{Session, UserId},
    clients::{Client, ClientId},
    identity::Server,
    problem::{Answer, Code, Problem},
    settings::MAX_ACCESS_TOKEN,
    tokens::{Mark, Subject},
};

/// Id of a grant: 128 random bits in hexadecimal. The claim `grant` of tokens, and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(pub String);

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a user allowed a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Who allowed it.
    pub user: UserId,
    /// Which client.
    pub client: ClientId,
    /// The session that it ends with; none where the client may come back without the user (`offline_access`).
    pub session: Option<String>,
    /// What for.
    pub scopes: BTreeSet<String>,
    /// At which APIs (RFC 8707).
    pub resources: Vec<String>,
    /// Unix seconds.
    pub created: u64,
    /// Unix seconds from which nothing is given under it.
    pub expires: u64,
    /// When it was revoked, in Unix seconds.
    pub revoked: Option<u64>,
    /// How the user had authenticated.
    pub(crate) facts: Facts,
}

/// How a user authenticated, as tokens say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) sid: String,
    pub(crate) auth_time: u64,
    pub(crate) acr: String,
    pub(crate) amr: Vec<String>,
}

impl Facts {
    pub(crate) fn of(session: &Session) -> Self {
        Self {
            sid: session.id.as_str().to_owned(),
            auth_time: session.authenticated_at,
            acr: session.acr.name().to_owned(),
            amr: session.amr.iter().map(|amr| amr.name().to_owned()).collect(),
        }
    }
}

impl Grant {
    /// Whether anything may be given under it.
    pub(crate) fn is_live(&self, now: u64) -> bool {
        self.revoked.is_none() && now < self.expires
    }
}

impl Server {
    /// What a client may ask for: scopes that it has, and that the server knows. None asked for is an empty set.
    pub(crate) fn granted_scopes(&self, client: &Client, asked: Option<&str>) -> Answer<BTreeSet<String>> {
        let asked = crate::scopes::read(asked.unwrap_or_default())?;
        let allowed = |scope: &String| client.scopes.contains(scope) && self.settings.knows_scope(scope);
        if asked.iter().all(allowed) {
            Ok(asked)
        } else {
            Err(Problem::new(Code::InvalidScope, "the client may not ask for one of the scopes"))
        }
    }

    /// The APIs that tokens are for (RFC 8707 §2): those asked for, or all that the client may use.
    pub(crate) fn granted_resources<'a>(
        &self,
        client: &Client,
        asked: impl Iterator<Item = &'a str>,
    ) -> Answer<Vec<String>> {
        let allowed: Vec<&String> = if client.resources.is_empty() {
            self.settings.resources.iter().collect()
        } else {
            self.settings.resources.iter().filter(|known| client.resources.contains(known)).collect()
        };
        let mut granted: Vec<String> = Vec::new();
        for asked in asked {
            // Also a repeated one is one.
            match allowed.iter().find(|known| known.as_str() == asked) {
                Some(_) if granted.iter().any(|known| known == asked) => {}
                Some(known) => granted.push((*known).clone()),
                None => return Err(Problem::new(Code::InvalidTarget, "the client may not use one of the resources")),
            }
        }
        if granted.is_empty() { Ok(allowed.into_iter().cloned().collect()) } else { Ok(granted) }
    }

    /// Ends a grant with everything that was issued under it; says whether it was live.
    pub(crate) async fn revoke_grant(&self, id: &GrantId) -> Result<bool, store::StoreError> {
        let now = self.clock.now();
        let mark = mark(now);
        let revoked = self.database.revoke_grant(id, mark, now).await?;
        self.revocations.add(Subject::Grant(id.0.clone()), mark);
        Ok(revoked)
    }
}

/// The mark of everything that was issued until now.
pub(crate) fn mark(now: u64) -> Mark {
    // A minute more than any token lives: clocks of others may be behind.
    Mark { until: now, expires: now + MAX_ACCESS_TOKEN.as_secs() + 60 }
}
