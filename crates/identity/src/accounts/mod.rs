//! People's accounts: who they are, what they prove it with, and where they are logged in.

pub mod hashing;
pub mod passkey;
pub mod password;
pub mod recovery;
pub mod session;
pub mod totp;
pub mod user;
