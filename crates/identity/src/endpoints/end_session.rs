//! `GET` and `POST /oauth2/logout` (OpenID Connect RP-Initiated Logout 1.0).
//!
//! A client that shows an ID token of this very session has the user logged out at once. Everybody else has the user asked
//! first, since a link to here can stand anywhere. The browser is sent on to addresses that the client registered for
//! this, and to no others.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request, State},
    response::Response,
};
use http::StatusCode;
use jose::Compact;
use serde_json::{Map, Value};

use super::Call;
use crate::{
    clients::{Client, ClientId, RedirectUri},
    identity::Server,
    pages::{self, LogoutView, Posted, Visit},
    parameters::Parameters,
    problem::{Answer, Code, Problem},
};

const PATH: &str = "/oauth2/logout";

/// A client's wish.
pub(crate) async fn end_session(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let visit = match Visit::from_request_parts(&mut head, &server).await {
        Ok(visit) => visit,
        Err(page) => return page,
    };
    let request = Request::from_parts(head, body);
    let is_form = request.method() == http::Method::POST;
    let call = if is_form { Call::of_form(PATH, request).await } else { Call::of_query(PATH, request) };
    match call {
        Ok(call) => answer(&visit, &call.parameters).await,
        Err(problem) => refuse(&server, &problem),
    }
}

/// `POST /logout`: the user's own word, to a client's wish or without one.
pub(crate) async fn confirm_end(Posted { visit, form }: Posted) -> Response {
    let shown = Parameters::parse(form.get("request").unwrap_or_default().as_bytes());
    let wish = match shown {
        Ok(parameters) => Wish::read(&visit.server, &parameters).await,
        Err(problem) => Err(problem),
    };
    match wish {
        Ok(wish) => pages::log_out(&visit, wish.then.as_deref()).await,
        Err(problem) => refuse(&visit.server, &problem),
    }
}

async fn answer(visit: &Visit, parameters: &Parameters) -> Response {
    let wish = match Wish::read(&visit.server, parameters).await {
        Ok(wish) => wish,
        Err(problem) => return refuse(&visit.server, &problem),
    };
    match &visit.session {
        Some(session) if wish.session.as_deref() != Some(session.id.as_str()) => {
            let origin = wish.then.as_deref().map(RedirectUri::origin_of);
            let view = LogoutView {
                client: wish.client.as_ref().map(|client| client.name.as_str()),
                fields: &[("request", parameters.encode())],
                redirect_origin: origin.as_deref(),
            };
            pages::logout(visit, &view)
        }
        Some(_) | None => pages::log_out(visit, wish.then.as_deref()).await,
    }
}

fn refuse(server: &Arc<Server>, problem: &Problem) -> Response {
    let status = match problem.code {
        Code::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    pages::error(server, status, problem.description, problem.code.as_str())
}

/// What is asked for, as far as it can be believed.
struct Wish {
    client: Option<Client>,
    /// The session of the ID token that was shown.
    session: Option<String>,
    /// Where the browser goes then, with `state`.
    then: Option<String>,
}

impl Wish {
    async fn read(server: &Server, parameters: &Parameters) -> Answer<Self> {
        let hint = parameters.get("id_token_hint").and_then(|token| hint(server, token));
        let hinted = hint.as_ref().and_then(|claims| text(claims, "aud"));
        let named = parameters.get("client_id");
        if let (Some(hinted), Some(named)) = (hinted, named)
            && hinted != named
        {
            return Err(Problem::invalid_request("`id_token_hint` is another client's than `client_id`"));
        }
        let client = match hinted.or(named) {
            Some(id) => server.database.client(&ClientId(id.to_owned())).await?,
            None => None,
        };
        let client = client.filter(|stored| !stored.disabled).map(|stored| stored.client);
        let then = match parameters.get("post_logout_redirect_uri") {
            Some(asked) => Some(registered(client.as_ref(), asked, parameters.get("state"))?),
            None => None,
        };
        let session = hint.as_ref().and_then(|claims| text(claims, "sid")).map(str::to_owned);
        Ok(Self { client, session, then })
    }
}

/// An address that the client registered for this, with `state`.
fn registered(client: Option<&Client>, asked: &str, state: Option<&str>) -> Answer<String> {
    let known = client
        .is_some_and(|client| client.post_logout_redirect_uris.iter().any(|known| known.matches(asked, client.kind)));
    if !known {
        return Err(Problem::invalid_request("`post_logout_redirect_uri` is not one that the app registered"));
    }
    let Some(state) = state else { return Ok(asked.to_owned()) };
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
    let separator = if asked.contains('?') { '&' } else { '?' };
    Ok(format!("{asked}{separator}{query}"))
}

/// The claims of an ID token of ours, whether it has expired or not (§4); `None` if it is none.
fn hint(server: &Server, token: &str) -> Option<Map<String, Value>> {
    let token = Compact::parse(token).ok()?;
    token.verify(&server.keys.verifying()).ok()?;
    let claims: Map<String, Value> = serde_json::from_slice(token.payload()).ok()?;
    let ours = token.kind() == Some("JWT") && text(&claims, "iss") == Some(server.settings.issuer.as_str());
    ours.then_some(claims)
}

fn text<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c str> {
    claims.get(name).and_then(Value::as_str)
}
