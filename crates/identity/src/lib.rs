//! skeleton
pub mod accounts;
