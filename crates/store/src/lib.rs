//! What outlives a process: API keys in an embedded `SQLite` database.
//!
//! A key is shown once, when it is made ([`Store::create_key`], [`Store::roll_key`]); the database holds its SHA-256,
//! which is enough for 256 random bits. Every write is durable when it returns (WAL, `synchronous=FULL`), so a
//! revocation that was acknowledged survives the death of the process. Revocations also bump a counter in the same
//! transaction ([`Store::change_counter`]), by which other processes notice them.
//!
//! [`token_text`] is the text form of keys and other secrets that are looked up. It carries a checksum, so junk is
//! refused without a look-up; [`api_key`] is that of API keys. [`open_database`] opens a file for another part's schema.

pub mod api_key;
mod base62;
mod crc32;
mod error;
mod files;
mod keys;
mod record;
mod sqlite;
pub mod token_text;

pub use error::StoreError;
pub use record::{DEFAULT_LIFETIME, KeyChange, KeyId, KeyRecord, MAX_LIFETIME, NewKey};
pub use sqlite::{Store, open_database};
