//! Removing what has expired, a little at a time: a batch is a short transaction, so that nobody waits for it.

use store::StoreError;

use super::{Database, events::clean_accounts, seconds, time};

/// What expires, with the rows that go with it by themselves after it.
const EXPIRING: [&str; 13] = [
    "DELETE FROM code WHERE digest IN (SELECT digest FROM code WHERE expires <= $1 LIMIT $2)",
    "DELETE FROM refresh WHERE digest IN (SELECT digest FROM refresh WHERE expires <= $1 LIMIT $2)",
    "DELETE FROM pushed WHERE digest IN (SELECT digest FROM pushed WHERE expires <= $1 LIMIT $2)",
    "DELETE FROM device WHERE digest IN (SELECT digest FROM device WHERE expires <= $1 LIMIT $2)",
    "DELETE FROM opaque WHERE digest IN (SELECT digest FROM opaque WHERE expires <= $1 LIMIT $2)",
    "DELETE FROM used_once WHERE digest IN (SELECT digest FROM used_once WHERE expires <= $1 LIMIT $2)",
    "DELETE FROM client_secret WHERE digest IN (SELECT digest FROM client_secret WHERE expires <= $1 LIMIT $2)",
    "DELETE FROM registration_token WHERE digest IN \
     (SELECT digest FROM registration_token WHERE expires <= $1 LIMIT $2)",
    "DELETE FROM revocation WHERE (kind, subject) IN (SELECT kind, subject FROM revocation WHERE expires <= $1 LIMIT $2)",
    "DELETE FROM session_client WHERE (session, client) IN \
     (SELECT session, client FROM session_client WHERE expires <= $1 LIMIT $2)",
    "DELETE FROM logout_notice WHERE id IN (SELECT id FROM logout_notice WHERE expires <= $1 LIMIT $2)",
    // Of clients that nobody registered; those that an operator shut out stay so.
    "DELETE FROM client WHERE id IN (SELECT id FROM client WHERE expires <= $1 AND disabled = 0 LIMIT $2)",
    "DELETE FROM user_grant WHERE id IN (SELECT id FROM user_grant WHERE expires <= $1 LIMIT $2)",
];

/// The tables that grow with every request, for the age of the oldest row that should be gone.
const GROWING: [&str; 5] = [
    "SELECT min(expires) FROM refresh",
    "SELECT min(expires) FROM opaque",
    "SELECT min(expires) FROM used_once",
    "SELECT min(expires) FROM user_grant",
    "SELECT min(expires) FROM session_client",
];

impl Database {
    /// Removes at most `batch` rows of each table that expired by `now`; how many rows went.
    pub(crate) async fn clean(&self, batch: u32, now: u64) -> Result<u64, StoreError> {
        // Each statement by itself would have whoever writes wait anew.
        let mut write = self.write().await?;
        let mut removed = 0;
        for delete in EXPIRING {
            removed += sqlx::query(delete).bind(seconds(now)).bind(batch).execute(&mut *write).await?.rows_affected();
        }
        removed += clean_accounts(&mut write, batch, now).await?;
        write.commit().await?;
        if removed > 0 {
            // Gives pages back to the file system, a few with each batch: about as many as it may have freed.
            sqlx::query("PRAGMA incremental_vacuum(64)").execute(&self.pool).await?;
        }
        Ok(removed)
    }

    /// How long the oldest row that should be gone has been expired, in seconds.
    pub(crate) async fn cleanup_lag(&self, now: u64) -> Result<u64, StoreError> {
        let mut oldest = now;
        for query in GROWING {
            let expires: Option<i64> = sqlx::query_scalar(query).fetch_one(&self.pool).await?;
            oldest = oldest.min(expires.map_or(now, time));
        }
        Ok(now - oldest)
    }
}
