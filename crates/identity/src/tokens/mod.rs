//! Tokens: what they say, how they are made, and how they end.

mod revocations;
mod verdict;

pub use revocations::{Mark, Revocations, Subject};
pub use verdict::Verdict;
