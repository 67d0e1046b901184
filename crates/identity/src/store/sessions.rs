//! Browsers in which somebody is logged in, and those that owe a second factor.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::{
    Database, corrupt, logouts::put_notices, revocations::put_revocation, seconds, time, user_grants::end_all_grants,
    users,
};
use crate::{
    accounts::{Acr, Amr, Session, SessionId, UserId},
    secret::Digest,
    store::users::Account,
    tokens::{Mark, Subject},
};

/// A session's last use is noted this often, in seconds.
const NOTED: u64 = 60;

/// A session to be kept.
pub(crate) struct NewSession<'s> {
    pub(crate) digest: Digest,
    pub(crate) id: &'s SessionId,
    pub(crate) user: &'s UserId,
    pub(crate) acr: Acr,
    pub(crate) amr: &'s [Amr],
    pub(crate) now: u64,
    pub(crate) ends: u64,
    pub(crate) expires: u64,
    pub(crate) address: String,
    pub(crate) agent: &'s str,
}

/// A session as its user sees it in a list.
pub(crate) struct Listed {
    pub(crate) id: SessionId,
    pub(crate) created: u64,
    pub(crate) last_seen: u64,
    pub(crate) address: String,
    pub(crate) agent: String,
}

impl Database {
    /// The live session of a cookie, and notes that it was seen. A disabled user has none.
    pub(crate) async fn session(&self, digest: Digest, idle: u64, now: u64) -> Result<Option<Session>, StoreError> {
        let query = "SELECT session.id AS session, acr, amr, authenticated, last_seen, user.* \
                     FROM session JOIN user ON user.id = session.user \
                     WHERE digest = $1 AND expires > $2 AND disabled = 0";
        let row: Option<Row> =
            sqlx::query_as(query).bind(digest.0.as_slice()).bind(seconds(now)).fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        if time(row.last_seen).saturating_add(NOTED) <= now {
            let touch = "UPDATE session SET last_seen = $2, expires = min(ends, $3) WHERE digest = $1";
            let query = sqlx::query(touch).bind(digest.0.as_slice()).bind(seconds(now));
            query.bind(seconds(now.saturating_add(idle))).execute(&self.writer).await?;
        }
        row.try_into().map(Some)
    }

    /// Where a user is logged in, the last one seen first.
    pub(crate) async fn sessions_of(&self, user: &UserId, now: u64) -> Result<Vec<Listed>, StoreError> {
        let query = "SELECT id, created, last_seen, address, agent FROM session \
                     WHERE user = $1 AND expires > $2 ORDER BY last_seen DESC, id LIMIT 100";
        let rows: Vec<(String, i64, i64, String, String)> =
            sqlx::query_as(query).bind(&user.0).bind(seconds(now)).fetch_all(&self.pool).await?;
        let listed = rows.into_iter().map(|(id, created, last_seen, address, agent)| {
            let id = SessionId::parse(&id).ok_or_else(|| corrupt("session.id"))?;
            Ok(Listed { id, created: time(created), last_seen: time(last_seen), address, agent })
        });
        listed.collect()
    }

    /// Keeps who owes a second factor.
    pub(crate) async fn add_login_step(&self, digest: Digest, user: &UserId, expires: u64) -> Result<(), StoreError> {
        let add = "INSERT INTO login_step (digest, user, expires) VALUES ($1, $2, $3)";
        let query = sqlx::query(add).bind(digest.0.as_slice()).bind(&user.0).bind(seconds(expires));
        query.execute(&self.writer).await?;
        Ok(())
    }

    /// Who owes a second factor.
    pub(crate) async fn login_step(&self, digest: Digest, now: u64) -> Result<Option<UserId>, StoreError> {
        let query = "SELECT user FROM login_step WHERE digest = $1 AND expires > $2";
        let row: Option<String> =
            sqlx::query_scalar(query).bind(digest.0.as_slice()).bind(seconds(now)).fetch_optional(&self.pool).await?;
        row.map(|id| UserId::parse(&id).ok_or_else(|| corrupt("login_step.user"))).transpose()
    }
}

