//! JSON Web Tokens (RFC 7519, RFC 8725): believed only after their signature, their issuer and every claim were checked.

use std::{str::FromStr, time::Duration};

use serde_json::{Map, Value};

use crate::{
    Algorithm, JwkSet, base64url,
    json::{self, NotJson},
};

/// Longest `kid` that is looked at.
const MAX_KID_BYTES: usize = 256;
/// Keys tried for a token that names none.
const MAX_KEYS_TRIED: usize = 8;
/// Header members that would let a token bring its own key (CVE-2018-0114).
const KEY_CARRIERS: [&str; 5] = ["jwk", "jku", "x5u", "x5c", "x5t"];

/// What a token of an issuer must be like.
#[derive(Debug, Clone)]
pub struct Validation {
    /// `iss`, compared byte by byte.
    pub issuer: String,
    /// One of these must be in `aud`, compared byte by byte.
    pub audiences: Vec<String>,
    /// Algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// `typ` values that are accepted, without `application/`, in any case. None: `JWT`, `at+jwt` or absent.
    pub types: Vec<String>,
    /// Claims that must be there.
    pub required_claims: Vec<String>,
    /// Longest time from `iat` to `exp`; `iat` is then required.
    pub max_lifetime: Option<Duration>,
    /// Allowance for clocks that differ; at most 60 s.
    pub skew: Duration,
    /// Longest token in bytes.
    pub max_bytes: usize,
}

/// What a valid token says.
#[derive(Debug, Clone)]
pub struct Claims {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: Option<String>,
    /// `aud`.
    pub audience: Vec<String>,
    /// `exp`, Unix seconds.
    pub expires: u64,
    /// `nbf`, Unix seconds.
    pub not_before: Option<u64>,
    /// `iat`, Unix seconds.
    pub issued_at: Option<u64>,
    /// `jti`.
    pub id: Option<String>,
    /// `client_id` (RFC 9068), else `azp`.
    pub client_id: Option<String>,
    /// `scope` (RFC 8693 §4.2) or `scp`.
    pub scopes: Vec<String>,
    /// All claims.
    pub all: Map<String, Value>,
}

/// Why a token is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum Invalid {
    /// Longer than allowed.
    TooLong,
    /// Not three parts of strict base64url, or header or claims are not objects.
    Malformed,
    /// Two members of one name.
    DuplicateMember,
    /// `alg` is not known here; `none` is not.
    UnknownAlgorithm,
    /// `alg` is known, but not accepted of this issuer.
    AlgorithmNotAllowed,
    /// `crit` or `b64`: the token asks for an extension.
    CriticalHeader,
    /// The token brings or names a key of its own.
    EmbeddedKey,
    /// `typ` is another.
    WrongType,
    /// No key of the issuer fits; it may have rotated its keys.
    KeyNotFound,
    /// The signature is not that of the key.
    BadSignature,
    /// `iss` is another.
    WrongIssuer,
    /// `aud` is another.
    WrongAudience,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` lies ahead.
    NotYetValid,
    /// `exp` is too long after `iat`.
    LifetimeTooLong,
    /// A required claim is not there.
    MissingClaim,
    /// A claim has another type than its definition says.
    BadClaim,
}

impl Invalid {
    /// A stable name for logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "token_too_long",
            Self::Malformed => "malformed",
            Self::DuplicateMember => "duplicate_member",
            Self::UnknownAlgorithm => "unknown_algorithm",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::CriticalHeader => "critical_header",
            Self::EmbeddedKey => "embedded_key",
            Self::WrongType => "wrong_type",
            Self::KeyNotFound => "key_not_found",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::MissingClaim => "missing_claim",
            Self::BadClaim => "bad_claim",
        }
    }
}

impl From<NotJson> for Invalid {
    fn from(error: NotJson) -> Self {
        match error {
            NotJson::Malformed => Self::Malformed,
            NotJson::Duplicate => Self::DuplicateMember,
        }
    }
}

/// A token taken apart. Nothing in it is to be believed yet.
pub struct Unverified<'t> {
    signed: &'t str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: Option<String>,
    kind: Option<String>,
    claims: Map<String, Value>,
}

impl<'t> Unverified<'t> {
    /// Takes a token in JWS compact serialisation apart (RFC 7515 §7.1).
    pub fn parse(token: &'t str) -> Result<Self, Invalid> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Invalid::Malformed)?;
        let (header, claims) =
            signed.split_once('.').filter(|(_, claims)| !claims.contains('.')).ok_or(Invalid::Malformed)?;
        let part = |text| base64url::decode(text).ok_or(Invalid::Malformed);
        let header = json::object(&part(header)?)?;
        check_header(&header)?;
        let algorithm = header.get("alg").and_then(Value::as_str).ok_or(Invalid::Malformed)?;
        Ok(Self {
            signed,
            signature: part(signature)?,
            algorithm: Algorithm::from_str(algorithm).map_err(|_| Invalid::UnknownAlgorithm)?,
            kid: header_text(&header, "kid")?.filter(|kid| !kid.is_empty()),
            kind: header_text(&header, "typ")?,
            claims: json::object(&part(claims)?)?,
        })
    }

    /// `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `iss`, to choose whose rules the token is then checked by.
    pub fn issuer_hint(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
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
        Some(Value::String(text)) if text.len() <= MAX_KID_BYTES => Ok(Some(text.clone())),
        Some(_) => Err(Invalid::Malformed),
    }
}

