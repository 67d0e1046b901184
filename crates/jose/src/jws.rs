//! JSON Web Signatures in compact serialisation (RFC 7515 §7.1).

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::{Algorithm, Invalid, JwkSet, base64url, json, jwk::Key};

/// Longest `kid` or `typ` that is looked at.
const MAX_NAME_BYTES: usize = 256;
/// Keys tried for a token that names none.
const MAX_KEYS_TRIED: usize = 8;
/// Header members that would let a token bring its own key (CVE-2018-0114), besides `jwk`.
const KEY_CARRIERS: [&str; 4] = ["jku", "x5u", "x5c", "x5t"];

/// A signed text taken apart. Nothing in it is to be believed before [`Compact::verify`].
pub struct Compact<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: Option<String>,
    kind: Option<String>,
    payload: Vec<u8>,
}

impl<'t> Compact<'t> {
    /// Takes a compact serialisation apart: three parts of strict base64url, a header without surprises.
    pub fn parse(text: &'t str) -> Result<Self, Invalid> {
        let (header, jws) = Self::parse_with_header(text)?;
        if header.contains_key("jwk") {
            return Err(Invalid::EmbeddedKey);
        }
        Ok(jws)
    }

    /// The same for a text that proves who holds a key, and so brings that key as `jwk`; also gives the header.
    pub(crate) fn parse_with_header(text: &'t str) -> Result<(Map<String, Value>, Self), Invalid> {
        let (signed, signature) = text.rsplit_once('.').ok_or(Invalid::Malformed)?;
        let (header, payload) =
            signed.split_once('.').filter(|(_, payload)| !payload.contains('.')).ok_or(Invalid::Malformed)?;
        let part = |text| base64url::decode(text).ok_or(Invalid::Malformed);
        let header = json::object(&part(header)?)?;
        check_header(&header)?;
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Invalid::Malformed)?;
        let jws = Self {
            signed,
            signature: part(signature)?,
            algorithm: Algorithm::from_str(algorithm).map_err(|_| Invalid::UnknownAlgorithm)?,
            kid: header_text(&header, "kid")?.filter(|kid| !kid.is_empty()),
            kind: header_text(&header, "typ")?,
            payload: part(payload)?,
        };
        Ok((header, jws))
    }

    /// `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `typ`.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }

    /// What is signed, believed or not.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Checks the signature with the keys that fit its `kid` and algorithm.
    pub fn verify(&self, keys: &JwkSet) -> Result<(), Invalid> {
        let mut candidates = keys.candidates(self.kid(), self.algorithm).take(MAX_KEYS_TRIED).peekable();
        candidates.peek().ok_or(Invalid::KeyNotFound)?;
        let message = self.signed.as_bytes();
        let verified = candidates.any(|key| key.verifies(self.algorithm, message, &self.signature));
        if verified { Ok(()) } else { Err(Invalid::BadSignature) }
    }

    /// Checks the signature with one key.
    pub(crate) fn verify_with(&self, key: &Key) -> Result<(), Invalid> {
        let verified = key.verifies(self.algorithm, self.signed.as_bytes(), &self.signature);
        if verified { Ok(()) } else { Err(Invalid::BadSignature) }
    }
}

fn check_header(header: &Map<String, Value>) -> Result<(), Invalid> {
    if header.contains_key("crit") || header.contains_key("b64") || header.contains_key("zip") {
        return Err(Invalid::CriticalHeader);
    }
    if KEY_CARRIERS.iter().any(|name| header.contains_key(*name)) {
        return Err(Invalid::EmbeddedKey);
    }
    Ok(())
}

fn header_text(header: &Map<String, Value>, name: &str) -> Result<Option<String>, Invalid> {
    match header.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.len() <= MAX_NAME_BYTES => Ok(Some(text.clone())),
        Some(_) => Err(Invalid::Malformed),
    }
}
