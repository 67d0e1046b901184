//! Removing what has expired, a little at a time: a batch is a short transaction, so that nobody waits for it.

use std::time::Duration;

use store::StoreError;

use super::{Database, seconds, time};

/// What removes rows of a table: whether any has expired, and the removal of some. Whoever asks keeps nobody from writing.
pub(super) struct Removal {
    pub(super) any: &'static str,
    pub(super) some: &'static str,
}

/// Rows of a table, told by a key and chosen by a condition over `$1`; of them `$2`.
macro_rules! rows {
    ($table:literal, $key:literal, $condition:literal) => {
        $crate::store::cleanup::Removal {
            any: concat!("SELECT EXISTS (SELECT 1 FROM ", $table, " WHERE ", $condition, ")"),
            some: concat!(
                "DELETE FROM ",
                $table,
                " WHERE (",
                $key,
                ") IN (SELECT ",
                $key,
                " FROM ",
                $table,
                " WHERE ",
                $condition,
                " LIMIT $2)"
            ),
        }
    };
    ($table:literal, $key:literal) => {
        rows!($table, $key, "expires <= $1")
    };
}
pub(super) use rows;

/// What expires, with the rows that go with it by themselves after it.
const EXPIRING: [Removal; 13] = [
    rows!("code", "digest"),
    rows!("refresh", "digest"),
    rows!("pushed", "digest"),
    rows!("device", "digest"),
    rows!("opaque", "digest"),
    rows!("used_once", "digest"),
    rows!("client_secret", "digest"),
    rows!("registration_token", "digest"),
    rows!("revocation", "kind, subject"),
    rows!("session_client", "session, client"),
    rows!("logout_notice", "id"),
    // Of clients that nobody registered; those that an operator shut out stay so.
    rows!("client", "id", "expires <= $1 AND disabled = 0"),
    rows!("user_grant", "id"),
];

/// The tables that grow with every request, for the age of the oldest row that should be gone.
const GROWING: [&str; 5] = [
    "SELECT min(expires) FROM refresh",
    "SELECT min(expires) FROM opaque",
    "SELECT min(expires) FROM used_once",
    "SELECT min(expires) FROM user_grant",
    "SELECT min(expires) FROM session_client",
];

/// Time between two batches, in which others write.
const BETWEEN_BATCHES: Duration = Duration::from_millis(3);
/// Batches of one table before others are looked at: to look each time would cost as much as to remove.
const STAY: u32 = 100;
/// Free pages that the file keeps: 4 MiB.
const SPARE_PAGES: i64 = 1_024;

impl Database {
    /// Removes rows of each table that expired by `now`, `batch` of them at a time; how many rows went.
    pub(crate) async fn clean(&self, batch: u32, now: u64) -> Result<u64, StoreError> {
        Ok(self.remove_each(&EXPIRING, seconds(now), batch).await? + self.clean_accounts(batch, now).await?)
    }

    /// Removes rows of some tables by a bound; how many went.
    pub(super) async fn remove_each(&self, tables: &[Removal], bound: i64, batch: u32) -> Result<u64, StoreError> {
        let mut removed = 0;
        for rows in tables {
            removed += self.remove(rows, bound, batch).await?;
        }
        Ok(removed)
    }

    /// Removes rows of a table, a batch in a transaction: whoever writes waits for one batch at the most.
    async fn remove(&self, rows: &Removal, bound: i64, batch: u32) -> Result<u64, StoreError> {
        let mut removed = 0;
        if !sqlx::query_scalar::<_, bool>(rows.any).bind(bound).fetch_one(&self.pool).await? {
            return Ok(removed);
        }
        for _ in 0..STAY {
            let some = sqlx::query(rows.some).bind(bound).bind(batch).execute(&self.writer).await?.rows_affected();
            removed += some;
            if some < u64::from(batch) {
                break;
            }
            tokio::time::sleep(BETWEEN_BATCHES).await;
        }
        Ok(removed)
    }

    /// Gives a few free pages back to the file system, but for those that will be needed soon; whether it did.
    pub(crate) async fn shrink(&self) -> Result<bool, StoreError> {
        let free = self.free_pages().await?;
        if free <= SPARE_PAGES {
            return Ok(false);
        }
        sqlx::query("PRAGMA incremental_vacuum(16)").execute(&self.writer).await?;
        // A file that was not made for it gives nothing back, however often it is asked.
        Ok(self.free_pages().await? < free)
    }

    async fn free_pages(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&self.pool).await?)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000;

    async fn number(database: &Database, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&database.pool).await.unwrap()
    }

    #[tokio::test]
    async fn what_has_expired_goes_and_then_the_file_shrinks_but_for_what_it_will_need() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path()).await.unwrap();
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) \
                    INSERT INTO opaque (digest, claims, expires) SELECT randomblob(32), hex(randomblob(2000)), \
                    iif(i > 50, $1, $1 + 1) FROM n";
        sqlx::query(fill).bind(seconds(NOW)).execute(&database.writer).await.unwrap();
        let before = number(&database, "PRAGMA page_count").await;
        while database.clean(10, NOW).await.unwrap() > 0 {}
        assert_eq!(number(&database, "SELECT count(*) FROM opaque").await, 50, "the live ones stay");
        assert_eq!(number(&database, "PRAGMA page_count").await, before);
        assert!(number(&database, "PRAGMA freelist_count").await > SPARE_PAGES);
        while database.shrink().await.unwrap() {}
        let free = number(&database, "PRAGMA freelist_count").await;
        assert!((SPARE_PAGES - 16..=SPARE_PAGES).contains(&free), "{free} pages are free");
        assert!(number(&database, "PRAGMA page_count").await < before);
    }
}
