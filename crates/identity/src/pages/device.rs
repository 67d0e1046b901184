//! The page where somebody enters the code that their device shows (RFC 8628 §3.3).
//!
//! A code is counted as a try before it is looked up, by the user and by the address, so that codes cannot be guessed by
//! the dozen (§5.1). A code that comes with the address is shown and has to be confirmed all the same (§3.3.1), and what
//! is asked then says that somebody else may have begun it (§5.4).

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::{
    ConsentView, Posted, Visit, consent, error, frame::Frame, headers::Needs, login::retry_after, moment,
    return_path::ReturnPath, see_other,
};
use crate::{
    accounts::{Session, UserId, throttle},
    authorization::scope_words,
    clients::ClientKind,
    grants::device::DeviceRequest,
    problem::{Code, Problem},
};

const PATH: &str = "/device";

#[derive(Template)]
#[template(path = "device.html")]
struct Page<'p> {
    frame: Frame<'p>,
    problem: Option<String>,
    csrf: String,
    user_code: &'p str,
}

/// What the page has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown<'s> {
    /// A code is asked for; one that came with the address is there already.
    Enter(&'s str),
    /// There is no such code.
    Unknown(&'s str),
    /// Too many wrong codes: seconds to wait.
    Locked(u64),
    /// It is done.
    Allowed,
    /// Nothing was given.
    Denied,
}

pub(crate) async fn show(visit: Visit) -> Response {
    let user_code = visit.query.get("user_code").unwrap_or_default();
    match &visit.session {
        Some(_) => page(&visit, Shown::Enter(user_code)),
        None => log_in_first(user_code),
    }
}

/// A code, or with it what the user decided.
pub(crate) async fn submit(Posted { visit, form }: Posted) -> Response {
    let user_code = form.get("user_code").unwrap_or_default();
    let Some(session) = &visit.session else { return log_in_first(user_code) };
    match (waiting(&visit, session, user_code).await, form.get("decision")) {
        (Ok(Ok(request)), None) => ask(&visit, &request, user_code).await,
        (Ok(Ok(_)), Some(decision)) => decide(&visit, session, user_code, decision == "allow").await,
        (Ok(Err(shown)), _) => page(&visit, shown),
        (Err(stored), _) => error::stored(&visit.server, &stored),
    }
}

async fn decide(visit: &Visit, session: &Session, user_code: &str, allow: bool) -> Response {
    match visit.server.answer_device(user_code, session, allow).await {
        Ok(true) => page(visit, if allow { Shown::Allowed } else { Shown::Denied }),
        Ok(false) => page(visit, Shown::Unknown(user_code)),
        Err(problem) => told(visit, &problem),
    }
}

/// The device that waits with a code. The try is counted first, and forgotten if it was right.
async fn waiting<'c>(
    visit: &Visit,
    session: &Session,
    user_code: &'c str,
) -> Result<Result<DeviceRequest, Shown<'c>>, store::StoreError> {
    let (server, user): (_, &UserId) = (&visit.server, &session.user.id);
    let now = server.clock.now();
    let (own, address) = (throttle::Key::device_codes(user), throttle::Key::address(visit.browser.address));
    if let Some(wait) = server.database.count_try(address, throttle::ADDRESS, now).await? {
        return Ok(Err(Shown::Locked(wait)));
    }
    if let Some(wait) = server.database.count_try(own, throttle::ACCOUNT, now).await? {
        return Ok(Err(Shown::Locked(wait)));
    }
    let Some(request) = server.waiting_device(user_code).await? else { return Ok(Err(Shown::Unknown(user_code))) };
    server.database.forget_tries(own).await?;
    server.database.uncount_try(address).await?;
    Ok(Ok(request))
}

/// Asks what the user has to say to the device.
async fn ask(visit: &Visit, request: &DeviceRequest, user_code: &str) -> Response {
    let server = &visit.server;
    let client = match server.database.client(&request.client).await {
        Ok(Some(stored)) if !stored.disabled => stored.client,
        Ok(_) => return page(visit, Shown::Unknown(user_code)),
        Err(stored) => return error::stored(server, &stored),
    };
    let view = ConsentView {
        client_name: &client.name,
        client_host: None,
        known_by: None,
        is_agent: client.kind == ClientKind::Agent,
        scopes: &scope_words(server, &request.scopes),
        lifetime: &moment::span(server.settings.refresh_token.as_secs()),
        action: PATH,
        fields: &[("user_code", user_code.to_owned())],
        redirect_origin: None,
        is_device: true,
    };
    consent(visit, &view)
}

fn page(visit: &Visit, shown: Shown<'_>) -> Response {
    let texts = &visit.server.theme.messages.device;
    let (status, user_code, problem, wait) = match shown {
        Shown::Enter(user_code) => (StatusCode::OK, user_code, None, None),
        Shown::Unknown(user_code) => {
            (StatusCode::UNPROCESSABLE_ENTITY, user_code, Some(texts.unknown.to_string()), None)
        }
        Shown::Locked(seconds) => {
            let problem = texts.locked.fill("time", &moment::span(seconds));
            (StatusCode::TOO_MANY_REQUESTS, "", Some(problem), Some(seconds))
        }
        Shown::Allowed => return done(visit, texts.allowed_title.as_str(), texts.allowed.as_str()),
        Shown::Denied => return done(visit, texts.denied_title.as_str(), texts.denied.as_str()),
    };
    let template = Page { frame: visit.frame(texts.title.as_str()), problem, csrf: visit.csrf(PATH), user_code };
    let response = visit.page_with(status, &template, &Needs::default());
    match wait {
        Some(seconds) => retry_after(response, seconds),
        None => response,
    }
}

fn done(visit: &Visit, title: &str, text: &str) -> Response {
    error::notice(&visit.server, StatusCode::OK, title, text, None, None)
}

fn told(visit: &Visit, problem: &Problem) -> Response {
    let status = match problem.code {
        Code::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    };
    super::error(&visit.server, status, problem.description, problem.code.as_str())
}

fn log_in_first(user_code: &str) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if !user_code.is_empty() {
        query.append_pair("user_code", user_code);
    }
    let query = query.finish();
    let path = if query.is_empty() { PATH.to_owned() } else { format!("{PATH}?{query}") };
    see_other(&ReturnPath::parse(Some(&path)).by_way_of("/login"))
}
