//! Signed assertions of clients (RFC 7523 §3).

use jose::{Algorithm, dpop, jwt};
use serde_json::Value;

use super::Client;
use crate::{
    endpoints::Call,
    identity::Server,
    problem::{Answer, Code, Problem},
    secret::Digest,
    store::used::use_once,
};

/// Longest life of an assertion, in seconds: an id must be remembered for as long.
const MAX_LIFETIME: u64 = 300;
const MAX_BYTES: usize = 8 * 1024;
const MAX_ID_BYTES: usize = 256;

/// The client that an assertion says it is from. Nothing of it is to be believed yet.
pub(super) fn subject_hint(assertion: &str) -> Option<String> {
    jwt::Unverified::parse(assertion).ok()?.issuer_hint().map(str::to_owned)
}

impl Server {
    /// Whether an assertion is the client's own, for this server, and was not used before.
    pub(super) async fn check_assertion(&self, client: &Client, assertion: &str, call: &Call) -> Answer<bool> {
        let Some(keys) = client.authentication.keys() else { return Ok(false) };
        let now = self.clock.now();
        let fapi = self.is_fapi(client);
        let audiences = self.assertion_audiences(fapi, call.path);
        let validation = jwt::Validation {
            issuer: client.id.0.clone(),
            audiences: audiences.clone(),
            algorithms: algorithms(fapi),
            types: Vec::new(),
            required_claims: ["sub", "jti"].map(str::to_owned).to_vec(),
            max_lifetime: None,
            // An `iat` or `nbf` a little ahead is a clock that differs (FAPI 2.0 §5.3.2.1).
            skew: std::time::Duration::from_secs(dpop::AHEAD),
            max_bytes: MAX_BYTES,
        };
        let Ok(claims) = jwt::verify(assertion, &keys, &validation, now) else { return Ok(false) };
        if claims.subject.as_deref() != Some(client.id.0.as_str()) || claims.expires > now + MAX_LIFETIME {
            return Ok(false);
        }
        if !is_meant_for(claims.all.get("aud"), &audiences, fapi) {
            return Ok(false);
        }
        let Some(id) = claims.id.filter(|id| (1..=MAX_ID_BYTES).contains(&id.len())) else { return Ok(false) };
        let mark = Digest::of(format!("assertion\0{}\0{id}", client.id).as_bytes());
        // Remembered as long as clocks that differ could let it in.
        let mut write = self.database.write().await?;
        let fresh = use_once(&mut write, mark.0, claims.expires + dpop::AHEAD).await?;
        write.commit().await?;
        if !fresh {
            return Err(Problem::new(
                Code::InvalidClient,
                "the assertion was used before: each needs a jti of its own",
            ));
        }
        Ok(true)
    }

    fn assertion_audiences(&self, fapi: bool, path: &str) -> Vec<String> {
        let issuer = &self.settings.issuer;
        if fapi {
            return vec![issuer.as_str().to_owned()];
        }
        vec![issuer.as_str().to_owned(), issuer.at("/oauth2/token"), issuer.at(path)]
    }
}

/// `aud` names this server alone: an assertion that is also for others could be used there by us, and here by them.
fn is_meant_for(audience: Option<&Value>, accepted: &[String], fapi: bool) -> bool {
    let known = |text: &str| accepted.iter().any(|one| one == text);
    match audience {
        Some(Value::String(one)) => known(one),
        Some(Value::Array(many)) => !fapi && !many.is_empty() && many.iter().all(|one| one.as_str().is_some_and(known)),
        _ => false,
    }
}

/// Asymmetric ones; in the FAPI profile without PKCS #1 v1.5 (FAPI 2.0 §5.4.1).
fn algorithms(fapi: bool) -> Vec<Algorithm> {
    let weak = [Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];
    dpop::ALGORITHMS.into_iter().filter(|algorithm| !(fapi && weak.contains(algorithm))).collect()
}
