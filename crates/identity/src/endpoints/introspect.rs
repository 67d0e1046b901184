//! `POST /oauth2/introspect` (RFC 7662): for APIs, about tokens that are for them, and for clients about their own.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jose::jwt::Claims;
use serde_json::{Map, Value, json};

use super::Call;
use crate::{
    clients::Client,
    identity::Server,
    problem::{Answer, Code, Problem},
    scopes,
    secret::{Digest, Purpose},
};

const PATH: &str = "/oauth2/introspect";

pub(crate) async fn introspect(State(server): State<Arc<Server>>, request: Request) -> Response {
    match answer(&server, request).await {
        Ok(body) => super::json(StatusCode::OK, &body),
        Err(problem) => problem.into_response(),
    }
}

async fn answer(server: &Server, request: Request) -> Answer<Value> {
    let call = Call::of_form(PATH, request).await?;
    let asking = server.authenticate(&call).await?.client;
    if !asking.client.authentication.is_confidential() {
        return Err(Problem::new(Code::InvalidClient, "only clients with credentials may ask about tokens"));
    }
    let token = call.parameters.required("token", "`token` is missing")?;
    if let Some(digest) = Digest::of_secret(Purpose::Refresh, token) {
        return refresh(server, &asking.client, digest).await;
    }
    let claims = server.believed(token).await?.filter(|claims| may_know(&asking.client, claims));
    Ok(claims.map_or_else(inactive, |claims| active(&claims)))
}

async fn refresh(server: &Server, asking: &Client, digest: Digest) -> Answer<Value> {
    let grant = server.database.grant_of_refresh(digest).await?.filter(|grant| grant.client == asking.id);
    let live = server.database.is_live_refresh(digest, server.clock.now()).await?;
    Ok(grant.filter(|_| live).map_or_else(inactive, |grant| {
        json!({
            "active": true,
            "client_id": grant.client.0,
            "sub": grant.user.as_str(),
            "scope": scopes::text(&grant.scopes),
            "iss": server.settings.issuer.as_str(),
            "iat": grant.created,
            "exp": grant.expires,
        })
    }))
}

fn may_know(asking: &Client, claims: &Claims) -> bool {
    let own = claims.client_id.as_deref() == Some(asking.id.0.as_str());
    own || claims.audience.iter().any(|audience| asking.serves.contains(audience))
}

/// The claims of a token are the members of the answer.
fn active(claims: &Claims) -> Value {
    let mut body: Map<String, Value> = claims.all.clone();
    body.insert("active".to_owned(), true.into());
    let is_dpop = claims.all.get("cnf").and_then(|cnf| cnf.get("jkt")).is_some();
    body.insert("token_type".to_owned(), if is_dpop { "DPoP" } else { "Bearer" }.into());
    Value::Object(body)
}

/// All that is said of a token that is not good, or not theirs to know of (§2.2).
fn inactive() -> Value {
    json!({ "active": false })
}
