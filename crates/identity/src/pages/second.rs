//! The second factor: a code of an app, or a recovery code.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use store::StoreError;

use super::{
    Posted, Visit, error,
    frame::Frame,
    headers::{Needs, see_other},
    login::{enter, retry_after},
    moment,
    return_path::ReturnPath,
};
use crate::accounts::SecondStep;

const TOTP: &str = "/login/totp";
const RECOVERY: &str = "/login/recovery";

#[derive(Template)]
#[template(path = "code.html")]
struct Page<'p> {
    frame: Frame<'p>,
    intro: &'p str,
    label: &'p str,
    submit: &'p str,
    problem: Option<String>,
    action: &'p str,
    csrf: String,
    return_to: &'p str,
    numeric: bool,
    others: Vec<(String, &'p str)>,
}

pub(crate) async fn show_totp(visit: Visit) -> Response {
    show(&visit, totp).await
}

pub(crate) async fn show_recovery(visit: Visit) -> Response {
    show(&visit, recovery).await
}

pub(crate) async fn submit_totp(Posted { visit, form }: Posted) -> Response {
    let step = visit.server.log_in_with_code(&visit.browser, form.get("code").unwrap_or_default()).await;
    let wrong = visit.server.theme.messages.second.wrong.as_str();
    answer(&visit, &ReturnPath::parse(form.get("return")), step, wrong, totp)
}

pub(crate) async fn submit_recovery(Posted { visit, form }: Posted) -> Response {
    let step = visit.server.log_in_with_recovery_code(&visit.browser, form.get("code").unwrap_or_default()).await;
    let wrong = visit.server.theme.messages.recovery.wrong.as_str();
    answer(&visit, &ReturnPath::parse(form.get("return")), step, wrong, recovery)
}

type Show = fn(&Visit, StatusCode, &ReturnPath, Option<String>) -> Response;

async fn show(visit: &Visit, page: Show) -> Response {
    let return_to = ReturnPath::parse(visit.query.get("return"));
    match visit.server.owed(&visit.browser).await {
        Ok(Some(_)) => page(visit, StatusCode::OK, &return_to, None),
        Ok(None) => see_other(&return_to.by_way_of("/login")),
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

fn answer(
    visit: &Visit,
    return_to: &ReturnPath,
    step: Result<SecondStep, StoreError>,
    wrong: &str,
    page: Show,
) -> Response {
    match step {
        Ok(SecondStep::Entered(entered)) => enter(&entered, return_to.as_str()),
        Ok(SecondStep::Wrong) => page(visit, StatusCode::UNPROCESSABLE_ENTITY, return_to, Some(wrong.to_owned())),
        Ok(SecondStep::Wait(seconds)) => {
            let problem = visit.server.theme.messages.second.wait.fill("time", &moment::span(seconds));
            retry_after(page(visit, StatusCode::TOO_MANY_REQUESTS, return_to, Some(problem)), seconds)
        }
        Ok(SecondStep::Over) => see_other(&return_to.by_way_of("/login")),
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

fn totp(visit: &Visit, status: StatusCode, return_to: &ReturnPath, problem: Option<String>) -> Response {
    let texts = &visit.server.theme.messages.second;
    let template = Page {
        frame: visit.frame(texts.title.as_str()),
        intro: texts.intro.as_str(),
        label: texts.code.as_str(),
        submit: texts.submit.as_str(),
        problem,
        action: TOTP,
        csrf: visit.csrf(TOTP),
        return_to: return_to.as_str(),
        numeric: true,
        others: vec![
            (return_to.by_way_of(RECOVERY), texts.recovery.as_str()),
            (return_to.by_way_of("/login/passkey"), texts.passkey.as_str()),
        ],
    };
    visit.page_with(status, &template, &Needs::default())
}

fn recovery(visit: &Visit, status: StatusCode, return_to: &ReturnPath, problem: Option<String>) -> Response {
    let texts = &visit.server.theme.messages.recovery;
    let template = Page {
        frame: visit.frame(texts.title.as_str()),
        intro: texts.intro.as_str(),
        label: texts.code.as_str(),
        submit: texts.submit.as_str(),
        problem,
        action: RECOVERY,
        csrf: visit.csrf(RECOVERY),
        return_to: return_to.as_str(),
        numeric: false,
        others: vec![(return_to.by_way_of(TOTP), texts.totp.as_str())],
    };
    visit.page_with(status, &template, &Needs::default())
}
