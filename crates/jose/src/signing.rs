//! Keys that sign.

use std::fmt;

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    hmac,
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING,
        EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
    },
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{Algorithm, base64url, thumbprint};

/// Why a key cannot be made or cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The bytes are not a private key of the algorithm.
    #[error("the bytes are not a private key for {0}")]
    NotAKey(Algorithm),
    /// A secret under 256 bits.
    #[error("the HMAC secret has fewer than 32 bytes")]
    ShortSecret,
    /// The cryptographic library gave up.
    #[error("the key could not be used")]
    Failed,
    /// The key has no private form to write out.
    #[error("a secret has no PKCS#8 form")]
    NoPkcs8,
}

/// A private key or secret with its one algorithm.
pub struct SigningKey {
    algorithm: Algorithm,
    kind: Kind,
    kid: String,
}

enum Kind {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
    Secret(Box<hmac::Key>),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm).field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a key for an algorithm; RSA keys have 2048 bits.
    pub fn generate(algorithm: Algorithm) -> Result<Self, SigningError> {
        let kind = match (curve(algorithm), encoding(algorithm)) {
            (Some(curve), _) => Kind::Ecdsa(EcdsaKeyPair::generate(curve).map_err(|_| SigningError::Failed)?),
            (None, Some(_)) => {
                Kind::Rsa(Box::new(RsaKeyPair::generate(rsa::KeySize::Rsa2048).map_err(|_| SigningError::Failed)?))
            }
            (None, None) if algorithm == Algorithm::EdDsa => {
                Kind::Ed25519(Ed25519KeyPair::generate().map_err(|_| SigningError::Failed)?)
            }
            (None, None) => {
                let key =
                    hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| SigningError::Failed)?;
                Kind::Secret(Box::new(key))
            }
        };
        Ok(Self::with_thumbprint(algorithm, kind))
    }

    /// Reads a private key from PKCS#8 (RFC 5958).
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<Self, SigningError> {
        let refused = |_| SigningError::NotAKey(algorithm);
        let kind = match (curve(algorithm), encoding(algorithm)) {
            (Some(curve), _) => Kind::Ecdsa(EcdsaKeyPair::from_pkcs8(curve, der).map_err(refused)?),
            (None, Some(_)) => Kind::Rsa(Box::new(RsaKeyPair::from_pkcs8(der).map_err(refused)?)),
            (None, None) if algorithm == Algorithm::EdDsa => {
                Kind::Ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(refused)?)
            }
            (None, None) => return Err(SigningError::NotAKey(algorithm)),
        };
        Ok(Self::with_thumbprint(algorithm, kind))
    }

    /// Takes an HS256 secret of at least 256 bits.
    pub fn from_secret(secret: &[u8]) -> Result<Self, SigningError> {
        if secret.len() < 32 {
            return Err(SigningError::ShortSecret);
        }
        Ok(Self::with_thumbprint(Algorithm::Hs256, Kind::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)))))
    }

    fn with_thumbprint(algorithm: Algorithm, kind: Kind) -> Self {
        let mut key = Self { algorithm, kind, kid: String::new() };
        key.kid = key.thumbprint();
        key
    }

    /// The private key as PKCS#8.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SigningError> {
        let failed = |_| SigningError::Failed;
        let der = match &self.kind {
            Kind::Ecdsa(key) => key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Kind::Ed25519(key) => key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Kind::Rsa(key) => {
                let der: Pkcs8V1Der<'static> = key.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
            Kind::Secret(_) => return Err(SigningError::NoPkcs8),
        };
        Ok(Zeroizing::new(der))
    }

    /// Its RFC 7638 thumbprint; empty for a secret, whose thumbprint would help guess it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK with `kid`, `alg` and `use`; null for a secret.
    pub fn public_jwk(&self) -> Value {
        let Some(mut jwk) = self.bare_jwk() else { return Value::Null };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".into(), self.kid.clone().into());
            members.insert("alg".into(), self.algorithm.name().into());
            members.insert("use".into(), "sig".into());
        }
        jwk
    }

    /// The members that RFC 7638 §3.2 hashes.
    fn bare_jwk(&self) -> Option<Value> {
        match &self.kind {
            Kind::Ecdsa(key) => {
                let point = key.public_key().as_ref().get(1..)?;
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match self.algorithm {
                    Algorithm::Es256 => "P-256",
                    Algorithm::Es384 => "P-384",
                    _ => "P-521",
                };
                Some(json!({ "crv": curve, "kty": "EC", "x": base64url::encode(x), "y": base64url::encode(y) }))
            }
            Kind::Ed25519(key) => {
                Some(json!({ "crv": "Ed25519", "kty": "OKP", "x": base64url::encode(key.public_key()) }))
            }
            Kind::Rsa(key) => {
                let public = key.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                let bytes = |number: &[u8]| base64url::encode(number);
                Some(json!({
                    "e": bytes(e.big_endian_without_leading_zero()),
                    "kty": "RSA",
                    "n": bytes(n.big_endian_without_leading_zero()),
                }))
            }
            Kind::Secret(_) => None,
        }
    }

    fn thumbprint(&self) -> String {
        self.bare_jwk().as_ref().and_then(Value::as_object).and_then(thumbprint).unwrap_or_default()
    }

    /// Signs claims as a JWT of a `typ`.
    pub fn sign_jwt(&self, kind: &str, claims: &Value) -> Result<String, SigningError> {
        let mut header = json!({ "alg": self.algorithm.name(), "typ": kind });
        if let Some(members) = header.as_object_mut().filter(|_| !self.kid.is_empty()) {
            members.insert("kid".into(), self.kid.clone().into());
        }
        self.sign(&header, claims.to_string().as_bytes())
    }

    /// Signs a payload under a header as a compact JWS (RFC 7515 §7.1). The header is taken as it is.
    pub fn sign(&self, header: &Value, payload: &[u8]) -> Result<String, SigningError> {
        let message = format!("{}.{}", base64url::encode(header.to_string()), base64url::encode(payload));
        let signature = self.signature(message.as_bytes())?;
        Ok(format!("{message}.{}", base64url::encode(signature)))
    }

    fn signature(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        match &self.kind {
            Kind::Ecdsa(key) => {
                key.sign(&random, message).map(|s| s.as_ref().to_vec()).map_err(|_| SigningError::Failed)
            }
            Kind::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
            Kind::Rsa(key) => {
                let encoding = encoding(self.algorithm).ok_or(SigningError::Failed)?;
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(encoding, &random, message, &mut signature).map_err(|_| SigningError::Failed)?;
                Ok(signature)
            }
            Kind::Secret(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }
}

fn curve(algorithm: Algorithm) -> Option<&'static EcdsaSigningAlgorithm> {
    match algorithm {
        Algorithm::Es256 => Some(&ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::Es384 => Some(&ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::Es512 => Some(&ECDSA_P521_SHA512_FIXED_SIGNING),
        _ => None,
    }
}

fn encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_SHA512),
        _ => None,
    }
}
