//! The tables, a file a concept. Every write that must not be lost or done twice is one transaction.

mod cleanup;
pub(crate) mod clients;
pub(crate) mod device_codes;
pub(crate) mod devices;
pub(crate) mod events;
pub(crate) mod external;
pub(crate) mod factors;
pub(crate) mod grants;
pub(crate) mod keys;
pub(crate) mod logouts;
mod opaque;
mod pushed;
mod registrations;
pub(crate) mod revocations;
pub(crate) mod sessions;
pub(crate) mod throttle;
pub(crate) mod used;
pub(crate) mod user_grants;
pub(crate) mod users;

use std::path::Path;

use sqlx::{Sqlite, SqlitePool, Transaction};
use store::StoreError;

/// The database file in the data folder.
pub const DATABASE: &str = "identity.sqlite";

/// Readers do not wait for anybody (WAL); more of them only cost memory.
const READERS: u32 = 4;

/// The authorization server's database. Cheap to clone; all clones share its connections.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) pool: SqlitePool,
    /// One connection, which those who write wait for in turn.
    pub(crate) writer: SqlitePool,
}

impl Database {
    /// Opens the database in a data folder and brings its schema up to date.
    pub(crate) async fn open(data: &Path) -> Result<Self, StoreError> {
        let writer = store::open_database(data, DATABASE, 1).await?;
        sqlx::migrate!("./migrations").run(&writer).await?;
        let pool = store::open_database(data, DATABASE, READERS).await?;
        Ok(Self { pool, writer })
    }

    /// Closes all connections, which also folds the write-ahead log into the file.
    pub(crate) async fn close(&self) {
        self.pool.close().await;
        self.writer.close().await;
    }

    /// Takes the write lock at once: a transaction that starts by reading can fail when it comes to write.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A number that differs after every change that running servers must see at once.
    pub(crate) async fn change_counter(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar("SELECT counter FROM change WHERE only = 1").fetch_one(&self.pool).await?)
    }
}

/// Tells other processes to look again, in the transaction of what they are to see.
pub(crate) async fn count_change(write: &mut Transaction<'_, Sqlite>) -> Result<(), StoreError> {
    sqlx::query("UPDATE change SET counter = counter + 1 WHERE only = 1").execute(&mut **write).await?;
    Ok(())
}

/// Seconds as `SQLite` keeps them.
pub(crate) fn seconds(time: u64) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

/// Seconds as they are kept.
pub(crate) fn time(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0)
}

/// A row that this program never writes.
pub(crate) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}
