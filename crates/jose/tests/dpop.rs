//! `DPoP` proofs through the public face: the examples of RFC 9449, and each way to get one wrong.
#![allow(clippy::unwrap_used, missing_docs)]

use jose::{
    Algorithm, Invalid, SigningKey,
    dpop::{self, Proof, Refused, Request},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: u64 = 1_700_000_000;
const URL: &str = "https://api.example/notes";
const TOKEN: &str = "the.access.token";

/// RFC 9449 §5, figure 2.
const AT_TOKEN_ENDPOINT: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
/// RFC 9449 §7.1, figure 13.
const AT_RESOURCE: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
const RFC_THUMBPRINT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn request() -> Request<'static> {
    Request { method: "GET", url: URL, access_token: Some(TOKEN), now: NOW }
}

fn claims() -> Value {
    // SHA-256 of `TOKEN`.
    json!({ "jti": "one", "htm": "GET", "htu": URL, "iat": NOW, "ath": ath(TOKEN) })
}

fn ath(token: &str) -> String {
    use base64::Engine;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

fn bare(key: &SigningKey) -> Value {
    let mut jwk = key.public_jwk();
    for name in ["kid", "alg", "use"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    jwk
}

fn made(algorithm: Algorithm, change: impl FnOnce(&mut Value, &mut Value)) -> (String, SigningKey) {
    let key = SigningKey::generate(algorithm).unwrap();
    let mut header = json!({ "typ": "dpop+jwt", "alg": algorithm.name(), "jwk": bare(&key) });
    let mut claims = claims();
    change(&mut header, &mut claims);
    (key.sign(&header, claims.to_string().as_bytes()).unwrap(), key)
}

fn check(change: impl FnOnce(&mut Value, &mut Value)) -> Result<Proof, Refused> {
    dpop::verify(&made(Algorithm::Es256, change).0, &request())
}

fn with_claim(name: &str, value: Value) -> Result<Proof, Refused> {
    check(|_, claims| claims[name] = value)
}

fn without_claim(name: &str) -> Result<Proof, Refused> {
    check(|_, claims| drop(claims.as_object_mut().unwrap().remove(name)))
}

fn with_header(name: &str, value: Value) -> Result<Proof, Refused> {
    check(|header, _| header[name] = value)
}

#[test]
fn the_examples_of_rfc_9449_are_valid() {
    let request =
        Request { method: "POST", url: "https://server.example.com/token", access_token: None, now: 1_562_262_616 };
    let proof = dpop::verify(AT_TOKEN_ENDPOINT, &request).unwrap();
    assert_eq!((proof.thumbprint.as_str(), proof.id.as_str()), (RFC_THUMBPRINT, "-BwC3ESc6acc2lTc"));
    let request = Request {
        method: "GET",
        url: "https://resource.example.org/protectedresource",
        access_token: Some("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"),
        now: 1_562_262_618,
    };
    assert_eq!(dpop::verify(AT_RESOURCE, &request).unwrap().thumbprint, RFC_THUMBPRINT);
}

#[test]
fn every_asymmetric_algorithm_can_prove() {
    for algorithm in dpop::ALGORITHMS {
        let (proof, key) = made(algorithm, |_, claims| claims["nonce"] = "n".into());
        let proof = dpop::verify(&proof, &request()).unwrap();
        assert_eq!((proof.thumbprint.as_str(), proof.nonce.as_deref()), (key.kid(), Some("n")), "{algorithm}");
    }
}

#[test]
fn a_symmetric_key_proves_nothing() {
    let key = SigningKey::from_secret(&[7; 32]).unwrap();
    let header = json!({ "typ": "dpop+jwt", "alg": "HS256", "jwk": { "kty": "oct" } });
    let proof = key.sign(&header, claims().to_string().as_bytes()).unwrap();
    assert_eq!(dpop::verify(&proof, &request()), Err(Refused::SymmetricAlgorithm));
    assert_eq!(with_header("alg", "none".into()), Err(Refused::Jws(Invalid::UnknownAlgorithm)));
}

#[test]
fn only_its_own_type_is_a_proof() {
    for other in ["jwt", "at+jwt", "DPOP+JWT", "application/dpop+jwt"] {
        assert_eq!(with_header("typ", other.into()), Err(Refused::WrongType), "{other}");
    }
    assert_eq!(check(|header, _| drop(header.as_object_mut().unwrap().remove("typ"))), Err(Refused::WrongType));
}

#[test]
fn the_key_is_public_there_and_fits() {
    assert_eq!(check(|header, _| drop(header.as_object_mut().unwrap().remove("jwk"))), Err(Refused::MissingKey));
    for name in ["d", "k", "p", "oth"] {
        assert_eq!(check(|header, _| header["jwk"][name] = "AA".into()), Err(Refused::PrivateKey), "{name}");
    }
    assert_eq!(check(|header, _| header["jwk"]["y"] = "AA".into()), Err(Refused::UnusableKey));
    assert_eq!(check(|header, _| header["jwk"]["alg"] = "ES384".into()), Err(Refused::UnusableKey));
    assert_eq!(check(|header, _| header["jwk"]["use"] = "enc".into()), Err(Refused::UnusableKey));
    let other = SigningKey::generate(Algorithm::Es256).unwrap();
    assert_eq!(with_header("jwk", bare(&other)), Err(Refused::Jws(Invalid::BadSignature)));
    let curve = SigningKey::generate(Algorithm::Es384).unwrap();
    assert_eq!(with_header("jwk", bare(&curve)), Err(Refused::UnusableKey));
}

#[test]
fn keys_from_elsewhere_and_extensions_are_refused() {
    for name in ["jku", "x5u", "x5c"] {
        assert_eq!(with_header(name, "https://evil.example/".into()), Err(Refused::Jws(Invalid::EmbeddedKey)));
    }
    assert_eq!(with_header("crit", json!(["b64"])), Err(Refused::Jws(Invalid::CriticalHeader)));
}

#[test]
fn each_claim_must_be_there_and_of_its_type() {
    for name in ["jti", "htm", "htu", "iat"] {
        assert_eq!(without_claim(name), Err(Refused::MissingClaim), "{name}");
        assert_eq!(with_claim(name, json!([1])), Err(Refused::BadClaim), "{name}");
    }
    assert_eq!(without_claim("ath"), Err(Refused::MissingTokenHash));
    for id in [String::new(), "x".repeat(257)] {
        assert_eq!(with_claim("jti", id.clone().into()), Err(Refused::BadClaim));
        assert_eq!(with_claim("nonce", id.into()), Err(Refused::BadClaim));
    }
    for time in [json!("1"), json!(-1), json!(1.5)] {
        assert_eq!(with_claim("iat", time), Err(Refused::BadClaim));
    }
}

#[test]
fn a_proof_is_for_one_method_one_address_and_one_token() {
    for method in ["POST", "get", "HEAD"] {
        assert_eq!(with_claim("htm", method.into()), Err(Refused::WrongMethod), "{method}");
    }
    for url in [
        "http://api.example/notes",
        "https://api.example/notes/",
        "https://api.example/Notes",
        "https://api.example:8443/notes",
        "https://api.example.evil.example/notes",
        "https://api.example/notes/../admin",
        "/notes",
    ] {
        assert_eq!(with_claim("htu", url.into()), Err(Refused::WrongUrl), "{url}");
    }
    assert!(with_claim("htu", "HTTPS://API.example:443/./%6eotes?page=2#x".into()).is_ok());
    assert_eq!(with_claim("ath", ath("another").into()), Err(Refused::WrongTokenHash));
}

#[test]
fn a_proof_lives_for_a_minute() {
    let at = |time: u64| with_claim("iat", time.into()).map(|proof| proof.expires());
    assert_eq!(at(NOW - 60), Ok(NOW));
    assert_eq!(at(NOW - 61), Err(Refused::TooOld));
    assert_eq!(at(NOW + 10), Ok(NOW + 70));
    assert_eq!(at(NOW + 11), Err(Refused::NotYetValid));
    assert_eq!(at(u64::MAX), Err(Refused::NotYetValid));
}

#[test]
fn size_and_form_are_looked_at_before_all_else() {
    assert_eq!(dpop::verify(&"a".repeat(4097), &request()), Err(Refused::TooLong));
    assert_eq!(dpop::verify("", &request()), Err(Refused::Jws(Invalid::Malformed)));
    let (proof, key) = made(Algorithm::Es256, |_, _| {});
    assert_eq!(dpop::verify(&format!("{proof}="), &request()), Err(Refused::Jws(Invalid::Malformed)));
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": bare(&key) });
    let twice = format!("{{\"jti\":\"a\",{}", claims().to_string().trim_start_matches('{'));
    let twice = key.sign(&header, twice.as_bytes()).unwrap();
    assert_eq!(dpop::verify(&twice, &request()), Err(Refused::Jws(Invalid::DuplicateMember)));
}

#[test]
fn marks_differ_where_keys_or_ids_do() {
    let proof = |thumbprint: &str, id: &str| Proof {
        thumbprint: thumbprint.repeat(43),
        id: id.into(),
        nonce: None,
        issued_at: NOW,
    };
    assert_eq!(proof("a", "1").mark(), proof("a", "1").mark());
    assert_ne!(proof("a", "1").mark(), proof("b", "1").mark());
    assert_ne!(proof("a", "1").mark(), proof("a", "2").mark());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_proof_with_one_character_changed_is_none(at in 0_usize..400, to in "[A-Za-z0-9_.-]") {
        let (proof, _) = made(Algorithm::Es256, |_, _| {});
        let at = at % proof.len();
        let mut changed = proof.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != proof);
        prop_assert!(dpop::verify(&changed, &request()).is_err());
    }

    #[test]
    fn junk_is_refused_without_a_panic(junk in ".{0,300}") {
        prop_assert!(dpop::verify(&junk, &request()).is_err());
    }
}
