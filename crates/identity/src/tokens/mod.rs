//! Tokens: what they say, how they are made, and how they end.

mod revocations;

pub use revocations::{Mark, Revocations, Subject};
