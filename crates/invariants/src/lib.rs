//! What must hold of any bytes that a stranger sends, or that a file holds.
//!
//! One module for each reader of such bytes. Its `hold` takes any bytes and panics where a promise is broken. `fuzz/`
//! runs each of them under libFuzzer for as long as one likes (`cargo xtask fuzz`); `tests/corpora.rs` runs them over
//! the same seeds and over random changes to them, in every run of the tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]

pub mod api_key;
pub mod canonical;
pub mod configuration;
pub mod framing;
pub mod jwk_set;
pub mod jwt;
pub mod proxy_header;

/// What must hold: it panics where it does not.
pub type Hold = fn(&[u8]);

/// All of them, by the names of their corpora.
pub const ALL: [(&str, Hold); 7] = [
    ("api_key", api_key::hold),
    ("canonical", canonical::hold),
    ("configuration", configuration::hold),
    ("framing", framing::hold),
    ("jwk_set", jwk_set::hold),
    ("jwt", jwt::hold),
    ("proxy_header", proxy_header::hold),
];
