//! Setting up an authenticator app, removing it, and its recovery codes.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use qrcode::{EcLevel, QrCode, render::svg};
use zeroize::Zeroizing;

use super::{
    Posted, Visit,
    account::{self, fresh},
    error,
    frame::Frame,
    headers::{Needs, see_other},
};
use crate::accounts::{Changed, Enrolment, Session};

const PATH: &str = "/account/totp";

#[derive(Template)]
#[template(path = "app.html")]
struct Page<'p> {
    frame: Frame<'p>,
    problem: Option<&'p str>,
    csrf: String,
    /// An SVG element that the library made of our own text.
    picture: String,
    secret: &'p str,
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage<'p> {
    frame: Frame<'p>,
    codes: &'p [Zeroizing<String>],
}

pub(crate) async fn show(visit: Visit) -> Response {
    match fresh(&visit, PATH) {
        Ok(session) => page(&visit, session, StatusCode::OK, None).await,
        Err(elsewhere) => *elsewhere,
    }
}

pub(crate) async fn begin(Posted { visit, .. }: Posted) -> Response {
    let session = match fresh(&visit, "/account") {
        Ok(session) => session,
        Err(elsewhere) => return *elsewhere,
    };
    match visit.server.begin_totp(&session.user.id).await {
        Ok(Changed::Done) => see_other(PATH),
        other => account::told(&visit, other),
    }
}

pub(crate) async fn confirm(Posted { visit, form }: Posted) -> Response {
    let session = match fresh(&visit, PATH) {
        Ok(session) => session,
        Err(elsewhere) => return *elsewhere,
    };
    let code = form.get("code").unwrap_or_default();
    match visit.server.confirm_totp(&visit.browser, &session.user.id, code).await {
        Ok(Ok(codes)) => codes_page(&visit, &codes),
        Ok(Err(Changed::WrongCode)) => {
            let wrong = visit.server.theme.messages.app.wrong.as_str();
            page(&visit, session, StatusCode::UNPROCESSABLE_ENTITY, Some(wrong)).await
        }
        Ok(Err(other)) => account::told(&visit, Ok(other)),
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

pub(crate) async fn remove(Posted { visit, .. }: Posted) -> Response {
    match fresh(&visit, "/account") {
        Ok(session) => {
            let removed = visit.server.remove_totp(&visit.browser, &session.user.id).await;
            account::told(&visit, removed)
        }
        Err(elsewhere) => *elsewhere,
    }
}

pub(crate) async fn new_codes(Posted { visit, .. }: Posted) -> Response {
    let session = match fresh(&visit, "/account") {
        Ok(session) => session,
        Err(elsewhere) => return *elsewhere,
    };
    match visit.server.new_recovery_codes(&visit.browser, &session.user.id).await {
        Ok(Some(codes)) => codes_page(&visit, &codes),
        Ok(None) => account::told(&visit, Ok(Changed::Nothing)),
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

async fn page(visit: &Visit, session: &Session, status: StatusCode, problem: Option<&str>) -> Response {
    let Enrolment { totp } = match visit.server.enrolment(&session.user.id).await {
        Ok(Some(enrolment)) => enrolment,
        Ok(None) => return see_other("/account"),
        Err(stored) => return error::stored(&visit.server, &stored),
    };
    let secret = totp.to_text();
    let template = Page {
        frame: visit.frame(visit.server.theme.messages.app.title.as_str()),
        problem,
        csrf: visit.csrf("/account/totp/confirm"),
        picture: picture(&totp.to_uri(&visit.server.theme.brand, &session.user.name)),
        secret: &secret,
    };
    visit.page_with(status, &template, &Needs::default())
}

/// The QR code of a text, as an SVG element. A text that is too long for one has none; it can still be typed.
fn picture(text: &str) -> String {
    let Ok(code) = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M) else { return String::new() };
    let svg = code.render::<svg::Color<'_>>().quiet_zone(true).build();
    // Within a page it is an element, not a document of its own.
    svg.split_once("?>").map_or(svg.clone(), |(_, element)| element.to_owned())
}

fn codes_page(visit: &Visit, codes: &[Zeroizing<String>]) -> Response {
    let frame = visit.frame(visit.server.theme.messages.codes.title.as_str());
    visit.page(&CodesPage { frame, codes })
}
