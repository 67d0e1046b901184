//! Changing the password.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::{
    Posted, Visit, account, error,
    frame::Frame,
    headers::{Needs, see_other},
    moment,
    theme::Theme,
};
use crate::accounts::{Changed, Session, Unfit};

const PATH: &str = "/account/password";

#[derive(Template)]
#[template(path = "password.html")]
struct Page<'p> {
    frame: Frame<'p>,
    problem: Option<String>,
    csrf: String,
    name: &'p str,
    has_password: bool,
}

pub(crate) async fn show(visit: Visit) -> Response {
    match account::fresh(&visit, PATH) {
        Ok(session) => page(&visit, session, StatusCode::OK, None).await,
        Err(elsewhere) => *elsewhere,
    }
}

pub(crate) async fn submit(Posted { visit, form }: Posted) -> Response {
    let session = match account::fresh(&visit, PATH) {
        Ok(session) => session,
        Err(elsewhere) => return *elsewhere,
    };
    let (current, new) = (form.get("current").unwrap_or_default(), form.get("new").unwrap_or_default());
    match visit.server.change_password(&visit.browser, session, current, new).await {
        Ok(Changed::Done) => see_other("/account?done=1"),
        Ok(changed) => {
            let problem = problem(&visit.server.theme, changed);
            page(&visit, session, StatusCode::UNPROCESSABLE_ENTITY, Some(problem)).await
        }
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

async fn page(visit: &Visit, session: &Session, status: StatusCode, problem: Option<String>) -> Response {
    let texts = &visit.server.theme.messages.password;
    let has_password = match visit.server.database.account(&session.user.id).await {
        Ok(account) => account.is_some_and(|account| account.password.is_some()),
        Err(stored) => return error::stored(&visit.server, &stored),
    };
    let title = if has_password { &texts.title } else { &texts.title_first };
    let template = Page {
        frame: visit.frame(title.as_str()),
        problem,
        csrf: visit.csrf(PATH),
        name: &session.user.name,
        has_password,
    };
    visit.page_with(status, &template, &Needs::default())
}

fn problem(theme: &Theme, changed: Changed) -> String {
    let texts = &theme.messages;
    match changed {
        Changed::WrongPassword => texts.password.wrong.to_string(),
        Changed::Unfit(unfit) => unfit_text(theme, unfit).to_owned(),
        Changed::Wait(seconds) => texts.password.wait.fill("time", &moment::span(seconds)),
        Changed::Busy => texts.password.busy.to_string(),
        Changed::Done | Changed::Nothing | Changed::WrongCode | Changed::Refused(_) | Changed::LastFactor => {
            texts.account.gone.to_string()
        }
    }
}

/// Why a password may not be chosen.
pub(super) fn unfit_text(theme: &Theme, unfit: Unfit) -> &str {
    let texts = &theme.messages;
    match unfit {
        Unfit::TooShort => &theme.password_too_short,
        Unfit::TooLong => texts.password.too_long.as_str(),
        Unfit::Common => texts.password.common.as_str(),
        Unfit::Name => texts.password.is_name.as_str(),
    }
}
