//! JWK sets: what was read verifies nothing by itself, and holds no key that could sign.

use std::sync::LazyLock;

use jose::{Compact, JwkSet, SigningKey};

/// A token that some key of the wide world signed, though none of a fuzzer's making.
static TOKEN: LazyLock<String> = LazyLock::new(|| {
    let key = SigningKey::from_secret(&[7; 32]).unwrap();
    key.sign_jwt("JWT", &serde_json::json!({ "iss": "a" })).unwrap()
});

/// A set without surprises, or none.
pub fn hold(document: &[u8]) {
    let Ok(keys) = JwkSet::parse(document) else { return };
    assert!(!keys.is_empty());
    let value: serde_json::Value = serde_json::from_slice(document).expect("it was read as JSON");
    let listed = value["keys"].as_array().expect("a set lists its keys");
    assert!(keys.len() <= listed.len());
    assert!(listed.iter().all(|key| key.get("d").is_none() && key.get("k").is_none()), "a secret was taken");
    assert!(keys.is_within(&keys));
    let token = Compact::parse(&TOKEN).unwrap();
    assert!(token.verify(&keys).is_err(), "a published key checked an HMAC");
}
