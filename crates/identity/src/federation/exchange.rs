//! To the provider and back: the address that the browser is sent to, and what its code is worth.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Method, Request, header};
use jose::{
    Algorithm, Invalid,
    jwt::{self, Claims, Validation},
};
use serde_json::{Map, Value};

use super::{Attempt, FederationError, Intent, Provider, remote::Remote};
use crate::{identity::Server, parameters::Parameters};

/// Signatures by keys that only the provider has.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::EdDsa,
    Algorithm::Rs256,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];
const SKEW: Duration = Duration::from_mins(1);
const MAX_TOKEN: usize = 16 * 1024;

impl Server {
    /// A provider by its name in addresses.
    pub(crate) fn provider(&self, name: &str) -> Result<&Provider, FederationError> {
        let known = self.settings.providers.iter().find(|provider| provider.name == name);
        known.filter(|_| self.way_out.is_connected()).ok_or_else(|| FederationError::NoProvider(name.to_owned()))
    }

    /// Begins a login at a provider: where the browser goes, and what it keeps.
    pub(crate) async fn begin_external(
        &self,
        name: &str,
        intent: Intent,
    ) -> Result<(String, Attempt), FederationError> {
        let now = self.clock.now();
        let provider = self.provider(name)?;
        let remote = self.remotes.of(provider, false, now).await?;
        let attempt = Attempt::begin(name, intent, now).map_err(store::StoreError::from)?;
        let scopes = ["openid"].into_iter().chain(provider.scopes.iter().map(String::as_str));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &provider.client_id)
            .append_pair("redirect_uri", &self.external_return(name))
            .append_pair("scope", &scopes.collect::<Vec<_>>().join(" "))
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge_method", "S256")
            .append_pair("code_challenge", &attempt.challenge())
            .finish();
        let separator = if remote.authorization.contains('?') { '&' } else { '?' };
        Ok((format!("{}{separator}{query}", remote.authorization), attempt))
    }

    /// Whom a provider vouches for, by the answer that the browser brought.
    pub(crate) async fn finish_external(
        &self,
        attempt: &Attempt,
        answer: &Parameters,
    ) -> Result<Claims, FederationError> {
        let provider = self.provider(&attempt.provider)?;
        let remote = self.remotes.of(provider, false, self.clock.now()).await?;
        check_issuer(provider, &remote, answer.get("iss"))?;
        if let Some(error) = answer.get("error") {
            return Err(FederationError::Refused(error.escape_default().to_string()));
        }
        let code = answer.get("code").ok_or(FederationError::Document("answer"))?;
        let token = self.redeem(provider, &remote, attempt, code).await?;
        let claims = match verify(&token, provider, &remote, self.clock.now()) {
            Err(Invalid::KeyNotFound) => {
                let remote = self.remotes.of(provider, true, self.clock.now()).await?;
                verify(&token, provider, &remote, self.clock.now())?
            }
            other => other?,
        };
        check_login(&claims, provider, attempt)?;
        Ok(claims)
    }

    /// The ID token for a code.
    async fn redeem(
        &self,
        provider: &Provider,
        remote: &Remote,
        attempt: &Attempt,
        code: &str,
    ) -> Result<String, FederationError> {
        let request = self.code_request(provider, remote, attempt, code)?;
        let answer = self.remotes.send(request).await?;
        let answer: Map<String, Value> =
            serde_json::from_slice(&answer).map_err(|_| FederationError::Document("token answer"))?;
        let token = answer.get("id_token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or(FederationError::Document("token answer"))
    }

    fn code_request(
        &self,
        provider: &Provider,
        remote: &Remote,
        attempt: &Attempt,
        code: &str,
    ) -> Result<Request<Bytes>, FederationError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &self.external_return(&provider.name))
            .append_pair("code_verifier", &attempt.verifier);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&remote.token)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        match &provider.client_secret {
            Some(secret) => {
                request = request.header(header::AUTHORIZATION, basic(&provider.client_id, secret.expose()));
            }
            None => {
                form.append_pair("client_id", &provider.client_id);
            }
        }
        request.body(Bytes::from(form.finish())).map_err(|_| FederationError::Document("token endpoint"))
    }

    /// Where a provider sends the browser back to.
    fn external_return(&self, name: &str) -> String {
        self.settings.issuer.at(&format!("/login/external/{name}/return"))
    }
}

/// RFC 9207 §2.4: an issuer that is named must be the one that was asked, and one that promised to name itself must do so.
fn check_issuer(provider: &Provider, remote: &Remote, named: Option<&str>) -> Result<(), FederationError> {
    let right = match named {
        Some(named) => named == provider.issuer,
        None => !remote.says_issuer,
    };
    if right { Ok(()) } else { Err(FederationError::WrongIssuer) }
}

fn verify(token: &str, provider: &Provider, remote: &Remote, now: u64) -> Result<Claims, Invalid> {
    let validation = Validation {
        issuer: provider.issuer.clone(),
        audiences: vec![provider.client_id.clone()],
        algorithms: ALGORITHMS.to_vec(),
        types: Vec::new(),
        required_claims: ["sub", "iat", "nonce"].map(str::to_owned).to_vec(),
        max_lifetime: None,
        skew: SKEW,
        max_bytes: MAX_TOKEN,
    };
    jwt::verify(token, &remote.keys, &validation, now)
}

/// OpenID Connect Core §3.1.3.7: the token is for this login, and for this client alone.
fn check_login(claims: &Claims, provider: &Provider, attempt: &Attempt) -> Result<(), FederationError> {
    let text = |name: &str| claims.all.get(name).and_then(Value::as_str);
    let party = text("azp");
    let alone = claims.audience.len() == 1 || party.is_some();
    let ours = party.is_none_or(|party| party == provider.client_id);
    if text("nonce") == Some(attempt.nonce.as_str()) && alone && ours {
        Ok(())
    } else {
        Err(FederationError::WrongToken)
    }
}

/// RFC 6749 §2.3.1: both parts are form-encoded before they are joined.
fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", BASE64_STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret))))
}
