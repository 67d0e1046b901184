//! Tokens through the public face: every algorithm, and the attacks of the field, by their ids.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use jose::{
    Algorithm, JwkError, JwkSet, SigningKey,
    jwt::{self, Invalid, Validation},
};
use serde_json::{Value, json};

const NOW: u64 = 1_700_000_000;

fn validation(algorithm: Algorithm) -> Validation {
    Validation {
        issuer: "https://issuer.example".into(),
        audiences: vec!["api".into()],
        algorithms: vec![algorithm],
        types: vec![],
        required_claims: vec!["sub".into()],
        max_lifetime: Some(Duration::from_hours(1)),
        skew: Duration::from_secs(30),
        max_bytes: 8192,
    }
}

fn claims() -> Value {
    json!({ "iss": "https://issuer.example", "aud": "api", "sub": "u", "iat": NOW, "exp": NOW + 600, "scope": "a b" })
}

fn set_of(key: &SigningKey) -> JwkSet {
    JwkSet::parse(json!({ "keys": [key.public_jwk()] }).to_string().as_bytes()).unwrap()
}

fn es256() -> (SigningKey, JwkSet) {
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let set = set_of(&key);
    (key, set)
}

fn check(token: &str, keys: &JwkSet) -> Result<(), Invalid> {
    jwt::verify(token, keys, &validation(Algorithm::Es256), NOW).map(|_| ())
}

fn with_claims(change: impl FnOnce(&mut Value)) -> Result<(), Invalid> {
    let (key, set) = es256();
    let mut claims = claims();
    change(&mut claims);
    check(&key.sign_jwt("JWT", &claims).unwrap(), &set)
}

fn with_header(header: &Value) -> Result<(), Invalid> {
    let (key, set) = es256();
    check(&key.sign(header, claims().to_string().as_bytes()).unwrap(), &set)
}

fn raw_claims(text: &str) -> Result<(), Invalid> {
    let (key, set) = es256();
    check(&key.sign(&json!({ "alg": "ES256" }), text.as_bytes()).unwrap(), &set)
}

#[test]
fn every_algorithm_verifies_what_it_signed_and_nothing_else() {
    for algorithm in Algorithm::ALL {
        let (key, set) = if algorithm == Algorithm::Hs256 {
            (SigningKey::from_secret(&[7; 32]).unwrap(), JwkSet::from_hmac_secret(&[7; 32]).unwrap())
        } else {
            let key = SigningKey::generate(algorithm).unwrap();
            let der = key.to_pkcs8().unwrap();
            let set = set_of(&key);
            (SigningKey::from_pkcs8(algorithm, &der).unwrap(), set)
        };
        let token = key.sign_jwt("at+jwt", &claims()).unwrap();
        let read = jwt::verify(&token, &set, &validation(algorithm), NOW).unwrap();
        assert_eq!(read.scopes, ["a", "b"], "{algorithm}");
        let (message, signature) = token.rsplit_once('.').unwrap();
        let mut bytes = B64.decode(signature).unwrap();
        bytes[3] ^= 1;
        let forged = format!("{message}.{}", B64.encode(bytes));
        assert_eq!(
            jwt::verify(&forged, &set, &validation(algorithm), NOW).unwrap_err(),
            Invalid::BadSignature,
            "{algorithm}"
        );
    }
}

#[test]
fn d47_alg_none_in_any_case_and_an_empty_signature_are_refused() {
    let (key, set) = es256();
    for name in ["none", "None", "NONE", ""] {
        let header = B64.encode(json!({ "alg": name }).to_string());
        let token = format!("{header}.{}.", B64.encode(claims().to_string()));
        assert_eq!(check(&token, &set), Err(Invalid::UnknownAlgorithm));
    }
    let token = key.sign_jwt("JWT", &claims()).unwrap();
    let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
    assert_eq!(check(&unsigned, &set), Err(Invalid::BadSignature));
}

#[test]
fn d48_a_public_key_is_no_hmac_secret() {
    let rsa = SigningKey::generate(Algorithm::Rs256).unwrap();
    let set = set_of(&rsa);
    let secret = SigningKey::from_secret(rsa.public_jwk().to_string().as_bytes()).unwrap();
    let header = json!({ "alg": "HS256", "kid": rsa.kid() });
    let token = secret.sign(&header, claims().to_string().as_bytes()).unwrap();
    let mut lenient = validation(Algorithm::Rs256);
    lenient.algorithms.push(Algorithm::Hs256);
    assert_eq!(jwt::verify(&token, &set, &lenient, NOW).unwrap_err(), Invalid::KeyNotFound);
}

#[test]
fn d49_a_token_that_brings_its_own_key_is_refused() {
    for name in ["jwk", "jku", "x5u", "x5c"] {
        let header = json!({ "alg": "ES256", name: "https://evil.example/keys" });
        assert_eq!(with_header(&header), Err(Invalid::EmbeddedKey), "{name}");
    }
}

#[test]
fn d50_a_strange_kid_finds_no_key() {
    for kid in ["../../etc/passwd", "' OR 1=1 --"] {
        assert_eq!(with_header(&json!({ "alg": "ES256", "kid": kid })), Err(Invalid::KeyNotFound));
    }
    assert_eq!(with_header(&json!({ "alg": "ES256", "kid": "k".repeat(300) })), Err(Invalid::Malformed));
    let long = json!({ "alg": "ES256", "kid": "k".repeat(1 << 20) });
    assert_eq!(with_header(&long), Err(Invalid::TooLong));
}

