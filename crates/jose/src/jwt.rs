//! JSON Web Tokens (RFC 7519, RFC 8725): believed only after their signature, their issuer and every claim were checked.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{Algorithm, Compact, JwkSet, json};

pub use crate::Invalid;

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

/// A token taken apart. Nothing in it is to be believed yet.
pub struct Unverified<'t> {
    jws: Compact<'t>,
    claims: Map<String, Value>,
}

impl<'t> Unverified<'t> {
    /// Takes a token in JWS compact serialisation apart (RFC 7515 §7.1).
    pub fn parse(token: &'t str) -> Result<Self, Invalid> {
        let jws = Compact::parse(token)?;
        let claims = json::object(jws.payload())?;
        Ok(Self { jws, claims })
    }

    /// `alg`.
    pub fn algorithm(&self) -> Algorithm {
        self.jws.algorithm()
    }

    /// `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.jws.kid()
    }

    /// `aud`, for who accepts a token whoever it is for.
    pub fn audience_hint(&self) -> Vec<String> {
        list(&self.claims, "aud").unwrap_or_default()
    }

    /// `iss`, to choose whose rules the token is then checked by.
    pub fn issuer_hint(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }
}

/// Checks a token against its issuer's keys and rules at a time in Unix seconds.
pub fn verify(token: &str, keys: &JwkSet, validation: &Validation, now: u64) -> Result<Claims, Invalid> {
    if token.len() > validation.max_bytes {
        return Err(Invalid::TooLong);
    }
    let token = Unverified::parse(token)?;
    if !validation.algorithms.contains(&token.algorithm()) {
        return Err(Invalid::AlgorithmNotAllowed);
    }
    check_type(token.jws.kind(), &validation.types)?;
    token.jws.verify(keys)?;
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
