//! Logging in through another provider, and connecting an account there.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use http::{HeaderMap, StatusCode};

use super::{
    Posted, Visit,
    account::{fresh, told},
    cookies::{self, Cookie},
    error::{self, Fault},
    login::enter,
    return_path::ReturnPath,
    see_other,
};
use crate::{
    accounts::{Changed, PasswordStep},
    federation::{Attempt, FederationError, Identified, Intent},
    identity::Server,
};

/// Sends the browser to a provider. A link does: nobody gains anything by having somebody log in as themselves.
pub(crate) async fn begin(Path(name): Path<String>, visit: Visit) -> Response {
    let return_to = ReturnPath::parse(visit.query.get("return")).as_str().to_owned();
    match begun(&visit, &name, Intent::LogIn { return_to }).await {
        Ok((to, cookie)) => {
            let mut response = see_other(&to);
            cookies::set(response.headers_mut(), Cookie::External, &cookie);
            response
        }
        Err(failed) => fail(&visit.server, &failed),
    }
}

/// Asks whether to go to a provider to connect an account there. It is a page with a link, because a form's policy would
/// not let its answer lead to another site.
pub(crate) async fn connect(Path(name): Path<String>, Posted { visit, .. }: Posted) -> Response {
    let session = match fresh(&visit, "/account") {
        Ok(session) => session,
        Err(elsewhere) => return *elsewhere,
    };
    let intent = Intent::Connect { user: session.user.id.to_string() };
    let (begun, provider) = match (begun(&visit, &name, intent).await, visit.server.provider(&name)) {
        (Ok(begun), Ok(provider)) => (begun, provider),
        (Err(failed), _) | (_, Err(failed)) => return fail(&visit.server, &failed),
    };
    let texts = &visit.server.theme.messages.external;
    let (title, text) = (texts.connect_title.fill("provider", &provider.label), texts.connect.as_str());
    let next = Some((begun.0, texts.go.as_str()));
    let mut response = error::notice(&visit.server, StatusCode::OK, &title, text, None, next);
    cookies::set(response.headers_mut(), Cookie::External, &begun.1);
    response
}

/// The browser comes back.
pub(crate) async fn finish(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    visit: Visit,
) -> Response {
    let cookie = cookies::read(&headers, Cookie::External);
    let outcome = match Attempt::open(&server, cookie, &name, visit.query.get("state")) {
        Ok(attempt) => finished(&visit, &attempt).await,
        Err(failed) => Err(failed),
    };
    let mut response = outcome.unwrap_or_else(|failed| fail(&server, &failed));
    cookies::clear(response.headers_mut(), Cookie::External);
    response
}

pub(crate) async fn disconnect(Posted { visit, form }: Posted) -> Response {
    match fresh(&visit, "/account") {
        Ok(session) => {
            let id = form.get("id").unwrap_or_default();
            let done = visit.server.disconnect_external(&visit.browser, &session.user.id, id).await;
            told(&visit, done)
        }
        Err(elsewhere) => *elsewhere,
    }
}

async fn begun(visit: &Visit, name: &str, intent: Intent) -> Result<(String, String), FederationError> {
    let (to, attempt) = visit.server.begin_external(name, intent).await?;
    Ok((to, attempt.seal(&visit.server)?))
}

async fn finished(visit: &Visit, attempt: &Attempt) -> Result<Response, FederationError> {
    let server = &visit.server;
    let claims = server.finish_external(attempt, &visit.query).await?;
    let provider = server.provider(&attempt.provider)?;
    match &attempt.intent {
        Intent::LogIn { return_to } => match server.identify(&visit.browser, provider, &claims).await? {
            Identified::User(user) => {
                let step = server.log_in_externally(&visit.browser, &user).await?;
                Ok(answer(&visit.server, step, &ReturnPath::parse(Some(return_to))))
            }
            Identified::Nobody => {
                let texts = &server.theme.messages.external;
                let (title, text) = (texts.nobody_title.as_str(), texts.nobody.fill("provider", &provider.label));
                let next = Some(("/login".to_owned(), server.theme.messages.login.title.as_str()));
                Ok(error::notice(server, StatusCode::FORBIDDEN, title, &text, None, next))
            }
        },
        Intent::Connect { user } => {
            let session = visit.session.as_ref().filter(|session| session.user.id.as_str() == user.as_str());
            let session = session.ok_or(FederationError::NoAttempt)?;
            let done = server.connect_external(&visit.browser, provider, &claims, &session.user.id).await?;
            Ok(told(visit, Ok::<Changed, _>(done)))
        }
    }
}

fn answer(server: &Arc<Server>, step: PasswordStep, return_to: &ReturnPath) -> Response {
    match step {
        PasswordStep::Entered(entered) => enter(&entered, return_to.as_str()),
        PasswordStep::SecondFactor(step) => {
            let mut response = see_other(&return_to.by_way_of("/login/totp"));
            cookies::set(response.headers_mut(), Cookie::Step, step.expose());
            response
        }
        PasswordStep::Wrong | PasswordStep::Wait(_) | PasswordStep::Busy => error::of(server, Fault::External),
    }
}

fn fail(server: &Arc<Server>, failed: &FederationError) -> Response {
    // What a provider says is for the operator; the user can only try again.
    eprintln!("identity: login at a provider: {failed}");
    match failed {
        FederationError::NoProvider(_) => error::of(server, Fault::NotFound),
        _ => error::of(server, Fault::External),
    }
}
