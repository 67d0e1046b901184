//! `POST /oauth2/register` (RFC 7591) with an initial access token, and a client's own care for its registration
//! (RFC 7592).

use std::sync::Arc;

use axum::{
    body::to_bytes,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Map, Value};

use super::call::MAX_BODY;
use crate::{
    clients::{Client, ClientId, Registration},
    identity::Server,
    operators::NOT_FIT_FOR_FAPI,
    problem::{Answer, Code, Problem},
    secret::{Digest, Purpose, Secret, random_id},
};

/// Life of a registration access token: the client's own, in seconds (10 years).
const REGISTRATION_LIFETIME: u64 = 3650 * 86_400;

pub(crate) async fn register(State(server): State<Arc<Server>>, request: Request) -> Response {
    match create(&server, request).await {
        Ok(body) => super::json(StatusCode::CREATED, &Value::Object(body)),
        Err(problem) => problem.into_response(),
    }
}

/// `GET`, `PUT` and `DELETE` of a registration (RFC 7592 §2).
pub(crate) async fn registration(
    State(server): State<Arc<Server>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let outcome = match *request.method() {
        Method::GET => read(&server, &id, request.headers()).await.map(Some),
        Method::PUT => replace(&server, &id, request).await.map(Some),
        _ => remove(&server, &id, request.headers()).await.map(|()| None),
    };
    match outcome {
        Ok(Some(body)) => super::json(StatusCode::OK, &Value::Object(body)),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn create(server: &Server, request: Request) -> Answer<Map<String, Value>> {
    if !server.settings.registration {
        return Err(Problem::new(Code::RegistrationNotSupported, "clients cannot register themselves here"));
    }
    let initial = shown(request.headers())?;
    let now = server.clock.now();
    let registration = described(request).await?;
    let client = registration.into_client(ClientId(random_id()?), |scope| server.settings.knows_scope(scope))?;
    check_fapi(server, &client)?;
    if !server.database.use_initial_token(initial, now).await? {
        return Err(refused());
    }
    server.put_client(&client).await?;
    let own = Secret::generate(Purpose::Registration)?;
    let expires = now + REGISTRATION_LIFETIME;
    server.database.add_registration_token(own.digest(), Some(&client.id), expires).await?;
    let mut body = told(server, &client, own.expose());
    body.insert("client_id_issued_at".to_owned(), now.into());
    if client.authentication.has_secret() {
        let secret = server.new_client_secret(&client.id, 0).await?;
        body.insert("client_secret".to_owned(), secret.expose().into());
        body.insert("client_secret_expires_at".to_owned(), 0.into());
    }
    Ok(body)
}

async fn read(server: &Server, id: &str, headers: &HeaderMap) -> Answer<Map<String, Value>> {
    let (client, token) = own(server, id, headers).await?;
    Ok(told(server, &client, &token))
}

async fn replace(server: &Server, id: &str, request: Request) -> Answer<Map<String, Value>> {
    let (client, token) = own(server, id, request.headers()).await?;
    let registration = described(request).await?;
    let described = registration.into_client(client.id.clone(), |scope| server.settings.knows_scope(scope))?;
    if described.authentication.has_secret() != client.authentication.has_secret() {
        return Err(Problem::new(
            Code::InvalidClientMetadata,
            "a client keeps to its way to authenticate; register anew",
        ));
    }
    // What only the operator gives stays.
    let changed = Client {
        roles: client.roles,
        tenant: client.tenant,
        resources: client.resources,
        serves: client.serves,
        fapi: client.fapi,
        ..described
    };
    check_fapi(server, &changed)?;
    server.put_client(&changed).await?;
    Ok(told(server, &changed, &token))
}

async fn remove(server: &Server, id: &str, headers: &HeaderMap) -> Answer<()> {
    let (client, _) = own(server, id, headers).await?;
    server.delete_client(&client.id).await?;
    Ok(())
}

fn check_fapi(server: &Server, client: &Client) -> Answer<()> {
    if server.is_fapi(client) && !client.authentication.is_fit_for_fapi() {
        return Err(Problem::new(Code::InvalidClientMetadata, NOT_FIT_FOR_FAPI));
    }
    Ok(())
}

/// The client whose registration access token a request shows.
async fn own(server: &Server, id: &str, headers: &HeaderMap) -> Answer<(Client, String)> {
    let token = bearer(headers).ok_or_else(refused)?;
    let digest = Digest::of_secret(Purpose::Registration, token).ok_or_else(refused)?;
    let owner = server.database.owner_of_registration(digest, server.clock.now()).await?;
    let id = owner.filter(|owner| owner.0 == id).ok_or_else(refused)?;
    let client = server.database.client(&id).await?.filter(|client| !client.disabled).ok_or_else(refused)?;
    Ok((client.client, token.to_owned()))
}

fn told(server: &Server, client: &Client, token: &str) -> Map<String, Value> {
    let mut body = client.metadata();
    body.insert("registration_access_token".to_owned(), token.into());
    let uri = server.settings.issuer.at(&format!("/oauth2/register/{}", client.id));
    body.insert("registration_client_uri".to_owned(), uri.into());
    body
}

async fn described(request: Request) -> Answer<Registration> {
    let wrong = |description| Problem::new(Code::InvalidClientMetadata, description);
    let body = to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| wrong("the body is too large"))?;
    serde_json::from_slice(&body).map_err(|_| wrong("the body is not client metadata in JSON (RFC 7591 §2)"))
}

fn shown(headers: &HeaderMap) -> Answer<Digest> {
    bearer(headers).and_then(|token| Digest::of_secret(Purpose::Registration, token)).ok_or_else(refused)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn refused() -> Problem {
    let mut problem =
        Problem::new(Code::InvalidToken, "a registration needs an access token that the operator or the server gave");
    problem.challenge = Some("Bearer");
    problem
}