#[test]
fn d52_a_short_hmac_secret_is_refused() {
    assert_eq!(JwkSet::from_hmac_secret(b"").unwrap_err(), JwkError::ShortSecret);
    assert_eq!(JwkSet::from_hmac_secret(&[1; 31]).unwrap_err(), JwkError::ShortSecret);
}

#[test]
fn d54_duplicate_members_are_refused() {
    assert_eq!(
        raw_claims(r#"{"iss":"a","iss":"https://issuer.example","aud":"api","exp":1700000600}"#),
        Err(Invalid::DuplicateMember)
    );
    let (key, set) = es256();
    let token = key.sign_jwt("JWT", &claims()).unwrap();
    let header = B64.encode(r#"{"alg":"ES256","alg":"ES256"}"#);
    let token = format!("{header}.{}", token.split_once('.').unwrap().1);
    assert_eq!(check(&token, &set), Err(Invalid::DuplicateMember));
}

#[test]
fn d55_times_are_numbers_that_are_not_negative() {
    assert_eq!(with_claims(|c| c["exp"] = json!("1700000600")), Err(Invalid::BadClaim));
    assert_eq!(with_claims(|c| c["nbf"] = json!("0")), Err(Invalid::BadClaim));
    assert_eq!(with_claims(|c| c["exp"] = json!(-1)), Err(Invalid::BadClaim));
    assert_eq!(with_claims(|c| c["exp"] = json!(1e18)), Err(Invalid::BadClaim));
    assert_eq!(with_claims(|c| c["exp"] = json!(1e300)), Err(Invalid::Malformed));
    assert_eq!(with_claims(|c| c["exp"] = Value::Null), Err(Invalid::BadClaim));
    assert_eq!(with_claims(|c| drop(c.as_object_mut().unwrap().remove("exp"))), Err(Invalid::MissingClaim));
    assert_eq!(raw_claims(r#"{"iss":"https://issuer.example","aud":"api","exp":1e400}"#), Err(Invalid::Malformed));
    assert_eq!(with_claims(|c| c["exp"] = json!(NOW - 31)), Err(Invalid::Expired));
    assert_eq!(with_claims(|c| c["nbf"] = json!(NOW + 31)), Err(Invalid::NotYetValid));
    assert_eq!(with_claims(|c| c["exp"] = json!(NOW + 3601)), Err(Invalid::LifetimeTooLong));
    assert_eq!(with_claims(|c| c["exp"] = json!(1_700_000_600.5)), Ok(()));
}

#[test]
fn d56_audience_and_issuer_match_exactly() {
    assert_eq!(with_claims(|c| c["aud"] = json!("api2")), Err(Invalid::WrongAudience));
    assert_eq!(with_claims(|c| c["aud"] = json!("ap")), Err(Invalid::WrongAudience));
    assert_eq!(with_claims(|c| c["aud"] = json!(["other", "api"])), Ok(()));
    assert_eq!(with_claims(|c| c["iss"] = json!("https://issuer.example/")), Err(Invalid::WrongIssuer));
}

#[test]
fn d58_base64url_has_one_form() {
    let (key, set) = es256();
    let token = key.sign_jwt("JWT", &claims()).unwrap();
    assert_eq!(check(&token, &set), Ok(()));
    assert_eq!(check(&format!("{token}="), &set), Err(Invalid::Malformed));
    assert_eq!(check(&format!("{token}\n"), &set), Err(Invalid::Malformed));
    assert_eq!(check(&format!(" {token}"), &set), Err(Invalid::Malformed));
    // 64 signature bytes leave four bits over, which must be zero.
    let (rest, last) = token.split_at(token.len() - 1);
    let next = match last {
        "A" => "B",
        "Q" => "R",
        "g" => "h",
        _ => "x",
    };
    assert_eq!(check(&format!("{rest}{next}"), &set), Err(Invalid::Malformed));
}

#[test]
fn d59_d61_encryption_algorithms_are_unknown() {
    for name in ["PBES2-HS256+A128KW", "RSA1_5", "dir"] {
        let header = json!({ "alg": name, "enc": "A128GCM", "p2c": 2_147_483_647u32 });
        assert_eq!(with_header(&header), Err(Invalid::UnknownAlgorithm));
    }
}

#[test]
fn d62_a_nested_or_huge_token_is_refused() {
    let (_, set) = es256();
    assert_eq!(check(&"a".repeat(1 << 20), &set), Err(Invalid::TooLong));
    assert_eq!(check("a.b.c.d.e", &set), Err(Invalid::Malformed));
}

#[test]
fn d64_a_key_of_one_issuer_does_not_serve_another() {
    let (key, _) = es256();
    let (_, other) = es256();
    let token = key.sign(&json!({ "alg": "ES256" }), claims().to_string().as_bytes()).unwrap();
    assert_eq!(check(&token, &other), Err(Invalid::BadSignature));
}

#[test]
fn a_critical_header_and_a_foreign_type_are_refused() {
    assert_eq!(with_header(&json!({ "alg": "ES256", "crit": ["b64"], "b64": false })), Err(Invalid::CriticalHeader));
    assert_eq!(with_header(&json!({ "alg": "ES256", "typ": "dpop+jwt" })), Err(Invalid::WrongType));
}

#[test]
fn a_set_that_tells_private_keys_is_refused() {
    let secret = json!({ "keys": [{ "kty": "oct", "k": B64.encode([1; 32]) }] });
    assert_eq!(JwkSet::parse(secret.to_string().as_bytes()).unwrap_err(), JwkError::Private);
    assert_eq!(JwkSet::parse(br#"{"keys":[]}"#).unwrap_err(), JwkError::NoKeys);
}
