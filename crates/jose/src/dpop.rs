//! `DPoP` proofs (RFC 9449 §4): whoever uses a token shows, for each request, that they hold the key it is bound to.
//!
//! A proof is a JWS that brings its own public key. It says for which method, address and access token it was made, and
//! when. What it says is believed once [`verify`] has looked at all of it; that it is used once (`jti`) and that its
//! `nonce` is the server's own are checks with a memory, and so the caller's.

mod url;

use aws_lc_rs::digest;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use crate::{Algorithm, Compact, Invalid, base64url, json, jwk::Key, thumbprint};
use url::Target;

/// Longest proof that is looked at. One with an RSA key of 4096 bits has about 2,000 bytes.
pub const MAX_BYTES: usize = 4096;
/// Longest `jti` and `nonce`.
pub const MAX_ID_BYTES: usize = 256;
/// How old a proof may be, in seconds.
pub const PAST: u64 = 60;
/// How far ahead of ours a client's clock may be, in seconds.
pub const AHEAD: u64 = 10;

/// Algorithms a proof may be signed with (`dpop_signing_alg_values_supported`): all that are not symmetric.
pub const ALGORITHMS: [Algorithm; 10] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// Members of a JWK that only its owner may know (RFC 7518 §6).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The request that a proof comes with.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// Its method.
    pub method: &'r str,
    /// Its address as the client knows it: scheme, host, port and path. A query or fragment is not compared.
    pub url: &'r str,
    /// The access token that comes with it, where one does.
    pub access_token: Option<&'r str>,
    /// Unix seconds.
    pub now: u64,
}

/// What a valid proof says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The RFC 7638 thumbprint of the key (`jkt`).
    pub thumbprint: String,
    /// `jti`, for the caller to take once.
    pub id: String,
    /// `nonce`, for the caller to compare.
    pub nonce: Option<String>,
    /// `iat`, Unix seconds.
    pub issued_at: u64,
}

/// Why a proof is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum Refused {
    /// Over [`MAX_BYTES`].
    TooLong,
    /// Not a JWS, or what [`Invalid`] says of its form.
    Jws(Invalid),
    /// `typ` is not `dpop+jwt`.
    WrongType,
    /// `alg` is symmetric.
    SymmetricAlgorithm,
    /// No `jwk`.
    MissingKey,
    /// `jwk` tells a private or symmetric key.
    PrivateKey,
    /// `jwk` is not a key for `alg`.
    UnusableKey,
    /// `jti`, `htm`, `htu` or `iat` is not there.
    MissingClaim,
    /// A claim has another type, or is empty or too long.
    BadClaim,
    /// `htm` is another method.
    WrongMethod,
    /// `htu` is another address.
    WrongUrl,
    /// `iat` is over [`PAST`] seconds ago.
    TooOld,
    /// `iat` is over [`AHEAD`] seconds ahead.
    NotYetValid,
    /// A token came along, and the proof does not say for which it is.
    MissingTokenHash,
    /// `ath` is the hash of another token.
    WrongTokenHash,
}

impl Refused {
    /// A stable name for logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "proof_too_long",
            Self::Jws(invalid) => invalid.reason(),
            Self::WrongType => "proof_wrong_type",
            Self::SymmetricAlgorithm => "proof_symmetric_algorithm",
            Self::MissingKey => "proof_missing_key",
            Self::PrivateKey => "proof_private_key",
            Self::UnusableKey => "proof_unusable_key",
            Self::MissingClaim => "proof_missing_claim",
            Self::BadClaim => "proof_bad_claim",
            Self::WrongMethod => "proof_wrong_method",
            Self::WrongUrl => "proof_wrong_url",
            Self::TooOld => "proof_too_old",
            Self::NotYetValid => "proof_not_yet_valid",
            Self::MissingTokenHash => "proof_missing_token_hash",
            Self::WrongTokenHash => "proof_wrong_token_hash",
        }
    }
}

impl Proof {
    /// What to remember so that the proof is used once: a digest of key and `jti`, so that nobody can use up another's.
    pub fn mark(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        // A thumbprint has always the same length, so no two pairs are the same bytes.
        context.update(self.thumbprint.as_bytes());
        context.update(self.id.as_bytes());
        let mut mark = [0; 32];
        mark.copy_from_slice(context.finish().as_ref());
        mark
    }

