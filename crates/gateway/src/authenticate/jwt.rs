//! JWTs of the issuers that a route names.

use std::sync::Arc;

use config::{Issuer, IssuerName, Method, Scope};
use jose::jwt::{Claims, Invalid, Unverified};

use super::{
    Caller,
    strictness::{Strictness, sha256},
    verified::CachedToken,
};
use crate::{gate::Gate, policies::Facts, refusal::Refusal, watch::unix_now};

/// Proves a token by the rules of its issuer (401), or says that this cannot be done now (503).
pub(super) async fn prove(
    gate: &Gate,
    by: &[Method],
    token: &str,
    strictness: &Strictness<'_>,
) -> Result<Arc<Caller>, Refusal> {
    if token.len() > gate.snapshot.limits.token_bytes {
        return Err(Refusal::BadToken(Invalid::TooLong.reason()));
    }
    let digest = sha256(token).ok_or(Refusal::Internal)?;
    if let Some(caller) = remembered(gate, by, &digest) {
        return Ok(caller);
    }
    strictness.check(&digest)?;
    let issuer = choose(gate, by, token)?;
    // Boxed, as it is rare: a remembered token does not carry its state.
    let (claims, epoch) = Box::pin(verify(gate, issuer, token)).await?;
    let until = claims.expires.saturating_add(issuer.validation.skew.as_secs());
    let counted = gate.snapshot.limiter.claims.iter();
    let counted = counted.filter_map(|name| Some((name.clone(), claims.all.get(name)?.clone()))).collect();
    let caller = Caller::with_claims(caller(gate, &issuer.name, claims), counted);
    gate.verified
        .keep_token(digest, CachedToken { caller: Arc::clone(&caller), issuer: issuer.name.clone(), epoch, until });
    Ok(caller)
}

fn names(by: &[Method]) -> impl Iterator<Item = &IssuerName> {
    by.iter().filter_map(|method| match method {
        Method::Jwt(name) => Some(name),
        Method::ApiKey | Method::ClientCertificate => None,
    })
}

/// A result counts while the token lives, its issuer's keys are the same, and the route accepts that issuer.
fn remembered(gate: &Gate, by: &[Method], digest: &[u8; 32]) -> Option<Arc<Caller>> {
    gate.verified.token(digest, |token| {
        let accepted = names(by).any(|name| *name == token.issuer);
        let same_keys = gate.snapshot.key_sets.epoch(&token.issuer) == Some(token.epoch);
        accepted && same_keys && token.until > unix_now()
    })
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

async fn verify(gate: &Gate, issuer: &Issuer, token: &str) -> Result<(Claims, u64), Refusal> {
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

fn caller(gate: &Gate, issuer: &IssuerName, claims: Claims) -> Arc<Caller> {
    let policies = gate.snapshot.policies.as_ref();
    let facts = policies.map(|policies| Box::new(Facts::of_token(&claims, policies.claims.get(issuer))));
    let subject = claims.subject.or(claims.client_id).unwrap_or_default();
    let scopes = claims.scopes.into_iter().map(Scope).collect();
    Caller::new("jwt", subject, issuer.0.clone(), scopes, facts)
}
