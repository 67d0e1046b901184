//! Credential keys: COSE keys (RFC 9052 §7, RFC 9053, RFC 8812) for ES256, `EdDSA` and RS256, each bound to its algorithm.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    VerificationAlgorithm,
};
use ciborium::Value;
use coset::{
    CborSerializable, CoseKey, KeyType, Label, RegisteredLabelWithPrivate,
    iana::{self, EnumI64},
};

use super::Refused;

/// Longest key: RSA with 8192 bits and room to spare.
const MAX_BYTES: usize = 2048;

/// A key that verifies what an authenticator signs.
#[derive(Debug, Clone)]
pub(crate) struct PublicKey {
    cose: Vec<u8>,
    key: ParsedPublicKey,
}

impl PublicKey {
    /// The algorithms that registrations ask for, best first, as COSE numbers them.
    pub(crate) const ALGORITHMS: [i64; 3] = [-7, -8, -257];

    /// Reads a COSE key.
    pub(crate) fn parse(cose: &[u8]) -> Result<Self, Refused> {
        if cose.len() > MAX_BYTES {
            return Err(Refused::UnknownKey);
        }
        let read = CoseKey::from_slice(cose).map_err(|_| Refused::UnknownKey)?;
        let key = verifying(&read).ok_or(Refused::UnknownKey)?;
        Ok(Self { cose: cose.to_vec(), key })
    }

    /// The key as it came, to be kept.
    pub(crate) fn as_cose(&self) -> &[u8] {
        &self.cose
    }

    /// Checks a signature of this key over a message.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
        self.key.verify_sig(message, signature).map_err(|_| Refused::BadSignature)
    }
}

fn verifying(key: &CoseKey) -> Option<ParsedPublicKey> {
    let Some(RegisteredLabelWithPrivate::Assigned(algorithm)) = &key.alg else { return None };
    let KeyType::Assigned(kind) = key.kty else { return None };
    match (algorithm, kind) {
        (iana::Algorithm::ES256, iana::KeyType::EC2) => p256(key),
        (iana::Algorithm::EdDSA, iana::KeyType::OKP) => ed25519(key),
        (iana::Algorithm::RS256, iana::KeyType::RSA) => rsa(key),
        _ => None,
    }
}

fn p256(key: &CoseKey) -> Option<ParsedPublicKey> {
    is_curve(key, iana::Ec2KeyParameter::Crv.to_i64(), iana::EllipticCurve::P_256)?;
    let (x, y) = (bytes(key, iana::Ec2KeyParameter::X.to_i64())?, bytes(key, iana::Ec2KeyParameter::Y.to_i64())?);
    // §5.8.5: the uncompressed form, so both coordinates with the full size of the field.
    if x.len() != 32 || y.len() != 32 {
        return None;
    }
    parsed(&ECDSA_P256_SHA256_ASN1, &[&[4], x, y].concat())
}

fn ed25519(key: &CoseKey) -> Option<ParsedPublicKey> {
    is_curve(key, iana::OkpKeyParameter::Crv.to_i64(), iana::EllipticCurve::Ed25519)?;
    parsed(&ED25519, bytes(key, iana::OkpKeyParameter::X.to_i64())?)
}

fn rsa(key: &CoseKey) -> Option<ParsedPublicKey> {
    let (n, e) = (bytes(key, iana::RsaKeyParameter::N.to_i64())?, bytes(key, iana::RsaKeyParameter::E.to_i64())?);
    RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()
}

fn parsed(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Option<ParsedPublicKey> {
    ParsedPublicKey::new(algorithm, key).ok()
}

fn is_curve(key: &CoseKey, label: i64, curve: iana::EllipticCurve) -> Option<()> {
    let number = parameter(key, label)?.as_integer()?;
    (i128::from(number) == i128::from(curve.to_i64())).then_some(())
}

fn bytes(key: &CoseKey, label: i64) -> Option<&[u8]> {
    parameter(key, label)?.as_bytes().map(Vec::as_slice)
}

fn parameter(key: &CoseKey, label: i64) -> Option<&Value> {
    let wanted = Label::Int(label);
    key.params.iter().find(|(label, _)| *label == wanted).map(|(_, value)| value)
}
