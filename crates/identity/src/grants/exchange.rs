//! Token exchange (RFC 8693): an API that was called goes on to the next one, with less.
//!
//! The client must be an API that the token was for ([`Client::serves`](crate::Client)), or the one it was given to. What
//! it gets is for fewer scopes or the same, no longer than the token it gave, and ends with that token and with its grant.

use jose::jwt::Claims;
use serde_json::{Value, json};

use crate::{
    clients::Authenticated,
    endpoints::Call,
    identity::Server,
    problem::{Answer, Code, Problem},
    scopes,
    tokens::{GrantFacts, Issue, TokenAnswer},
};

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// Actors of a token: a chain that is longer is a loop.
const MOST_ACTORS: usize = 5;

impl Server {
    /// `grant_type=urn:ietf:params:oauth:grant-type:token-exchange`.
    pub(crate) async fn exchange(&self, call: &Call, authenticated: &Authenticated) -> Answer<TokenAnswer> {
        let client = &authenticated.client.client;
        let parameter = |name| call.parameters.get(name);
        let token = call.parameters.required("subject_token", "`subject_token` is missing")?;
        let kind = call.parameters.required("subject_token_type", "`subject_token_type` is missing")?;
        if ![ACCESS_TOKEN, JWT].contains(&kind) || parameter("actor_token").is_some() {
            return Err(Problem::invalid_request(
                "only access tokens of this server are exchanged, without actor tokens",
            ));
        }
        if parameter("requested_token_type").is_some_and(|kind| ![ACCESS_TOKEN, JWT].contains(&kind)) {
            return Err(Problem::invalid_request("only access tokens are given for another"));
        }
        let subject =
            self.believed(token).await?.ok_or_else(|| Problem::invalid_grant("the subject token is not valid"))?;
        let is_theirs = subject.client_id.as_deref() == Some(client.id.0.as_str());
        if !is_theirs && !subject.audience.iter().any(|audience| client.serves.contains(audience)) {
            return Err(Problem::invalid_grant("the subject token was not for this client"));
        }
        let held: std::collections::BTreeSet<String> = subject.scopes.iter().cloned().collect();
        let granted = match parameter("scope") {
            None => held.intersection(&client.scopes).cloned().collect(),
            Some(_) => self.granted_scopes(client, parameter("scope"))?,
        };
        if !granted.is_subset(&held) {
            return Err(Problem::new(Code::InvalidScope, "a scope is not among those of the subject token"));
        }
        let asked = call.parameters.all("resource").chain(parameter("audience"));
        let resources = self.granted_resources(client, asked)?;
        let binding = self.binding(call, authenticated)?;
        let roles: Vec<String> = list(subject.all.get("roles"));
        let issue = Issue {
            client,
            subject: subject.subject.as_deref().unwrap_or_default(),
            scopes: &granted,
            resources: &resources,
            binding: &binding,
            roles: &roles,
            tenant: text(&subject, "tenant"),
            grant: grant_of(&subject),
            actor: Some(actor(&client.id.0, subject.all.get("act"))?),
            exchanged: Some(origins(&subject)),
            expires_by: subject.expires,
        };
        let access = self.issue(&issue).await?;
        let scope = scopes::text(&granted);
        Ok(TokenAnswer { access, scope, refresh: None, id_token: None, issued_type: Some(ACCESS_TOKEN) })
    }
}

fn text<'c>(claims: &'c Claims, name: &str) -> Option<&'c str> {
    claims.all.get(name).and_then(Value::as_str)
}

/// The grant that a token was given under.
fn grant_of(subject: &Claims) -> Option<GrantFacts<'_>> {
    text(subject, "grant").map(|id| GrantFacts {
        id,
        sid: text(subject, "sid"),
        auth_time: subject.all.get("auth_time").and_then(Value::as_u64),
        acr: text(subject, "acr"),
    })
}

/// The claim `act` (§4.1): who acts now, around who acted before.
fn actor(client: &str, before: Option<&Value>) -> Answer<Value> {
    let mut depth = 0;
    let mut inner = before;
    while let Some(act) = inner {
        depth += 1;
        inner = act.get("act");
    }
    if depth >= MOST_ACTORS {
        return Err(Problem::invalid_grant("the subject token was exchanged too often"));
    }
    Ok(match before {
        None => json!({ "sub": client }),
        Some(before) => json!({ "sub": client, "act": before }),
    })
}

/// The claim `exchanged`: the token that is exchanged, and those that it came of. When one of them is revoked, or the client
/// that one was given to, what came of it is as well. As many as there are actors.
fn origins(subject: &Claims) -> Value {
    let mut origins = subject.all.get("exchanged").and_then(Value::as_array).cloned().unwrap_or_default();
    origins.push(json!({ "jti": subject.id, "client_id": subject.client_id }));
    Value::Array(origins)
}

fn list(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
