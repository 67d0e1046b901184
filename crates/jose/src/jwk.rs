//! Keys that verify: JWK sets (RFC 7517) and HMAC secrets, each key bound to its algorithms.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    digest, hmac,
    signature::{ED25519, ParsedPublicKey, VerificationAlgorithm},
};
use serde_json::{Map, Value};

use crate::{Algorithm, algorithm::Verification, base64url, json};

/// Largest document that is read (limits: JWKS document).
const MAX_BYTES: usize = 256 * 1024;
/// Shortest HMAC secret: the output of its hash (RFC 7518 §3.2).
const MIN_SECRET_BYTES: usize = 32;

/// Why a key set is refused as a whole. Single keys of other kinds are passed over (RFC 7517 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkError {
    /// Over 256 KiB.
    #[error("the key set is larger than {MAX_BYTES} bytes")]
    TooLong,
    /// Not an object with an array `keys`, or an object with duplicate members.
    #[error("the document is not a JWK set: expected an object with an array `keys`, without duplicate members")]
    Malformed,
    /// Nothing in it can verify a signature.
    #[error("the key set holds no usable signature key")]
    NoKeys,
    /// The set tells a private or symmetric key, which whoever can read it could sign with.
    #[error("the key set holds a private or symmetric key")]
    Private,
    /// An HMAC secret under 256 bits.
    #[error("the HMAC secret has fewer than {MIN_SECRET_BYTES} bytes")]
    ShortSecret,
}

/// Keys that verify signatures.
#[derive(Clone)]
pub struct JwkSet(Arc<[Key]>);

pub(crate) struct Key {
    id: Option<String>,
    kind: Kind,
}

enum Kind {
    /// Bound to one algorithm.
    Public(Algorithm, ParsedPublicKey),
    /// An RSA key without `alg`: one parsed form for each RSA algorithm.
    Rsa(Vec<(Algorithm, ParsedPublicKey)>),
    Secret(Box<hmac::Key>),
}

impl fmt::Debug for JwkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl JwkSet {
    /// Reads a JWK set of public keys. Keys of unknown kinds, for encryption, or off their curve are passed over.
    pub fn parse(document: &[u8]) -> Result<Self, JwkError> {
        if document.len() > MAX_BYTES {
            return Err(JwkError::TooLong);
        }
        let document = json::object(document).map_err(|_| JwkError::Malformed)?;
        let listed = document.get("keys").and_then(Value::as_array).ok_or(JwkError::Malformed)?;
        let listed: Vec<_> = listed.iter().filter_map(Value::as_object).collect();
        if listed.iter().any(|jwk| jwk.contains_key("d") || jwk.contains_key("k")) {
            return Err(JwkError::Private);
        }
        let keys: Arc<[Key]> = listed.into_iter().filter_map(Key::from_jwk).collect();
        if keys.is_empty() { Err(JwkError::NoKeys) } else { Ok(Self(keys)) }
    }

    /// A set of one HS256 secret of at least 256 bits.
    pub fn from_hmac_secret(secret: &[u8]) -> Result<Self, JwkError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(JwkError::ShortSecret);
        }
        let kind = Kind::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)));
        Ok(Self(Arc::new([Key { id: None, kind }])))
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every key of this set is in another one, so that this one verifies nothing that the other does not.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|key| other.0.iter().any(|theirs| key.is_within(theirs)))
    }

    /// Keys that fit a token's `kid` and algorithm.
    pub(crate) fn candidates(&self, kid: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        self.0.iter().filter(move |key| {
            let named = match (kid, &key.id) {
                (None, _) => true,
                (Some(kid), Some(id)) => kid == id,
                // A configured secret has no id; a published key without one is not the named one.
                (Some(_), None) => matches!(key.kind, Kind::Secret(_)),
            };
            named && key.serves(algorithm)
        })
    }
}

impl Key {
    pub(crate) fn from_jwk(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name| jwk.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        if let Some(operations) = jwk.get("key_ops").and_then(Value::as_array) {
            operations.iter().find(|operation| operation.as_str() == Some("verify"))?;
        }
        let bytes = |name| text(name).and_then(base64url::decode);
        let stated = match jwk.get("alg") {
            None => None,
            Some(name) => Some(name.as_str()?.parse::<Algorithm>().ok()?),
        };
        let kind = match (text("kty")?, text("crv")) {
            ("EC", Some(curve)) => elliptic(curve, &bytes("x")?, &bytes("y")?)?,
            ("OKP", Some("Ed25519")) => {
                Kind::Public(Algorithm::EdDsa, ParsedPublicKey::new(&ED25519, bytes("x")?).ok()?)
            }
            ("RSA", _) => rsa(&bytes("n")?, &bytes("e")?, stated)?,
            _ => return None,
        };
        let key = Self { id: text("kid").map(str::to_owned), kind };
        stated.is_none_or(|algorithm| key.serves(algorithm)).then_some(key)
    }

