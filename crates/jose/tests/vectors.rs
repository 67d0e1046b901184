//! The examples of the RFCs, transcribed: what verifies, what is refused, and under which name.
#![allow(clippy::unwrap_used, missing_docs)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use jose::{Compact, Invalid, JwkSet, SigningKey};
use serde_json::{Value, json};

fn vectors(text: &str) -> Vec<Value> {
    serde_json::from_str(text).unwrap()
}

fn keys_of(vector: &Value) -> JwkSet {
    match vector["secret"].as_str() {
        Some(secret) => JwkSet::from_hmac_secret(&B64.decode(secret).unwrap()).unwrap(),
        None => JwkSet::parse(json!({ "keys": vector["keys"] }).to_string().as_bytes()).unwrap(),
    }
}

fn verified(compact: &str, keys: &JwkSet) -> Result<Vec<u8>, Invalid> {
    let jws = Compact::parse(compact)?;
    jws.verify(keys)?;
    Ok(jws.payload().to_vec())
}

/// The same text with one bit of its payload changed.
fn tampered(compact: &str) -> String {
    let parts: Vec<&str> = compact.split('.').collect();
    let mut payload = B64.decode(parts[1]).unwrap();
    payload[0] ^= 1;
    format!("{}.{}.{}", parts[0], B64.encode(payload), parts[2])
}

fn check_signatures(text: &str, expected: usize) {
    let vectors = vectors(text);
    assert_eq!(vectors.len(), expected);
    for vector in &vectors {
        let section = &vector["section"];
        let (keys, compact) = (keys_of(vector), vector["compact"].as_str().unwrap());
        if let Some(reason) = vector["refused"].as_str() {
            assert_eq!(verified(compact, &keys).unwrap_err().reason(), reason, "{section}");
            continue;
        }
        assert_eq!(verified(compact, &keys).unwrap(), vector["payload"].as_str().unwrap().as_bytes(), "{section}");
        assert_eq!(verified(&tampered(compact), &keys).unwrap_err(), Invalid::BadSignature, "{section}");
    }
}

#[test]
fn rfc7515_appendix_a_and_e() {
    check_signatures(include_str!("vectors/rfc7515.json"), 8);
}

#[test]
fn rfc7520_section_4() {
    check_signatures(include_str!("vectors/rfc7520.json"), 10);
}

#[test]
fn rfc7520_section_4_4_is_signed_to_the_byte() {
    let vectors = vectors(include_str!("vectors/rfc7520.json"));
    let vector = vectors.iter().find(|vector| vector["section"] == "4.4").unwrap();
    let key = SigningKey::from_secret(&B64.decode(vector["secret"].as_str().unwrap()).unwrap()).unwrap();
    let header = json!({ "alg": "HS256", "kid": "018c0ae5-4d9b-471b-bfd6-eef314bc7037" });
    let payload = vector["payload"].as_str().unwrap();
    assert_eq!(key.sign(&header, payload.as_bytes()).unwrap(), vector["compact"].as_str().unwrap());
}

#[test]
fn rfc7520_section_4_5_detached_content_is_no_token() {
    let vectors = vectors(include_str!("vectors/rfc7520.json"));
    let vector = vectors.iter().find(|vector| vector["section"] == "4.5").unwrap();
    let detached = vector["detached"].as_str().unwrap();
    assert_eq!(verified(detached, &keys_of(vector)).unwrap_err(), Invalid::BadSignature);
}

#[test]
fn rfc8037_appendix_a() {
    check_signatures(include_str!("vectors/rfc8037.json"), 1);
}

#[test]
fn rfc7517_appendix_a() {
    for vector in vectors(include_str!("vectors/rfc7517.json")) {
        let read = JwkSet::parse(vector["set"].to_string().as_bytes());
        match vector["refused"].as_str() {
            Some(reason) => assert_eq!(read.unwrap_err().to_string(), reason, "{}", vector["section"]),
            None => assert_eq!(read.unwrap().len(), vector["usable"], "{}", vector["section"]),
        }
    }
}

#[test]
fn rfc7638_section_3_1_and_rfc8037_appendix_a_3() {
    for vector in vectors(include_str!("vectors/thumbprints.json")) {
        let printed = jose::thumbprint(vector["jwk"].as_object().unwrap());
        assert_eq!(printed.as_deref(), vector["thumbprint"].as_str(), "{}", vector["section"]);
    }
}