/// Checks a token against its issuer's keys and rules at a time in Unix seconds.
pub fn verify(token: &str, keys: &JwkSet, validation: &Validation, now: u64) -> Result<Claims, Invalid> {
    if token.len() > validation.max_bytes {
        return Err(Invalid::TooLong);
    }
    let token = Unverified::parse(token)?;
    if !validation.algorithms.contains(&token.algorithm) {
        return Err(Invalid::AlgorithmNotAllowed);
    }
    check_type(token.kind.as_deref(), &validation.types)?;
    check_signature(&token, keys)?;
    let claims = read_claims(token.claims)?;
    check_claims(&claims, validation, now)?;
    Ok(claims)
}

fn check_type(kind: Option<&str>, accepted: &[String]) -> Result<(), Invalid> {
    let bare = |text: &str| text.strip_prefix("application/").unwrap_or(text).to_ascii_lowercase();
    let kind = kind.map(|kind| bare(&kind.to_ascii_lowercase()));
    let fits = match (&kind, accepted) {
        (None, accepted) => accepted.is_empty(),
        (Some(kind), []) => matches!(kind.as_str(), "jwt" | "at+jwt"),
        (Some(kind), accepted) => accepted.iter().any(|one| bare(&one.to_ascii_lowercase()) == *kind),
    };
    if fits { Ok(()) } else { Err(Invalid::WrongType) }
}

fn check_signature(token: &Unverified<'_>, keys: &JwkSet) -> Result<(), Invalid> {
    let mut candidates = keys.candidates(token.kid(), token.algorithm).take(MAX_KEYS_TRIED).peekable();
    candidates.peek().ok_or(Invalid::KeyNotFound)?;
    let message = token.signed.as_bytes();
    let verified = candidates.any(|key| key.verifies(token.algorithm, message, &token.signature));
    if verified { Ok(()) } else { Err(Invalid::BadSignature) }
}

fn read_claims(all: Map<String, Value>) -> Result<Claims, Invalid> {
    let expires = time(&all, "exp")?.ok_or(Invalid::MissingClaim)?;
    let client_id = match text(&all, "client_id")? {
        None => text(&all, "azp")?,
        given => given,
    };
    Ok(Claims {
        issuer: text(&all, "iss")?.ok_or(Invalid::WrongIssuer)?,
        subject: text(&all, "sub")?,
        audience: list(&all, "aud")?,
        expires,
        not_before: time(&all, "nbf")?,
        issued_at: time(&all, "iat")?,
        id: text(&all, "jti")?,
        client_id,
        scopes: scopes(&all)?,
        all,
    })
}

fn text(claims: &Map<String, Value>, name: &str) -> Result<Option<String>, Invalid> {
    match claims.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Invalid::BadClaim),
    }
}

/// A `NumericDate` (RFC 7519 §2): a number that is not negative; fractions are cut off.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<u64>, Invalid> {
    const MOST: f64 = 9_007_199_254_740_992.0; // 2^53: past it a double is no longer whole seconds
    match claims.get(name) {
        None => Ok(None),
        Some(Value::Number(number)) => match (number.as_u64(), number.as_f64()) {
            (Some(seconds), _) => Ok(Some(seconds)),
            (None, Some(seconds)) if (0.0..MOST).contains(&seconds) =>
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "the range is checked above"
                )]
                Ok(Some(seconds as u64))
            }
            _ => Err(Invalid::BadClaim),
        },
        Some(_) => Err(Invalid::BadClaim),
    }
}

fn list(claims: &Map<String, Value>, name: &str) -> Result<Vec<String>, Invalid> {
    match claims.get(name) {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(many)) => {
            many.iter().map(|one| one.as_str().map(str::to_owned).ok_or(Invalid::BadClaim)).collect()
        }
        Some(_) => Err(Invalid::BadClaim),
    }
}

fn scopes(claims: &Map<String, Value>) -> Result<Vec<String>, Invalid> {
    let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    match claims.get("scope") {
        None => match claims.get("scp") {
            Some(Value::String(text)) => Ok(words(text)),
            _ => list(claims, "scp"),
        },
        Some(Value::String(text)) => Ok(words(text)),
        Some(_) => Err(Invalid::BadClaim),
    }
}

fn check_claims(claims: &Claims, validation: &Validation, now: u64) -> Result<(), Invalid> {
    if claims.issuer != validation.issuer {
        return Err(Invalid::WrongIssuer);
    }
    if !claims.audience.iter().any(|one| validation.audiences.contains(one)) {
        return Err(Invalid::WrongAudience);
    }
    let skew = validation.skew.as_secs();
    if claims.expires.saturating_add(skew) <= now {
        return Err(Invalid::Expired);
    }
    let latest = now.saturating_add(skew);
    if claims.not_before.is_some_and(|time| time > latest) || claims.issued_at.is_some_and(|time| time > latest) {
        return Err(Invalid::NotYetValid);
    }
    if let Some(most) = validation.max_lifetime {
        let issued = claims.issued_at.ok_or(Invalid::MissingClaim)?;
        if claims.expires.saturating_sub(issued) > most.as_secs() {
            return Err(Invalid::LifetimeTooLong);
        }
    }
    if validation.required_claims.iter().any(|name| !claims.all.contains_key(name)) {
        return Err(Invalid::MissingClaim);
    }
    Ok(())
}