    /// The same key, for no more algorithms. Secrets cannot be compared and count as different.
    fn is_within(&self, other: &Self) -> bool {
        let same = |a: &ParsedPublicKey, b: &ParsedPublicKey| a.as_ref() == b.as_ref();
        let forms = |kind: &Kind| match kind {
            Kind::Public(algorithm, key) => vec![(*algorithm, key.clone())],
            Kind::Rsa(forms) => forms.clone(),
            Kind::Secret(_) => Vec::new(),
        };
        let theirs = forms(&other.kind);
        let mine = forms(&self.kind);
        !mine.is_empty()
            && mine
                .iter()
                .all(|(own, key)| theirs.iter().any(|(algorithm, other)| own == algorithm && same(key, other)))
    }

    pub(crate) fn serves(&self, algorithm: Algorithm) -> bool {
        match &self.kind {
            Kind::Public(own, _) => *own == algorithm,
            Kind::Rsa(forms) => forms.iter().any(|(own, _)| *own == algorithm),
            Kind::Secret(_) => algorithm == Algorithm::Hs256,
        }
    }

    /// Checks a signature. A key never checks one of another algorithm.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            Kind::Public(own, key) => *own == algorithm && key.verify_sig(message, signature).is_ok(),
            Kind::Rsa(forms) => {
                forms.iter().any(|(own, key)| *own == algorithm && key.verify_sig(message, signature).is_ok())
            }
            Kind::Secret(key) => algorithm == Algorithm::Hs256 && hmac::verify(key, message, signature).is_ok(),
        }
    }
}

/// The thumbprint of a public key (RFC 7638 §3, with SHA-256); `None` for kinds of keys that do not verify here.
pub fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let required: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    // A map of serde_json sorts its members by name, which is the order that §3.3 asks for.
    let hashed: Option<Map<String, Value>> =
        required.iter().map(|name| Some(((*name).to_owned(), jwk.get(*name)?.as_str()?.into()))).collect();
    let text = Value::Object(hashed?).to_string();
    Some(base64url::encode(digest::digest(&digest::SHA256, text.as_bytes())))
}

fn elliptic(curve: &str, x: &[u8], y: &[u8]) -> Option<Kind> {
    let (algorithm, size) = match curve {
        "P-256" => (Algorithm::Es256, 32),
        "P-384" => (Algorithm::Es384, 48),
        "P-521" => (Algorithm::Es512, 66),
        _ => return None,
    };
    // RFC 7518 §6.2.1.2: coordinates have the full size of the field.
    if x.len() != size || y.len() != size {
        return None;
    }
    let Verification::Ecdsa(verification) = algorithm.verification() else { return None };
    // SEC 1 §2.3.3, uncompressed.
    let point = [&[4], x, y].concat();
    Some(Kind::Public(algorithm, parse(verification, &point)?))
}

fn rsa(modulus: &[u8], exponent: &[u8], stated: Option<Algorithm>) -> Option<Kind> {
    let bits = modulus.len().checked_mul(8)?;
    if !(2048..=8192).contains(&bits) || modulus.first() == Some(&0) {
        return None;
    }
    let der = rsa_public_key(modulus, exponent);
    let wanted = Algorithm::ALL.into_iter().filter(|a| a.is_rsa() && stated.is_none_or(|stated| stated == *a));
    let forms: Option<Vec<_>> = wanted
        .map(|algorithm| match algorithm.verification() {
            Verification::Rsa(parameters) => Some((algorithm, parse(parameters, &der)?)),
            Verification::Ecdsa(_) | Verification::Ed25519 | Verification::Hmac => None,
        })
        .collect();
    forms.filter(|forms| !forms.is_empty()).map(Kind::Rsa)
}

fn parse(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Option<ParsedPublicKey> {
    ParsedPublicKey::new(algorithm, key).ok()
}

/// `RSAPublicKey` in DER (RFC 8017 appendix A.1.1).
fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [tagged(0x02, &unsigned(modulus)), tagged(0x02, &unsigned(exponent))].concat();
    tagged(0x30, &numbers)
}

/// DER integers are signed: a leading bit of one needs a zero byte before it.
fn unsigned(number: &[u8]) -> Vec<u8> {
    match number.first() {
        Some(first) if first & 0x80 != 0 => [&[0], number].concat(),
        _ => number.to_vec(),
    }
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut der = vec![tag];
    match (significant.as_slice(), u8::try_from(significant.len())) {
        ([short], _) if *short < 0x80 => der.push(*short),
        (long, Ok(count)) => {
            der.push(0x80 | count);
            der.extend_from_slice(long);
        }
        (_, Err(_)) => {}
    }
    der.extend_from_slice(content);
    der
}
