//! Tokens: what they say, how they are made, and how they end.

mod access;
mod answer;
mod believe;
mod binding;
mod id_token;
mod replay;
mod revocations;
mod verdict;

pub(crate) use access::{AccessToken, GrantFacts, Issue};
pub(crate) use answer::TokenAnswer;
pub(crate) use binding::Binding;
pub use binding::certificate_thumbprint;
pub(crate) use id_token::claims_about;
pub(crate) use replay::ReplayMarks;
pub use revocations::{Mark, Revocations, Subject};
pub use verdict::Verdict;
