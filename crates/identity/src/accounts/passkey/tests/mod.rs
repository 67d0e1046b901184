//! Answers of authenticators: those of the specification's own vectors, and of one in software that can be told to lie.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod software;

use aws_lc_rs::digest::{SHA256, digest};

use super::{
    Assertion, Known, NewPasskey, PublicKey, Refused, Registration, RelyingParty,
    authenticator_data::{Attested, AuthenticatorData},
};
use software::{Authenticator, Said};

const VECTORS: &str = include_str!("vectors.txt");

fn party() -> RelyingParty {
    RelyingParty { id: "example.org".into(), origin: "https://example.org".into() }
}

struct Vector {
    registration: Registration,
    client_data: Vec<u8>,
    authenticator_data: Vec<u8>,
    signature: Vec<u8>,
}

fn vector(name: &str) -> Vector {
    let line = VECTORS.lines().find(|line| line.split(' ').next() == Some(name)).unwrap();
    let mut parts = line.split(' ').skip(1).map(|hex| {
        hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    });
    let mut next = || -> Vec<u8> { parts.next().unwrap() };
    let registration = Registration { client_data: next(), attestation: next() };
    Vector { registration, client_data: next(), authenticator_data: next(), signature: next() }
}

/// The key of a vector, whatever its attestation says.
fn key(vector: &Vector) -> Result<PublicKey, Refused> {
    attested(vector).map(|attested| attested.key)
}

fn attested(vector: &Vector) -> Result<Attested, Refused> {
    let object: ciborium::Value = ciborium::from_reader(vector.registration.attestation.as_slice()).unwrap();
    let members = object.into_map().unwrap();
    let data = members.into_iter().find(|(name, _)| name.as_text() == Some("authData")).unwrap().1;
    AuthenticatorData::parse(&data.into_bytes().unwrap()).map(|data| data.attested.unwrap())
}

#[test]
fn signatures_of_the_specification_are_good_and_no_others() {
    for name in ["none-es256", "packed-self-es256", "packed-es256", "packed-rs256", "packed-eddsa", "fido-u2f-es256"] {
        let vector = vector(name);
        let key = key(&vector).unwrap();
        let hash = digest(&SHA256, &vector.client_data);
        let message = [vector.authenticator_data.as_slice(), hash.as_ref()].concat();
        assert_eq!(key.verify(&message, &vector.signature), Ok(()), "{name}");
        let mut other = message.clone();
        other[36] ^= 1;
        assert_eq!(key.verify(&other, &vector.signature), Err(Refused::BadSignature), "{name}");
        assert_eq!(PublicKey::parse(key.as_cose()).unwrap().verify(&message, &vector.signature), Ok(()), "{name}");
    }
}

#[test]
fn keys_for_algorithms_that_were_not_asked_for_are_refused() {
    for name in ["packed-es384", "packed-ed448"] {
        assert_eq!(key(&vector(name)).err(), Some(Refused::UnknownKey), "{name}");
    }
}

#[test]
fn answers_of_the_specification_are_taken_or_refused_for_their_reasons() {
    let expected = [
        ("none-es256", Err(Refused::NotVerified)),
        ("none-es256-long-credential-id", Err(Refused::NotVerified)),
        ("none-es256-crossOrigin", Err(Refused::WrongOrigin)),
        ("none-es256-topOrigin", Err(Refused::WrongOrigin)),
        ("packed-es256", Err(Refused::UnknownAttestation)),
        ("packed-self-es256", Ok(())),
        ("fido-u2f-es256", Err(Refused::NotVerified)),
    ];
    for (name, outcome) in expected {
        let taken = vector(name).registration.verify(&party(), |_| Ok(()));
        assert_eq!(taken.map(|_| ()), outcome, "{name}");
    }
}

#[test]
fn an_assertion_of_the_specification_is_taken() {
    let vector = vector("none-es256-long-credential-id");
    let attested = attested(&vector).unwrap();
    assert_eq!(attested.id.len(), 1023, "as long as one may be");
    let Vector { client_data, authenticator_data, signature, .. } = vector;
    let assertion = Assertion { id: attested.id, client_data, authenticator_data, signature, user_handle: None };
    let known = Known { key: &attested.key, user_handle: b"", sign_count: 0, backup_eligible: true };
    assert!(assertion.verify(&known, &party(), |_| Ok(())).is_ok());
}

/// What a test makes an authenticator say.
type Change = fn(&mut Said);

/// Registers, with what the authenticator is told to say.
fn registered(said: &Said) -> Result<NewPasskey, Refused> {
    let answer = Authenticator::new().create(said);
    answer
        .verify(&party(), |challenge| if challenge == b"challenge" { Ok(()) } else { Err(Refused::WrongChallenge) })
        .map(|(passkey, ())| passkey)
}

