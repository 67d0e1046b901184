//! The published key set (RFC 7517 §5).

use bytes::Bytes;
use jose::SigningKey;
use serde_json::json;

/// The public halves of keys.
pub(super) fn document<'k>(keys: impl Iterator<Item = &'k SigningKey>) -> Bytes {
    let keys: Vec<_> = keys.map(SigningKey::public_jwk).collect();
    Bytes::from(json!({ "keys": keys }).to_string())
}
