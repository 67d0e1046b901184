//! JWS, JWK and JWT over aws-lc-rs, without I/O.
pub mod jwt;
mod jwk;
pub use jwk::JwkSet;
