//! `GET` and `POST /oauth2/authorize` (RFC 6749 §4.1, OpenID Connect Core §3.1.2), and the user's answer.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};

use super::Call;
use crate::{
    accounts::Session,
    authorization::{AuthorizationRequest, Refused, Standing, redirect, see_other},
    identity::Server,
    pages,
    parameters::Parameters,
    problem::{Answer, Code, Problem},
};

const PATH: &str = "/oauth2/authorize";
const CONSENT_PATH: &str = "/oauth2/consent";

/// A request that a browser brings.
pub(crate) async fn authorize(State(server): State<Arc<Server>>, request: Request) -> Response {
    let is_form = request.method() == http::Method::POST;
    let call = if is_form { Call::of_form(PATH, request).await } else { Call::of_query(PATH, request) };
    let outcome = match call {
        Ok(call) => show(&server, &call).await,
        Err(problem) => Err(Refused::Page(problem)),
    };
    outcome.unwrap_or_else(|refused| refuse(&server, refused))
}

/// What the user said to a request that was shown.
pub(crate) async fn consent(State(server): State<Arc<Server>>, request: Request) -> Response {
    let outcome = match Call::of_form(CONSENT_PATH, request).await {
        Ok(call) => decide(&server, &call).await,
        Err(problem) => Err(Refused::Page(problem)),
    };
    outcome.unwrap_or_else(|refused| refuse(&server, refused))
}

async fn show(server: &Arc<Server>, call: &Call) -> Result<Response, Refused> {
    let query = &call.parameters;
    let request = AuthorizationRequest::read(server, query).await?;
    let session = session(server, call).await?;
    match Standing::of(server, &request, query, session) {
        Standing::Ready(session) => give(server, &session, &request).await,
        Standing::Consent(session) => Ok(pages::consent::show(server, call, &session, &request, query)),
        Standing::Login { back } => Ok(see_other(&login(&back, &request, query))),
        Standing::Unable(problem) => Err(to_client(&request, problem)),
    }
}

async fn decide(server: &Arc<Server>, call: &Call) -> Result<Response, Refused> {
    let session = session(server, call).await?;
    pages::consent::check(server, call, session.as_ref()).map_err(Refused::Page)?;
    let shown = call.parameters.required("request", "the form is not whole").map_err(Refused::Page)?;
    let query = Parameters::parse(shown.as_bytes()).map_err(Refused::Page)?;
    let request = AuthorizationRequest::read(server, &query).await?;
    match Standing::of(server, &request, &query, session) {
        Standing::Ready(session) | Standing::Consent(session) => match call.parameters.get("decision") {
            Some("allow") => give(server, &session, &request).await,
            _ => Err(to_client(&request, Problem::new(Code::AccessDenied, "the user said no"))),
        },
        // The session ended meanwhile.
        Standing::Login { back } => Ok(see_other(&login(&back, &request, &query))),
        Standing::Unable(problem) => Err(to_client(&request, problem)),
    }
}

async fn session(server: &Arc<Server>, call: &Call) -> Result<Option<Session>, Refused> {
    server.session(&call.headers).await.map_err(|error| Refused::Page(error.into()))
}

async fn give(server: &Server, session: &Session, request: &AuthorizationRequest) -> Result<Response, Refused> {
    let (client, scopes, resources) = (&request.client.client, request.scopes.clone(), request.resources.clone());
    let code: Answer<_> =
        server.give_code(session, client, scopes, resources, &request.binding, request.pushed).await;
    let code = code.map_err(|problem| to_client(request, problem))?;
    Ok(redirect(server, &request.redirect_uri, request.state.as_deref(), &[("code", code.expose())]))
}

/// Where the user logs in, and comes back from.
fn login(back: &str, request: &AuthorizationRequest, query: &Parameters) -> String {
    let mut login = form_urlencoded::Serializer::new(String::new());
    login.append_pair("return", back);
    login.append_pair("acr", request.acr.name());
    if let Some(hint) = query.get("login_hint") {
        login.append_pair("login_hint", hint);
    }
    format!("/login?{}", login.finish())
}

fn to_client(request: &AuthorizationRequest, problem: Problem) -> Refused {
    Refused::Redirect { redirect_uri: request.redirect_uri.clone(), state: request.state.clone(), problem }
}

fn refuse(server: &Arc<Server>, refused: Refused) -> Response {
    match refused {
        Refused::Page(problem) => pages::error::show(server, &problem),
        Refused::Redirect { redirect_uri, state, problem } => {
            let members = [("error", problem.code.as_str()), ("error_description", problem.description)];
            redirect(server, &redirect_uri, state.as_deref(), &members)
        }
    }
}
