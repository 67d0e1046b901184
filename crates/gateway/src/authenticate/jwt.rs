//! Access tokens of the issuers that a route names: JWTs, and references that the built-in authorization server translates.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use config::{Issuer, IssuerKeys, IssuerName, Method, Scope};
use http::HeaderValue;
use jose::jwt::{Claims, Invalid, Unverified};

use super::{
    Caller, LogIn,
    confirmation::Confirmation,
    possession::Possession,
    strictness::{Strictness, sha256},
    verified::{CachedToken, Life},
};
use crate::{gate::Gate, policies::Facts, refusal::Refusal, resident::Resident, route::Route, watch::unix_now};

/// Proves a token by the rules of its issuer (401), or says that this cannot be done now (503).
pub(super) async fn prove(
    gate: &Gate,
    by: &[Method],
    route: &Route,
    possession: &Possession<'_>,
    strictness: &Strictness<'_>,
) -> Result<(Arc<Caller>, Option<HeaderValue>), Refusal> {
    let token = possession.token;
    if token.len() > gate.snapshot.limits.token_bytes {
        return Err(Refusal::BadToken(Invalid::TooLong.reason()));
    }
    let digest = sha256(token).ok_or(Refusal::Internal)?;
    let believed = if let Some(believed) = remembered(gate, by, &digest) {
        believed
    } else {
        strictness.check(&digest)?;
        // Boxed, as it is rare: a remembered token does not carry its state.
        let cached = Box::pin(verify(gate, by, token)).await?;
        let believed = Believed::of(&cached);
        gate.verified.keep_token(digest, cached);
        believed
    };
    if let Some(life) = &believed.life {
        check_life(gate, route, life)?;
    }
    let nonce = possession.check(believed.bound.as_deref())?;
    Ok((believed.caller, nonce))
}

/// What of a token that was verified decides over a request.
struct Believed {
    caller: Arc<Caller>,
    bound: Option<Arc<Confirmation>>,
    life: Option<Arc<Life>>,
}

impl Believed {
    fn of(token: &CachedToken) -> Self {
        Self { caller: Arc::clone(&token.caller), bound: token.bound.clone(), life: token.life.clone() }
    }
}

fn names(by: &[Method]) -> impl Iterator<Item = &IssuerName> {
    by.iter().filter_map(|method| match method {
        Method::Jwt(name) => Some(name),
        Method::ApiKey | Method::ClientCertificate => None,
    })
}

/// A result counts while the token lives, its issuer's keys are the same, and the route accepts that issuer.
fn remembered(gate: &Gate, by: &[Method], digest: &[u8; 32]) -> Option<Believed> {
    gate.verified.token(digest, |token| {
        let accepted = names(by).any(|name| *name == token.issuer);
        let same_keys = gate.snapshot.key_sets.epoch(&token.issuer) == Some(token.epoch);
        (accepted && same_keys && token.until > unix_now()).then(|| Believed::of(token))
    })
}

/// Whether a token of the built-in authorization server is for this API, and was not revoked since it was looked at.
fn check_life(gate: &Gate, route: &Route, life: &Life) -> Result<(), Refusal> {
    let resident = resident(gate)?;
    let is_for_it = route.resource.as_ref().is_some_and(|resource| life.claims.audience.contains(&resource.identifier));
    if !is_for_it {
        return Err(Refusal::BadToken(Invalid::WrongAudience.reason()));
    }
    // Read before the look-up: a revocation during it makes the result old at once.
    let epoch = resident.revocation_epoch();
    if life.seen.load(Ordering::Relaxed) == epoch {
        return Ok(());
    }
    if resident.is_revoked(&life.claims) {
        return Err(Refusal::BadToken("revoked"));
    }
    life.seen.store(epoch, Ordering::Relaxed);
    Ok(())
}

fn resident(gate: &Gate) -> Result<&Arc<dyn Resident>, Refusal> {
    gate.snapshot.sources.resident.as_ref().ok_or(Refusal::IssuerUnavailable)
}

/// Looks at a token that is not remembered.
async fn verify(gate: &Gate, by: &[Method], token: &str) -> Result<CachedToken, Refusal> {
    let own = config::Identity::issuer_name();
    let translated = match &gate.snapshot.sources.resident {
        Some(resident) if names(by).any(|name| *name == own) => resident.opaque(token),
        Some(_) | None => None,
    };
    let (issuer, (claims, epoch)) = if let Some(digest) = translated {
        (gate.snapshot.issuers.get(&own).ok_or(Refusal::Internal)?, translate(gate, digest).await?)
    } else {
        let issuer = choose(gate, by, token)?;
        (issuer, verify_signed(gate, issuer, token).await?)
    };
    cached(gate, issuer, claims, epoch)
}

