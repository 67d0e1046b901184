//! Who is to be told of the end of a session, and what was not told yet.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::{Database, seconds};
use crate::{accounts::SessionId, clients::ClientId, grants::Grant};

/// Seconds after which a notice is given up.
const GIVEN_UP: u64 = 3 * 3_600;
/// Seconds that a notice is left to who took it: longer than any try takes.
const LEASE: u64 = 60;
/// Notices of one client that are tried at once.
const OF_ONE_CLIENT: u32 = 4;

/// The end of a session that a client is to be told of.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Notice {
    id: i64,
    pub(crate) session: String,
    client: String,
    pub(crate) user: String,
    /// How often it was tried, with this time.
    pub(crate) tries: i64,
}

impl Notice {
    pub(crate) fn client(&self) -> ClientId {
        ClientId(self.client.clone())
    }
}

impl Database {
    /// Takes notices that are due, at most `most`. Whoever takes one must end or postpone it; it is due again by itself
    /// when that does not happen.
    pub(crate) async fn take_notices(&self, most: u32, now: u64) -> Result<Vec<Notice>, StoreError> {
        // Most of the time there are none, and nobody is kept from writing.
        let due = "SELECT count(*) FROM (SELECT 1 FROM logout_notice WHERE due <= $1 LIMIT 1)";
        let due: i64 = sqlx::query_scalar(due).bind(seconds(now)).fetch_one(&self.pool).await?;
        if due == 0 {
            return Ok(Vec::new());
        }
        let take = "UPDATE logout_notice SET tries = tries + 1, due = $2 WHERE id IN ( \
                    SELECT id FROM (SELECT id, due, row_number() OVER (PARTITION BY client ORDER BY due, id) AS place \
                    FROM logout_notice WHERE due <= $1 AND expires > $1) WHERE place <= $3 ORDER BY due, id LIMIT $4) \
                    RETURNING id, session, client, user, tries";
        let query = sqlx::query_as(take).bind(seconds(now)).bind(seconds(now + LEASE));
        Ok(query.bind(OF_ONE_CLIENT).bind(most).fetch_all(&self.writer).await?)
    }

    /// A notice is over.
    pub(crate) async fn end_notice(&self, notice: &Notice) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM logout_notice WHERE id = $1").bind(notice.id).execute(&self.writer).await?;
        Ok(())
    }

    /// A client did not take a notice: it is tried again at `due`, and others of the client not before.
    pub(crate) async fn postpone_notice(&self, notice: &Notice, due: u64) -> Result<(), StoreError> {
        let postpone = "UPDATE logout_notice SET due = CASE id WHEN $2 THEN $3 ELSE max(due, $3) END WHERE client = $1";
        let query = sqlx::query(postpone).bind(&notice.client).bind(notice.id).bind(seconds(due));
        query.execute(&self.writer).await?;
        Ok(())
    }
}

/// Puts down that a client was given tokens in a session, as a part of the transaction that gives them. If the session has
/// ended meanwhile, the client is told of that.
pub(crate) async fn put_session_client(
    write: &mut Transaction<'_, Sqlite>,
    grant: &Grant,
    expires: u64,
    now: u64,
) -> Result<(), StoreError> {
    let session = &grant.facts.sid;
    let put = "INSERT INTO session_client (session, client, user, expires) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (session, client) DO UPDATE SET expires = max(expires, excluded.expires)";
    let query = sqlx::query(put).bind(session).bind(&grant.client.0).bind(grant.user.as_str());
    query.bind(seconds(expires)).execute(&mut **write).await?;
    let lives: i64 =
        sqlx::query_scalar("SELECT count(*) FROM session WHERE id = $1").bind(session).fetch_one(&mut **write).await?;
    if lives == 0 { put_notices(write, session, now).await } else { Ok(()) }
}

/// A session goes on after another login: its clients are remembered for as long.
pub(crate) async fn keep_session_clients(
    write: &mut Transaction<'_, Sqlite>,
    session: &SessionId,
    expires: u64,
) -> Result<(), StoreError> {
    let keep = "UPDATE session_client SET expires = max(expires, $2) WHERE session = $1";
    sqlx::query(keep).bind(session.as_str()).bind(seconds(expires)).execute(&mut **write).await?;
    Ok(())
}

/// Puts down that the clients of a session are to be told of its end, as a part of the transaction that ends it.
pub(crate) async fn put_notices(
    write: &mut Transaction<'_, Sqlite>,
    session: &str,
    now: u64,
) -> Result<(), StoreError> {
    let put = "INSERT INTO logout_notice (session, client, user, due, expires) \
               SELECT session, client, user, $2, $3 FROM session_client WHERE session = $1";
    let query = sqlx::query(put).bind(session).bind(seconds(now)).bind(seconds(now + GIVEN_UP));
    query.execute(&mut **write).await?;
    sqlx::query("DELETE FROM session_client WHERE session = $1").bind(session).execute(&mut **write).await?;
    Ok(())
}
