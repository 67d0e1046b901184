//! An authenticator in software (§6), with one ES256 key.

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ciborium::{Value, cbor};

use crate::accounts::passkey::{Assertion, Registration};

pub(super) struct Authenticator(EcdsaKeyPair);

/// What it is told to say.
pub(super) struct Said {
    pub(super) kind: String,
    pub(super) challenge: Vec<u8>,
    pub(super) origin: String,
    /// More members of the client data, with a comma before them.
    pub(super) more: String,
    pub(super) party: String,
    pub(super) flags: u8,
    pub(super) sign_count: u32,
    /// Bytes after the authenticator data.
    pub(super) tail: Vec<u8>,
    pub(super) sign_with_another: bool,
}

impl Default for Said {
    fn default() -> Self {
        Self {
            kind: "webauthn.create".into(),
            challenge: b"challenge".to_vec(),
            origin: "https://example.org".into(),
            more: r#","crossOrigin":false"#.into(),
            party: "example.org".into(),
            flags: 0x05,
            sign_count: 0,
            tail: Vec::new(),
            sign_with_another: false,
        }
    }
}

impl Authenticator {
    pub(super) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    pub(super) fn client_data(said: &Said) -> Vec<u8> {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(&said.challenge);
        let Said { kind, origin, more, .. } = said;
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{origin}"{more}}}"#).into_bytes()
    }

    pub(super) fn create(&self, said: &Said) -> Registration {
        let id = b"a credential";
        let mut data = Self::data(said, said.flags | 0x40);
        data.extend([0; 16]);
        data.extend(u16::try_from(id.len()).unwrap().to_be_bytes());
        data.extend(id);
        data.extend(self.cose());
        data.extend(&said.tail);
        let object = cbor!({ "fmt" => "none", "attStmt" => {}, "authData" => Value::Bytes(data) }).unwrap();
        let mut attestation = Vec::new();
        ciborium::into_writer(&object, &mut attestation).unwrap();
        Registration { client_data: Self::client_data(said), attestation }
    }

    pub(super) fn get(&self, said: &Said) -> Assertion {
        let client_data = Self::client_data(said);
        let mut data = Self::data(said, said.flags);
        data.extend(&said.tail);
        let message = [data.as_slice(), digest(&SHA256, &client_data).as_ref()].concat();
        let other = Self::new();
        let key = if said.sign_with_another { &other.0 } else { &self.0 };
        let signature = key.sign(&SystemRandom::new(), &message).unwrap().as_ref().to_vec();
        Assertion { id: b"a credential".to_vec(), client_data, authenticator_data: data, signature, user_handle: None }
    }

    fn data(said: &Said, flags: u8) -> Vec<u8> {
        let party = digest(&SHA256, said.party.as_bytes());
        [party.as_ref(), &[flags], &said.sign_count.to_be_bytes()].concat()
    }

    fn cose(&self) -> Vec<u8> {
        let point = self.0.public_key().as_ref();
        let (x, y) = (point[1..33].to_vec(), point[33..].to_vec());
        let key = Value::Map(vec![
            (1.into(), 2.into()),
            (3.into(), (-7).into()),
            ((-1).into(), 1.into()),
            ((-2).into(), Value::Bytes(x)),
            ((-3).into(), Value::Bytes(y)),
        ]);
        let mut bytes = Vec::new();
        ciborium::into_writer(&key, &mut bytes).unwrap();
        bytes
    }
}
