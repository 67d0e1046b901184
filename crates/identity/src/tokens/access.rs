//! Access tokens: JWTs (RFC 9068), or texts that stand for one.

use std::collections::BTreeSet;

use jose::Algorithm;
use serde_json::{Map, Value, json};

use super::Binding;
use crate::{
    clients::{Client, TokenFormat},
    identity::Server,
    problem::{Answer, Problem},
    scopes,
    secret::{Purpose, Secret, random_id},
};

/// What an access token is made from.
pub(crate) struct Issue<'i> {
    pub(crate) client: &'i Client,
    pub(crate) subject: &'i str,
    pub(crate) scopes: &'i BTreeSet<String>,
    pub(crate) resources: &'i [String],
    pub(crate) binding: &'i Binding,
    pub(crate) roles: &'i [String],
    pub(crate) tenant: Option<&'i str>,
    pub(crate) grant: Option<GrantFacts<'i>>,
    /// The claim `act` (RFC 8693 §4.1).
    pub(crate) actor: Option<Value>,
    /// The claim `exchanged`: the tokens that it came of, which it does not outlive.
    pub(crate) exchanged: Option<Value>,
    /// Unix seconds that the token does not outlive.
    pub(crate) expires_by: u64,
}

/// What a token says of the grant behind it.
pub(crate) struct GrantFacts<'i> {
    pub(crate) id: &'i str,
    pub(crate) sid: Option<&'i str>,
    pub(crate) auth_time: Option<u64>,
    pub(crate) acr: Option<&'i str>,
}

/// An access token as the client gets it.
pub(crate) struct AccessToken {
    pub(crate) text: String,
    /// Seconds.
    pub(crate) expires_in: u64,
    /// `Bearer` or `DPoP`.
    pub(crate) kind: &'static str,
}

impl Server {
    /// Makes an access token.
    pub(crate) async fn issue(&self, issue: &Issue<'_>) -> Answer<AccessToken> {
        let now = self.clock.now();
        let expires = (now + self.settings.access_token.as_secs()).min(issue.expires_by);
        let claims = self.claims(issue, now, expires)?;
        let signed = self.sign(Algorithm::Es256, "at+jwt", &claims)?;
        let (expires_in, kind) = (expires.saturating_sub(now), issue.binding.token_type());
        let by_server = if self.settings.opaque_access_tokens { TokenFormat::Opaque } else { TokenFormat::Jwt };
        let text = match issue.client.token_format.unwrap_or(by_server) {
            TokenFormat::Jwt => signed,
            TokenFormat::Opaque => {
                let opaque = Secret::generate(Purpose::Access)?;
                self.database.add_opaque(opaque.digest(), &signed, expires).await?;
                opaque.expose().to_owned()
            }
        };
        Ok(AccessToken { text, expires_in, kind })
    }

    fn claims(&self, issue: &Issue<'_>, now: u64, expires: u64) -> Answer<Value> {
        let audience = match issue.resources {
            [] => json!(self.settings.issuer.as_str()),
            [one] => json!(one),
            many => json!(many),
        };
        let mut claims = Map::new();
        let mut say = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        say("iss", self.settings.issuer.as_str().into());
        say("sub", issue.subject.into());
        say("aud", audience);
        say("client_id", issue.client.id.0.as_str().into());
        say("jti", random_id()?.into());
        say("iat", now.into());
        say("exp", expires.into());
        say("scope", scopes::text(issue.scopes).into());
        if !issue.roles.is_empty() {
            say("roles", json!(issue.roles));
        }
        let grant = issue.grant.as_ref();
        let optional = [
            ("cnf", issue.binding.confirmation()),
            ("tenant", issue.tenant.map(Value::from)),
            ("grant", grant.map(|grant| grant.id.into())),
            ("sid", grant.and_then(|grant| grant.sid).map(Value::from)),
            ("auth_time", grant.and_then(|grant| grant.auth_time).map(Value::from)),
            ("acr", grant.and_then(|grant| grant.acr).map(Value::from)),
            ("act", issue.actor.clone()),
            ("exchanged", issue.exchanged.clone()),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                say(name, value);
            }
        }
        Ok(Value::Object(claims))
    }

    /// Signs claims with the key that is active.
    pub(crate) fn sign(&self, algorithm: Algorithm, kind: &str, claims: &Value) -> Answer<String> {
        self.keys.loaded().sign(algorithm, kind, claims).map_err(|error| Problem::unavailable(&error))
    }
}
