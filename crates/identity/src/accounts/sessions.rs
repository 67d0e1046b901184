//! Sessions as operators see and end them.

use serde::{Deserialize, Serialize};

use super::{AccountError, Event, EventKind, SessionId, UserId};
use crate::{
    Identity,
    grants::mark,
    store::{
        events::put_event,
        sessions::{end_what_was_given, take_session, take_sessions},
    },
};

/// Where a user is logged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// The session's id, the `sid` of its tokens.
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    /// Unix seconds, to the minute.
    pub last_seen: u64,
    /// From where.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
}

impl Identity {
    /// Where a user is logged in, the last one seen first.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionSummary>, AccountError> {
        let listed = self.0.database.sessions_of(user, self.0.clock.now()).await?;
        let told = listed.into_iter().map(|one| SessionSummary {
            id: one.id.0,
            created: one.created,
            last_seen: one.last_seen,
            address: one.address,
            agent: one.agent,
        });
        Ok(told.collect())
    }

    /// Ends one session of a user, or all, with the tokens that came of them; says how many there were.
    ///
    /// # Errors
    /// The user has no such session, or the database does not answer.
    pub async fn end_sessions(&self, user: &UserId, one: Option<&SessionId>) -> Result<usize, AccountError> {
        let now = self.0.clock.now();
        let mut write = self.0.database.write().await?;
        let ended = match one {
            None => take_sessions(&mut write, user, None).await?,
            Some(id) if take_session(&mut write, user, id).await? => vec![id.clone()],
            Some(id) => return Err(AccountError::NoSession(id.to_string())),
        };
        for id in &ended {
            end_what_was_given(&mut write, id, mark(now)).await?;
        }
        let (user, kind) = (Some(user.clone()), EventKind::SessionRevoked);
        let event = Event { at: now, kind, user, address: String::new(), detail: String::new() };
        put_event(&mut write, &event).await?;
        write.commit().await.map_err(store::StoreError::from)?;
        let count = ended.len();
        self.0.sessions_ended(ended, now);
        Ok(count)
    }
}
