//! `POST /oauth2/par` (RFC 9126): a request that only its client can make, and nobody can change.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use crate::{
    authorization::{AuthorizationRequest, PUSHED, Refused},
    identity::Server,
    problem::{Answer, Problem},
    secret::{Purpose, Secret},
};

const PATH: &str = "/oauth2/par";
/// Seconds. Its user may have to log in first.
const LIFETIME: u64 = 600;

pub(crate) async fn par(State(server): State<Arc<Server>>, request: Request) -> Response {
    match answer(&server, request).await {
        Ok(body) => super::json(StatusCode::CREATED, &body),
        Err(problem) => problem.into_response(),
    }
}

async fn answer(server: &Server, request: Request) -> Answer<Value> {
    let call = Call::of_form(PATH, request).await?;
    let authenticated = server.authenticate(&call).await?;
    let mut parameters = call.parameters.clone();
    if parameters.get("request_uri").is_some() {
        return Err(Problem::invalid_request("`request_uri` cannot be pushed"));
    }
    for credential in ["client_secret", "client_assertion", "client_assertion_type"] {
        parameters.remove(credential);
    }
    // A proof that comes along names the key (RFC 9449 §10.1).
    if let Some(jkt) = server.proof(&call, None)? {
        if parameters.get("dpop_jkt").is_some_and(|named| named != jkt) {
            return Err(Problem::invalid_request("`dpop_jkt` is another key than the proof's"));
        }
        parameters.set("dpop_jkt", &jkt);
    }
    let secret = Secret::generate(Purpose::Pushed)?;
    let checked =
        AuthorizationRequest::checked(server, Arc::clone(&authenticated.client), &parameters, Some(secret.digest()));
    let checked = checked.map_err(Refused::problem)?;
    let now = server.clock.now();
    let client = &checked.client.client.id;
    server.keep_client_by_url(&checked.client, now + LIFETIME).await?;
    server.database.push(secret.digest(), client, &parameters.encode(), now + LIFETIME).await?;
    Ok(json!({ "request_uri": format!("{PUSHED}{}", secret.expose()), "expires_in": LIFETIME }))
}
