//! What happened to accounts.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::{
    Database,
    cleanup::{Removal, rows},
    seconds, time,
};
use crate::accounts::{Event, EventKind, UserId};

/// Events are kept for 90 days, and never more than these.
const KEPT: u64 = 90 * 86_400;
const MOST_KEPT: i64 = 1_000_000;

impl Database {
    /// Notes an event by itself.
    pub(crate) async fn note_event(&self, event: &Event) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        put_event(&mut write, event).await?;
        Ok(write.commit().await?)
    }

    /// A user's last events, the newest first.
    pub(crate) async fn events_of(&self, user: &UserId, most: u32) -> Result<Vec<Event>, StoreError> {
        let query = "SELECT at, kind, user, address, detail FROM event WHERE user = $1 ORDER BY id DESC LIMIT $2";
        let rows: Vec<(i64, String, Option<String>, String, String)> =
            sqlx::query_as(query).bind(&user.0).bind(most).fetch_all(&self.pool).await?;
        // A kind that this version does not know is left out.
        let read = |(at, kind, user, address, detail): (i64, String, Option<String>, String, String)| {
            let kind = EventKind::parse(&kind)?;
            Some(Event { at: time(at), kind, user: user.and_then(|id| UserId::parse(&id)), address, detail })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Removes what has expired of accounts, `batch` rows at a time; how many rows went.
    pub(crate) async fn clean_accounts(&self, batch: u32, now: u64) -> Result<u64, StoreError> {
        const EXPIRING: [Removal; 5] = [
            rows!("session", "digest"),
            rows!("login_step", "digest"),
            rows!("known_device", "id"),
            rows!("invitation", "digest"),
            rows!("throttle", "key"),
        ];
        const OLD: Removal = rows!("event", "id", "at <= $1");
        const TOO_MANY: Removal = rows!("event", "id", "id <= (SELECT max(id) FROM event) - $1");
        let mut removed = self.remove_each(&EXPIRING, seconds(now), batch).await?;
        removed += self.remove_each(&[OLD], seconds(now.saturating_sub(KEPT)), batch).await?;
        removed += self.remove_each(&[TOO_MANY], MOST_KEPT, batch).await?;
        Ok(removed)
    }
}

/// Notes an event as a part of a transaction.
pub(crate) async fn put_event(write: &mut Transaction<'_, Sqlite>, event: &Event) -> Result<(), StoreError> {
    let add = "INSERT INTO event (at, kind, user, address, detail) VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(add).bind(seconds(event.at)).bind(event.kind.name());
    let query = query.bind(event.user.as_ref().map(UserId::as_str)).bind(&event.address).bind(&event.detail);
    query.execute(&mut **write).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: u64 = 1_000_000_000;

    async fn database() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path()).await.unwrap();
        let fill = "INSERT INTO user (id, name, display_name, email_verified, roles, handle, created) \
                    VALUES ('u', 'anna', 'Anna', 0, '', zeroblob(32), 0)";
        sqlx::query(fill).execute(&database.pool).await.unwrap();
        (folder, database)
    }

    /// Adds `count` throttled keys and as many events that are over, and one of each that is not.
    async fn fill(database: &Database, count: u32) {
        for (number, expires) in (0..count).map(|number| (number, NOW)).chain([(count, NOW + 1)]) {
            let add = "INSERT INTO throttle (key, failures, until, expires) VALUES ($1, 1, 0, $2)";
            let mut key = [0_u8; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            sqlx::query(add).bind(key.as_slice()).bind(seconds(expires)).execute(&database.pool).await.unwrap();
            let event = Event {
                at: expires - KEPT,
                kind: EventKind::LoggedIn,
                user: None,
                address: String::new(),
                detail: String::new(),
            };
            database.note_event(&event).await.unwrap();
        }
    }

    async fn count(database: &Database, table: &'static str) -> i64 {
        let query = format!("SELECT count(*) FROM {table}");
        sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_one(&database.pool).await.unwrap()
    }

    #[tokio::test]
    async fn what_has_expired_goes_in_batches_and_what_has_not_stays() {
        let (_folder, database) = database().await;
        fill(&database, 7).await;
        assert_eq!(database.clean_accounts(5, NOW).await.unwrap(), 14);
        assert_eq!(database.clean_accounts(5, NOW).await.unwrap(), 0);
        assert_eq!((count(&database, "throttle").await, count(&database, "event").await), (1, 1));
    }

    #[tokio::test]
    async fn no_table_is_read_through_to_find_what_has_expired() {
        let (_folder, database) = database().await;
        for table in ["session", "login_step", "known_device", "invitation", "throttle"] {
            let query = format!("EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE expires <= 1 LIMIT 5");
            let plan: Vec<(i64, i64, i64, String)> =
                sqlx::query_as(sqlx::AssertSqlSafe(query)).fetch_all(&database.pool).await.unwrap();
            assert!(
                plan.iter().all(|(.., step)| step.starts_with("SEARCH") && step.contains("INDEX")),
                "{table}: {plan:?}"
            );
        }
    }
}