#[test]
fn each_check_of_a_registration_refuses_by_itself() {
    assert!(registered(&Said::default()).is_ok());
    let wrong: [(Refused, Change); 12] = [
        (Refused::WrongType, |said| said.kind = "webauthn.get".into()),
        (Refused::WrongChallenge, |said| said.challenge = b"another".to_vec()),
        (Refused::WrongOrigin, |said| said.origin = "https://example.org.evil.example".into()),
        (Refused::WrongOrigin, |said| said.origin = "http://example.org".into()),
        (Refused::WrongOrigin, |said| said.more = r#","crossOrigin":true"#.into()),
        (Refused::WrongOrigin, |said| said.more = r#","topOrigin":"https://example.org""#.into()),
        (Refused::Malformed, |said| said.more = r#","origin":"https://example.org""#.into()),
        (Refused::WrongParty, |said| said.party = "example.com".into()),
        (Refused::NotVerified, |said| said.flags = 0x04),
        (Refused::NotVerified, |said| said.flags = 0x01),
        (Refused::Contradiction, |said| said.flags = 0x05 | 0x10),
        (Refused::Malformed, |said| said.tail = vec![0]),
    ];
    for (number, (refused, change)) in wrong.into_iter().enumerate() {
        let mut said = Said::default();
        change(&mut said);
        assert_eq!(registered(&said).err(), Some(refused), "{number}");
    }
}

/// Logs in with a passkey that has signed `counted` times before.
fn logged_in(counted: u32, said: &Said, handle: Option<&[u8]>) -> Result<(), Refused> {
    let authenticator = Authenticator::new();
    let passkey = authenticator.create(&Said::default()).verify(&party(), |_| Ok(())).map(|(passkey, ())| passkey)?;
    let assertion = Assertion { user_handle: handle.map(<[u8]>::to_vec), ..authenticator.get(said) };
    let known = Known {
        key: &passkey.key,
        user_handle: b"anna",
        sign_count: counted,
        backup_eligible: passkey.backup_eligible,
    };
    let accept = |challenge: &[u8]| if challenge == b"challenge" { Ok(()) } else { Err(Refused::WrongChallenge) };
    assertion.verify(&known, &party(), accept).map(|_| ())
}

#[test]
fn each_check_of_an_assertion_refuses_by_itself() {
    let good = || Said { kind: "webauthn.get".into(), ..Said::default() };
    assert_eq!(logged_in(0, &good(), Some(b"anna")), Ok(()));
    assert_eq!(logged_in(0, &good(), Some(b"bela")), Err(Refused::WrongUser));
    let wrong: [(Refused, Change); 10] = [
        (Refused::WrongType, |said| said.kind = "webauthn.create".into()),
        (Refused::WrongChallenge, |said| said.challenge = b"another".to_vec()),
        (Refused::WrongOrigin, |said| said.origin = "https://login.example.org".into()),
        (Refused::WrongOrigin, |said| said.more = r#","crossOrigin":true"#.into()),
        (Refused::WrongParty, |said| said.party = "evil.example".into()),
        (Refused::NotVerified, |said| said.flags = 0x01),
        (Refused::NotVerified, |said| said.flags = 0x04),
        (Refused::Contradiction, |said| said.flags = 0x05 | 0x08),
        (Refused::BadSignature, |said| said.sign_with_another = true),
        (Refused::Malformed, |said| said.tail = vec![1]),
    ];
    for (number, (refused, change)) in wrong.into_iter().enumerate() {
        let mut said = good();
        change(&mut said);
        assert_eq!(logged_in(0, &said, None), Err(refused), "{number}");
    }
}

#[test]
fn a_counter_that_does_not_go_up_is_that_of_a_copy() {
    let said = |sign_count| Said { kind: "webauthn.get".into(), sign_count, ..Said::default() };
    assert_eq!(logged_in(0, &said(0), None), Ok(()), "a key that does not count");
    assert_eq!(logged_in(7, &said(8), None), Ok(()));
    for (before, now) in [(7, 7), (7, 6), (7, 0)] {
        assert_eq!(logged_in(before, &said(now), None), Err(Refused::Copied), "{before} {now}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let _ = AuthenticatorData::parse(&bytes);
        let _ = PublicKey::parse(&bytes);
        let registration = Registration { client_data: Authenticator::client_data(&Said::default()), attestation: bytes };
        proptest::prop_assert!(registration.verify(&party(), |_| Ok(())).is_err());
    }
}
