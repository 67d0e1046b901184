//! What is known of providers: their endpoints and keys, by discovery (OpenID Connect Discovery §4), for ten minutes.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use jose::JwkSet;
use serde_json::{Map, Value};

use super::{FederationError, Provider};
use crate::outgoing::{Errand, WayOut};

/// Seconds that what was learned is used.
const KEPT: u64 = 600;
/// Seconds before keys are asked for again because one is missing.
const COOL_DOWN: u64 = 60;

/// A provider's endpoints and keys.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) authorization: String,
    pub(super) token: String,
    /// Whether every answer of its says who gives it (RFC 9207 §3).
    pub(super) says_issuer: bool,
    pub(super) keys: JwkSet,
    learned: u64,
}

/// All providers, and the way to them.
pub(crate) struct Remotes {
    way_out: Arc<WayOut>,
    known: RwLock<HashMap<String, Arc<Remote>>>,
}

impl Remotes {
    pub(crate) fn new(way_out: Arc<WayOut>) -> Self {
        Self { way_out, known: RwLock::default() }
    }

    /// What is known of a provider; asked for anew when it is old, or when a key was missing.
    pub(super) async fn of(
        &self,
        provider: &Provider,
        key_is_missing: bool,
        now: u64,
    ) -> Result<Arc<Remote>, FederationError> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&provider.issuer).cloned();
        let kept = if key_is_missing { COOL_DOWN } else { KEPT };
        if let Some(known) = known.filter(|known| now.saturating_sub(known.learned) < kept) {
            return Ok(known);
        }
        let learned = Arc::new(self.learn(provider, now).await?);
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(provider.issuer.clone(), Arc::clone(&learned));
        Ok(learned)
    }

    async fn learn(&self, provider: &Provider, now: u64) -> Result<Remote, FederationError> {
        // OpenID Connect Discovery §4.1: a slash at the end goes, though it belongs to the identifier.
        let place = provider.issuer.strip_suffix('/').unwrap_or(&provider.issuer);
        let document = self.get(&format!("{place}/.well-known/openid-configuration")).await?;
        let document: Map<String, Value> =
            serde_json::from_slice(&document).map_err(|_| FederationError::Document("discovery document"))?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(provider.issuer.as_str()) {
            return Err(FederationError::WrongIssuer);
        }
        let endpoint = |name: &'static str| {
            text(name).filter(|uri| is_safe(uri, &provider.issuer)).ok_or(FederationError::Document(name))
        };
        let keys = self.get(endpoint("jwks_uri")?).await?;
        let says_issuer = document.get("authorization_response_iss_parameter_supported").and_then(Value::as_bool);
        Ok(Remote {
            authorization: endpoint("authorization_endpoint")?.to_owned(),
            token: endpoint("token_endpoint")?.to_owned(),
            says_issuer: says_issuer.unwrap_or(false),
            keys: JwkSet::parse(&keys).map_err(|_| FederationError::Document("jwks_uri"))?,
            learned: now,
        })
    }

    async fn get(&self, uri: &str) -> Result<Bytes, FederationError> {
        let request = Request::builder().method(Method::GET).uri(uri).header(header::ACCEPT, "application/json");
        self.send(request.body(Bytes::new()).map_err(|_| FederationError::Document("address"))?).await
    }

    /// Sends a request, and gives the body of an answer that is 200.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Bytes, FederationError> {
        let answer = self.way_out.send(Errand::Provider, request).await?;
        if answer.status() != StatusCode::OK {
            return Err(FederationError::Refused(answer.status().to_string()));
        }
        Ok(answer.into_body())
    }
}

/// An endpoint is over https, or, like its issuer, on loopback.
fn is_safe(uri: &str, issuer: &str) -> bool {
    let Ok(uri) = uri.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => issuer.starts_with("http://") && crate::settings::is_loopback(host),
        _ => false,
    }
}