/// Adds a session as a part of a transaction.
pub(crate) async fn put_session(write: &mut Transaction<'_, Sqlite>, new: &NewSession<'_>) -> Result<(), StoreError> {
    let add = "INSERT INTO session (digest, id, user, acr, amr, authenticated, created, last_seen, ends, expires, address, agent) \
               VALUES ($1, $2, $3, $4, $5, $6, $6, $6, $7, $8, $9, $10)";
    let amr: Vec<&str> = new.amr.iter().map(|amr| amr.name()).collect();
    let query = sqlx::query(add).bind(new.digest.0.as_slice()).bind(&new.id.0).bind(&new.user.0).bind(new.acr.name());
    let query = query.bind(amr.join(" ")).bind(seconds(new.now)).bind(seconds(new.ends)).bind(seconds(new.expires));
    query.bind(&new.address).bind(new.agent).execute(&mut **write).await?;
    Ok(())
}

/// Takes a session with this id away, if it is this user's. False if there was none.
pub(crate) async fn take_session(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    id: &SessionId,
) -> Result<bool, StoreError> {
    let delete = "DELETE FROM session WHERE id = $1 AND user = $2";
    let done = sqlx::query(delete).bind(&id.0).bind(&user.0).execute(&mut **write).await?;
    Ok(done.rows_affected() == 1)
}

/// Takes all sessions of a user away but one, and all logins that are under way; the ids of what was taken.
pub(crate) async fn take_sessions(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    but: Option<&SessionId>,
) -> Result<Vec<SessionId>, StoreError> {
    sqlx::query("DELETE FROM login_step WHERE user = $1").bind(&user.0).execute(&mut **write).await?;
    let delete = "DELETE FROM session WHERE user = $1 AND id <> $2 RETURNING id";
    let query = sqlx::query_scalar(delete).bind(&user.0).bind(but.map_or("", SessionId::as_str));
    let ids: Vec<String> = query.fetch_all(&mut **write).await?;
    Ok(ids.into_iter().map(SessionId).collect())
}

/// Ends all that a user has, as a part of a transaction: sessions, and what was given in them and besides. Those sessions.
pub(crate) async fn end_everything(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    mark: Mark,
    now: u64,
) -> Result<Vec<SessionId>, StoreError> {
    let ended = take_sessions(write, user, None).await?;
    end_all_grants(write, user, mark).await?;
    for id in &ended {
        put_notices(write, id.as_str(), now).await?;
    }
    Ok(ended)
}

/// Ends everything that was given in a session, as a part of the transaction that takes the session away: access tokens by
/// a mark, refresh tokens with the grants that end with it. Its clients will be told.
pub(crate) async fn end_what_was_given(
    write: &mut Transaction<'_, Sqlite>,
    id: &SessionId,
    mark: Mark,
) -> Result<(), StoreError> {
    let revoke = "UPDATE user_grant SET revoked = $2 WHERE session = $1 AND revoked IS NULL";
    sqlx::query(revoke).bind(&id.0).bind(seconds(mark.until)).execute(&mut **write).await?;
    put_notices(write, id.as_str(), mark.until).await?;
    put_revocation(write, &Subject::Session(id.0.clone()), mark).await
}

/// Takes a login step away. False if another one was faster.
pub(crate) async fn take_login_step(write: &mut Transaction<'_, Sqlite>, digest: Digest) -> Result<bool, StoreError> {
    let delete = "DELETE FROM login_step WHERE digest = $1";
    let done = sqlx::query(delete).bind(digest.0.as_slice()).execute(&mut **write).await?;
    Ok(done.rows_affected() == 1)
}

#[derive(sqlx::FromRow)]
struct Row {
    session: String,
    acr: String,
    amr: String,
    authenticated: i64,
    last_seen: i64,
    #[sqlx(flatten)]
    user: users::Row,
}

impl TryFrom<Row> for Session {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: SessionId::parse(&row.session).ok_or_else(|| corrupt("session.id"))?,
            user: Account::try_from(row.user)?.user,
            authenticated_at: time(row.authenticated),
            acr: Acr::parse(&row.acr).ok_or_else(|| corrupt("session.acr"))?,
            amr: row.amr.split(' ').filter_map(Amr::parse).collect(),
        })
    }
}