/// The claims behind an opaque token.
async fn translate(gate: &Gate, digest: [u8; 32]) -> Result<(Claims, u64), Refusal> {
    let resident = resident(gate)?;
    let epoch = resident.keys_epoch();
    match resident.translate(digest).await {
        Ok(Some(claims)) if claims.expires > unix_now() => Ok((claims, epoch)),
        Ok(_) => Err(Refusal::BadToken("unknown")),
        Err(_) => Err(Refusal::IssuerUnavailable),
    }
}

/// The issuer whose rules apply. The token only hints at it; the rules then check the hint.
fn choose<'g>(gate: &'g Gate, by: &[Method], token: &str) -> Result<&'g Arc<Issuer>, Refusal> {
    let unverified = Unverified::parse(token).map_err(|invalid| Refusal::BadToken(invalid.reason()))?;
    let issuers = || names(by).filter_map(|name| gate.snapshot.issuers.get(name));
    let hint = unverified.issuer_hint();
    issuers()
        .find(|issuer| hint.is_some_and(|hint| hint == issuer.validation.issuer))
        .ok_or(Refusal::BadToken(Invalid::WrongIssuer.reason()))
}

async fn verify_signed(gate: &Gate, issuer: &Issuer, token: &str) -> Result<(Claims, u64), Refusal> {
    let key_sets = &gate.snapshot.key_sets;
    let current = key_sets.current(&issuer.name).await.ok_or(Refusal::IssuerUnavailable)?;
    let now = unix_now();
    let outcome = jose::jwt::verify(token, &current.keys, &issuer.validation, now);
    match outcome {
        Ok(claims) => Ok((claims, current.epoch)),
        Err(Invalid::KeyNotFound) => {
            // The issuer may have rotated its keys; the fetch is bounded by the key set's own cool-down.
            let refreshed = key_sets.refresh_for_unknown_key(&issuer.name).await.ok_or(Refusal::IssuerUnavailable)?;
            let claims = jose::jwt::verify(token, &refreshed.keys, &issuer.validation, now);
            claims.map(|claims| (claims, refreshed.epoch)).map_err(|invalid| Refusal::BadToken(invalid.reason()))
        }
        Err(invalid) => Err(Refusal::BadToken(invalid.reason())),
    }
}

/// What is remembered of a token.
fn cached(gate: &Gate, issuer: &Issuer, claims: Claims, epoch: u64) -> Result<CachedToken, Refusal> {
    let until = claims.expires.saturating_add(issuer.validation.skew.as_secs());
    let bound = Confirmation::of(&claims).map_err(|_| Refusal::BadToken("bound_to_something_unknown"))?.map(Arc::new);
    let life = match issuer.keys {
        IssuerKeys::Resident => {
            Some(Arc::new(Life { claims: for_revocations(&claims), seen: AtomicU64::new(u64::MAX) }))
        }
        IssuerKeys::Discovery(_) | IssuerKeys::JwksUri(_) | IssuerKeys::Static(_) | IssuerKeys::Secret(_) => None,
    };
    let counted = gate.snapshot.limiter.claims.iter();
    let counted = counted.filter_map(|name| Some((name.clone(), claims.all.get(name)?.clone()))).collect();
    let log_in = LogIn::of(&claims);
    let caller = Caller::with_claims(caller(gate, &issuer.name, claims), counted, log_in);
    Ok(CachedToken { caller, issuer: issuer.name.clone(), epoch, until, bound, life })
}

/// Claims without those that say nothing of a revocation: they would be kept for as long as the token is remembered.
fn for_revocations(claims: &Claims) -> Claims {
    let all = claims.all.iter().filter(|(name, _)| matches!(name.as_str(), "grant" | "sid"));
    let all = all.map(|(name, value)| (name.clone(), value.clone())).collect();
    Claims { scopes: Vec::new(), all, ..claims.clone() }
}

fn caller(gate: &Gate, issuer: &IssuerName, claims: Claims) -> Arc<Caller> {
    let policies = gate.snapshot.policies.as_ref();
    let facts = policies.map(|policies| Box::new(Facts::of_token(&claims, policies.claims.get(issuer))));
    let subject = claims.subject.or(claims.client_id).unwrap_or_default();
    let scopes = claims.scopes.into_iter().map(Scope).collect();
    Caller::new("jwt", subject, issuer.0.clone(), scopes, facts)
}
