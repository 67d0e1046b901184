//! The embedded database: opened, protected, migrated.

use std::{path::Path, time::Duration};

use sqlx::{
    SqlitePool,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{error::StoreError, files};

const DATABASE: &str = "portcullis.db";
/// Readers do not wait for each other in WAL mode; more than these only cost memory.
const CONNECTIONS: u32 = 4;
/// How long a writer waits for another one, in this process or another.
const BUSY: Duration = Duration::from_secs(5);

/// The store. Cheap to clone; all clones share one pool.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) pool: SqlitePool,
}

impl Store {
    /// Makes the folder and the file that [`Self::open`] needs where there are none.
    pub fn prepare(dir: &Path) -> Result<(), StoreError> {
        files::prepare(dir, DATABASE).map(|_| ())
    }

    /// Opens the database in `dir`, making the folder (0700) and the file (0600) where there are none, and brings its
    /// schema up to date.
    pub async fn open(dir: &Path) -> Result<Self, StoreError> {
        let pool = open_database(dir, DATABASE, CONNECTIONS).await?;
        sqlx::migrate!("./migrations").run(&pool).await?;
        Ok(Self { pool })
    }

    /// Closes all connections, which also folds the write-ahead log into the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Opens a database file of its own in the data folder, for a part of the product that keeps its own schema: made and
/// protected like the store, durable at each commit.
///
/// Of several connections that write, those that find another at it look again after milliseconds that grow. Who writes
/// often does it with one connection, for which tasks wait in turn.
pub async fn open_database(dir: &Path, name: &str, connections: u32) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(files::prepare(dir, name)?)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode only FULL syncs at each commit: an acknowledged revocation must survive a power cut.
        .synchronous(SqliteSynchronous::Full)
        // What is deleted gives its pages back in small steps, where a database asks for them.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .foreign_keys(true)
        .busy_timeout(BUSY);
    let pool = SqlitePoolOptions::new().max_connections(connections).acquire_timeout(BUSY);
    Ok(pool.connect_with(options).await?)
}
