//! Logging in with a name and a password.

use askama::Template;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::{
    Posted, Visit,
    cookies::{self, Cookie},
    error::{self, Fault},
    frame::Frame,
    headers::{Needs, see_other},
    moment,
    return_path::ReturnPath,
};
use crate::{
    accounts::{Acr, Entered, PasswordStep},
    federation::Provider,
};

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'p> {
    frame: Frame<'p>,
    again: Option<String>,
    problem: Option<String>,
    csrf: String,
    return_to: &'p str,
    acr: &'p str,
    name: &'p str,
    passkey: String,
    /// Other places to log in at.
    providers: Vec<(String, String)>,
}

pub(crate) async fn show(visit: Visit) -> Response {
    let return_to = ReturnPath::parse(visit.query.get("return"));
    let wanted = visit.query.get("acr").and_then(Acr::parse);
    if let (Some(session), Some(Acr::Aal2)) = (&visit.session, wanted)
        && session.acr < Acr::Aal2
    {
        return step_up(&visit, &return_to).await;
    }
    let name = visit.session.as_ref().map(|session| session.user.name.clone()).unwrap_or_default();
    let acr = wanted.map_or("", Acr::name);
    page(&visit, StatusCode::OK, &return_to, acr, &name, None)
}

/// Somebody is logged in, but not well enough: only what is missing is asked for.
async fn step_up(visit: &Visit, return_to: &ReturnPath) -> Response {
    let Some(session) = &visit.session else { return see_other(&return_to.by_way_of("/login")) };
    let user = &session.user.id;
    let factors = async {
        let totp = visit.server.database.totp_of(user).await?.is_some_and(|totp| totp.confirmed.is_some());
        Ok::<_, store::StoreError>((totp, !visit.server.database.passkeys_of(user).await?.is_empty()))
    };
    match factors.await {
        Ok((true, _)) => see_other(&return_to.by_way_of("/login/totp")),
        Ok((false, true)) => see_other(&return_to.by_way_of("/login/passkey")),
        Ok((false, false)) => visit.answer(error::of(&visit.server, Fault::SecondFactor)),
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

pub(crate) async fn submit(Posted { visit, form }: Posted) -> Response {
    let return_to = ReturnPath::parse(form.get("return"));
    let acr = form.get("acr").and_then(Acr::parse);
    let name = form.get("name").unwrap_or_default();
    let password = form.get("password").unwrap_or_default();
    let texts = &visit.server.theme.messages.login;
    let told = acr.map_or("", Acr::name);
    match visit.server.log_in(&visit.browser, name, password).await {
        Ok(PasswordStep::Entered(entered)) => {
            let next = match acr {
                Some(Acr::Aal2) => format!("{}&acr=aal2", return_to.by_way_of("/login")),
                Some(Acr::Aal1) | None => return_to.as_str().to_owned(),
            };
            enter(&entered, &next)
        }
        Ok(PasswordStep::SecondFactor(step)) => {
            let mut response = see_other(&return_to.by_way_of("/login/totp"));
            cookies::set(response.headers_mut(), Cookie::Step, step.expose());
            response
        }
        Ok(PasswordStep::Wrong) => {
            page(&visit, StatusCode::UNPROCESSABLE_ENTITY, &return_to, told, name, Some(texts.wrong.to_string()))
        }
        Ok(PasswordStep::Wait(seconds)) => {
            let problem = texts.wait.fill("time", &moment::span(seconds));
            let page = page(&visit, StatusCode::TOO_MANY_REQUESTS, &return_to, told, name, Some(problem));
            retry_after(page, seconds)
        }
        Ok(PasswordStep::Busy) => {
            let problem = Some(texts.busy.to_string());
            retry_after(page(&visit, StatusCode::SERVICE_UNAVAILABLE, &return_to, told, name, problem), 5)
        }
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

/// Gives the browser what it needs to be logged in, and sends it on.
pub(crate) fn enter(entered: &Entered, to: &str) -> Response {
    let mut response = see_other(to);
    let headers = response.headers_mut();
    cookies::set(headers, Cookie::Session, entered.session.expose());
    cookies::clear(headers, Cookie::Step);
    cookies::clear(headers, Cookie::Visitor);
    if let Some(device) = &entered.device {
        cookies::set(headers, Cookie::Device, device.expose());
    }
    response
}

pub(crate) fn retry_after(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn page(
    visit: &Visit,
    status: StatusCode,
    return_to: &ReturnPath,
    acr: &str,
    name: &str,
    problem: Option<String>,
) -> Response {
    let texts = &visit.server.theme.messages.login;
    let template = Page {
        frame: visit.frame(texts.title.as_str()),
        again: visit.session.as_ref().map(|session| texts.again.fill("name", &session.user.display_name)),
        problem,
        csrf: visit.csrf("/login"),
        return_to: return_to.as_str(),
        acr,
        name,
        passkey: return_to.by_way_of("/login/passkey"),
        providers: providers(visit, return_to),
    };
    visit.page_with(status, &template, &Needs::default())
}

fn providers(visit: &Visit, return_to: &ReturnPath) -> Vec<(String, String)> {
    let server = &visit.server;
    let all = server.settings.providers.iter().filter(|_| server.way_out.is_connected());
    let one = |provider: &Provider| {
        let to = return_to.by_way_of(&format!("/login/external/{}", provider.name));
        (to, server.theme.messages.external.login.fill("provider", &provider.label))
    };
    all.map(one).collect()
}
