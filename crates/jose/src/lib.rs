//! JWS, JWK and JWT (RFC 7515, 7517, 7519) over aws-lc-rs, without I/O.
//!
//! Every key is bound to algorithms of its own kind before a token is seen, so a token cannot choose how it is checked:
//! a public key never serves as an HMAC secret, and `none` is not an algorithm here.

mod algorithm;
mod base64url;
pub mod dpop;
mod invalid;
mod json;
mod jwk;
mod jws;
pub mod jwt;
mod signing;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use invalid::Invalid;
pub use jwk::{JwkError, JwkSet, thumbprint};
pub use jws::Compact;
pub use signing::{SigningError, SigningKey};
