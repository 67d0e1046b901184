//! JWTs: as a whole, as a header, and as claims under a good signature.

use std::{sync::LazyLock, time::Duration};

use jose::{
    Algorithm, JwkSet, SigningKey,
    jwt::{Unverified, Validation, verify},
};
use serde_json::{Value, json};

/// When tokens are judged, in Unix seconds.
const NOW: u64 = 1_700_000_000;
const SKEW: u64 = 60;

static SECRET: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_secret(&[7; 32]).unwrap());
static KEYS: LazyLock<JwkSet> = LazyLock::new(|| JwkSet::from_hmac_secret(&[7; 32]).unwrap());
static VALIDATION: LazyLock<Validation> = LazyLock::new(|| Validation {
    issuer: "https://issuer.example".into(),
    audiences: vec!["https://api.example".into()],
    algorithms: vec![Algorithm::Hs256],
    types: Vec::new(),
    required_claims: vec!["sub".into()],
    max_lifetime: None,
    skew: Duration::from_secs(SKEW),
    max_bytes: 8192,
});

/// The first byte says what the rest is.
pub fn hold(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind {
        b'c' => claims(rest),
        b'h' => header(rest),
        _ => token(rest),
    }
}

/// Whatever was not signed here is refused.
fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = Unverified::parse(text);
    if verify(text, &KEYS, &VALIDATION, NOW).is_ok() {
        let (signed, _) = text.rsplit_once('.').unwrap();
        let payload = Unverified::parse(text).unwrap().issuer_hint().map(str::to_owned);
        panic!("{signed} was believed, of {payload:?}");
    }
}

/// A header of any kind over good claims under a good signature: `alg` and `typ` are as they must be, and nothing else
/// is in it that could choose another way to check.
fn header(bytes: &[u8]) {
    let Ok(header) = serde_json::from_slice::<Value>(bytes) else { return };
    let claims = json!({
        "iss": VALIDATION.issuer, "aud": VALIDATION.audiences, "sub": "a", "exp": NOW + 60,
    });
    let text = SECRET.sign(&header, claims.to_string().as_bytes()).unwrap();
    if verify(&text, &KEYS, &VALIDATION, NOW).is_err() {
        return;
    }
    assert_eq!(header["alg"], "HS256");
    for forbidden in ["crit", "b64", "zip", "jwk", "jku", "x5u", "x5c"] {
        assert!(header.get(forbidden).is_none(), "{forbidden}");
    }
    assert!(header.get("typ").is_none_or(Value::is_string));
}

/// Claims of any kind under a good signature: they are believed only if each is of its type and says what it must.
fn claims(bytes: &[u8]) {
    let text = SECRET.sign(&json!({ "alg": "HS256" }), bytes).unwrap();
    let Ok(claims) = verify(&text, &KEYS, &VALIDATION, NOW) else { return };
    let read: Value = serde_json::from_slice(bytes).expect("they were read as JSON");
    assert_eq!(read["iss"], VALIDATION.issuer);
    assert!(read["sub"].is_string());
    let audience = match &read["aud"] {
        Value::String(one) => one == &VALIDATION.audiences[0],
        Value::Array(all) => all.iter().any(|one| one == &VALIDATION.audiences[0]) && all.iter().all(Value::is_string),
        _ => false,
    };
    assert!(audience, "{}", read["aud"]);
    let expires = read["exp"].as_f64().expect("a number");
    #[allow(clippy::cast_precision_loss)]
    let earliest = (NOW - SKEW) as f64;
    assert!(expires >= earliest, "an old token was believed");
    assert!(claims.expires.saturating_add(SKEW) >= NOW);
    if let Some(not_before) = read.get("nbf") {
        #[allow(clippy::cast_precision_loss)]
        let latest = (NOW + SKEW + 1) as f64;
        assert!(not_before.as_f64().is_some_and(|time| (0.0..latest).contains(&time)), "{not_before}");
    }
    let scope = claims.scopes.iter().all(|scope| !scope.is_empty() && !scope.contains(char::is_whitespace));
    assert!(scope, "{:?}", claims.scopes);
}
