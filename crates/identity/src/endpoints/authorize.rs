//! `GET` and `POST /oauth2/authorize` (RFC 6749 §4.1, OpenID Connect Core §3.1.2), and the user's answer.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request, State},
    response::Response,
};
use http::StatusCode;

use super::Call;
use crate::{
    accounts::Session,
    authorization::{AuthorizationRequest, Refused, Standing, lifetime, redirect, scope_words, see_other},
    clients::{ClientKind, RedirectUri},
    identity::Server,
    pages::{self, ConsentView, Posted, Visit},
    parameters::Parameters,
    problem::{Code, Problem},
};

const PATH: &str = "/oauth2/authorize";
const CONSENT_PATH: &str = "/oauth2/consent";

/// A request that a browser brings.
pub(crate) async fn authorize(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    let visit = match Visit::from_request_parts(&mut head, &server).await {
        Ok(visit) => visit,
        Err(page) => return page,
    };
    let request = Request::from_parts(head, body);
    let is_form = request.method() == http::Method::POST;
    let call = if is_form { Call::of_form(PATH, request).await } else { Call::of_query(PATH, request) };
    let outcome = match call {
        Ok(call) => show(&visit, &call.parameters).await,
        Err(problem) => Err(Refused::Page(problem)),
    };
    outcome.unwrap_or_else(|refused| refuse(&server, refused))
}

/// What the user said to a request that was shown.
pub(crate) async fn consent(Posted { visit, form }: Posted) -> Response {
    decide(&visit, &form).await.unwrap_or_else(|refused| refuse(&visit.server, refused))
}

async fn show(visit: &Visit, query: &Parameters) -> Result<Response, Refused> {
    let server = &visit.server;
    let request = AuthorizationRequest::read(server, query, visit.browser.address).await?;
    match Standing::of(server, &request, query, visit.session.clone()) {
        Standing::Ready(session) => give(server, &session, &request).await,
        Standing::Consent(_) => Ok(ask(visit, &request, query)),
        Standing::Login { back } => Ok(see_other(&login(&back, &request))),
        Standing::Unable(problem) => Err(unasked(&request, problem)),
    }
}

/// The page that says in plain words who gets what for how long.
fn ask(visit: &Visit, request: &AuthorizationRequest, query: &Parameters) -> Response {
    let (server, client) = (&visit.server, &request.client.client);
    let origin = RedirectUri::origin_of(&request.redirect_uri);
    let view = ConsentView {
        client_name: &client.name,
        client_host: Some(origin.rsplit('/').next().unwrap_or_default()),
        known_by: request.client.by_url.then(|| RedirectUri::origin_of(&client.id.0)),
        is_agent: client.kind == ClientKind::Agent,
        scopes: &scope_words(server, &request.scopes),
        lifetime: &pages::span(lifetime(server, client, &request.scopes)),
        action: CONSENT_PATH,
        fields: &[("request", query.encode())],
        redirect_origin: Some(&origin),
        is_device: false,
    };
    pages::consent(visit, &view)
}

async fn decide(visit: &Visit, form: &Parameters) -> Result<Response, Refused> {
    let server = &visit.server;
    let shown = form.required("request", "the form is not whole").map_err(Refused::Page)?;
    let query = Parameters::parse(shown.as_bytes()).map_err(Refused::Page)?;
    let request = AuthorizationRequest::read(server, &query, visit.browser.address).await?;
    match Standing::of(server, &request, &query, visit.session.clone()) {
        Standing::Ready(session) | Standing::Consent(session) => match form.get("decision") {
            Some("allow") => give(server, &session, &request).await,
            _ => Err(to_client(&request, Problem::new(Code::AccessDenied, "the user said no"))),
        },
        // The session ended meanwhile.
        Standing::Login { back } => Ok(see_other(&login(&back, &request))),
        Standing::Unable(problem) => Err(unasked(&request, problem)),
    }
}

async fn give(server: &Server, session: &Session, request: &AuthorizationRequest) -> Result<Response, Refused> {
    let (client, scopes, resources) = (&request.client, request.scopes.clone(), request.resources.clone());
    let code = server.give_code(session, client, scopes, resources, &request.binding, request.pushed).await;
    let code = code.map_err(|problem| to_client(request, problem))?;
    Ok(redirect(server, &request.redirect_uri, request.state.as_deref(), &[("code", code.expose())]))
}

/// Where the user logs in, and comes back from.
fn login(back: &str, request: &AuthorizationRequest) -> String {
    let mut login = form_urlencoded::Serializer::new(String::new());
    login.append_pair("return", back);
    login.append_pair("acr", request.acr.name());
    format!("/login?{}", login.finish())
}

/// An error before the user said anything. A client that nobody registered is not sent them for it.
fn unasked(request: &AuthorizationRequest, problem: Problem) -> Refused {
    if request.client.by_url { Refused::Page(problem) } else { to_client(request, problem) }
}

fn to_client(request: &AuthorizationRequest, problem: Problem) -> Refused {
    Refused::Redirect { redirect_uri: request.redirect_uri.clone(), state: request.state.clone(), problem }
}

fn refuse(server: &Arc<Server>, refused: Refused) -> Response {
    match refused {
        Refused::Page(problem) => {
            let status = match problem.code {
                Code::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            };
            pages::error(server, status, problem.description, problem.code.as_str())
        }
        Refused::Redirect { redirect_uri, state, problem } => {
            let members = [("error", problem.code.as_str()), ("error_description", problem.description)];
            redirect(server, &redirect_uri, state.as_deref(), &members)
        }
    }
}
