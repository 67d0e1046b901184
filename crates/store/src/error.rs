//! What can go wrong with the store.

use std::{io, path::PathBuf};

use crate::{record::KeyId, token_text::NoRandomness};

/// Why the store did not do what it was asked for. Whatever it is, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data folder or the database file could not be made or protected.
    #[error("{path}: {source}")]
    Files {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others may write to the data folder, so they could replace the database.
    #[error("{path}: others may write to the data folder (mode {mode:o}); run `chmod go-w` on it")]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The database did not answer, is damaged or is full.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database is of another version than this program.
    #[error("database schema: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// A row holds what this program never writes.
    #[error("the database holds a row that cannot be read: {0}")]
    Corrupt(String),
    /// There is no such key.
    #[error("there is no key {0}; `portcullis key list` shows them all")]
    UnknownKey(KeyId),
    /// The key has expired or was revoked, so it cannot be rolled or changed.
    #[error("key {0} is expired or revoked; create a new one instead")]
    NotLive(KeyId),
    /// The owner or the name is empty, too long or holds control characters.
    #[error("the {field} of a key has 1 to {max} characters and no control characters")]
    InvalidLabel {
        /// `owner` or `name`.
        field: &'static str,
        /// Longest length in characters.
        max: usize,
    },
    /// A scope is not a scope token (RFC 6749 §3.3).
    #[error("`{0}` is not a scope: printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3)")]
    InvalidScope(String),
    /// A role with white space in it, or none.
    #[error("`{0}` is not the name of a role that a key can have: 1 to 128 characters without white space")]
    InvalidRole(String),
    /// The lifetime is zero or too long.
    #[error("a key lives for at least 1 second and at most {max_days} days")]
    InvalidLifetime {
        /// The longest lifetime in days.
        max_days: u64,
    },
    /// A time is beyond what the database can hold.
    #[error("the clock shows a time that cannot be stored")]
    InvalidTime,
    /// No key was made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}