    /// Unix seconds after which [`verify`] refuses it, so that its mark can be forgotten.
    pub fn expires(&self) -> u64 {
        self.issued_at.saturating_add(PAST)
    }
}

/// Checks a proof against the request it comes with (RFC 9449 §4.3, items 2 to 12 without 10 and the memory of 11).
pub fn verify(proof: &str, request: &Request<'_>) -> Result<Proof, Refused> {
    if proof.len() > MAX_BYTES {
        return Err(Refused::TooLong);
    }
    let (header, jws) = Compact::parse_with_header(proof).map_err(Refused::Jws)?;
    if jws.kind() != Some("dpop+jwt") {
        return Err(Refused::WrongType);
    }
    if !ALGORITHMS.contains(&jws.algorithm()) {
        return Err(Refused::SymmetricAlgorithm);
    }
    let jwk = header.get("jwk").and_then(Value::as_object).ok_or(Refused::MissingKey)?;
    let (key, thumbprint) = public_key(jwk, jws.algorithm())?;
    let claims = json::object(jws.payload()).map_err(|error| Refused::Jws(error.into()))?;
    // What is cheap comes first; none of it tells more than the client said itself.
    let proof = check_claims(&claims, request, thumbprint)?;
    jws.verify_with(&key).map_err(Refused::Jws)?;
    Ok(proof)
}

fn public_key(jwk: &Map<String, Value>, algorithm: Algorithm) -> Result<(Key, String), Refused> {
    if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
        return Err(Refused::PrivateKey);
    }
    let thumbprint = thumbprint(jwk).ok_or(Refused::UnusableKey)?;
    let mut jwk = jwk.clone();
    // An RSA key that names no algorithm would be made ready for each of them.
    jwk.entry("alg").or_insert_with(|| algorithm.name().into());
    let key = Key::from_jwk(&jwk).filter(|key| key.serves(algorithm)).ok_or(Refused::UnusableKey)?;
    Ok((key, thumbprint))
}

fn check_claims(claims: &Map<String, Value>, request: &Request<'_>, thumbprint: String) -> Result<Proof, Refused> {
    let id = id(claims, "jti")?.ok_or(Refused::MissingClaim)?;
    if text(claims, "htm")?.ok_or(Refused::MissingClaim)? != request.method {
        return Err(Refused::WrongMethod);
    }
    let stated = text(claims, "htu")?.ok_or(Refused::MissingClaim)?;
    match (Target::parse(stated), Target::parse(request.url)) {
        (Some(stated), Some(real)) if stated == real => {}
        _ => return Err(Refused::WrongUrl),
    }
    let issued_at = match claims.get("iat") {
        None => return Err(Refused::MissingClaim),
        Some(time) => time.as_u64().ok_or(Refused::BadClaim)?,
    };
    if issued_at.saturating_add(PAST) < request.now {
        return Err(Refused::TooOld);
    }
    if issued_at > request.now.saturating_add(AHEAD) {
        return Err(Refused::NotYetValid);
    }
    if let Some(token) = request.access_token {
        check_token_hash(text(claims, "ath")?.ok_or(Refused::MissingTokenHash)?, token)?;
    }
    let nonce = self::id(claims, "nonce")?;
    Ok(Proof { thumbprint, id, nonce, issued_at })
}

fn check_token_hash(stated: &str, token: &str) -> Result<(), Refused> {
    let real = base64url::encode(digest::digest(&digest::SHA256, token.as_bytes()));
    if bool::from(stated.as_bytes().ct_eq(real.as_bytes())) { Ok(()) } else { Err(Refused::WrongTokenHash) }
}

fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Result<Option<&'c str>, Refused> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refused::BadClaim),
    }
}

fn id(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Refused> {
    match text(claims, name)? {
        None => Ok(None),
        Some(text) if (1..=MAX_ID_BYTES).contains(&text.len()) => Ok(Some(text.to_owned())),
        Some(_) => Err(Refused::BadClaim),
    }
}
