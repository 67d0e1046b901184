//! One-time links: choosing what to log in with, the first time or again.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use store::StoreError;

use super::{
    Posted, Visit,
    error::{self, Fault},
    frame::Frame,
    login::enter,
    passkey::{self, Creation},
    password::unfit_text,
};
use crate::{
    accounts::{Accepted, FirstFactor, InvitationKind, User},
    secret::{Digest, Purpose},
};

const PASSWORD: &str = "/invitation/password";
const PASSKEY: &str = "/invitation/passkey";

#[derive(Template)]
#[template(path = "invitation.html")]
struct Page<'p> {
    frame: Frame<'p>,
    intro: &'p str,
    login_name: String,
    problem: Option<&'p str>,
    link: &'p str,
    action: &'static str,
    passkey: Creation,
    password_action: &'static str,
    password_csrf: String,
}

/// The link is in the query, which no log holds.
pub(crate) async fn show(visit: Visit) -> Response {
    page(&visit, visit.query.get("link").unwrap_or_default(), StatusCode::OK, None).await
}

pub(crate) async fn submit_password(Posted { visit, form }: Posted) -> Response {
    let link = form.get("link").unwrap_or_default();
    let Some(digest) = Digest::of_secret(Purpose::Invitation, link) else { return over(&visit) };
    let factor = FirstFactor::Password(form.get("password").unwrap_or_default());
    let accepted = visit.server.accept(&visit.browser, digest, factor).await;
    answer(&visit, link, accepted).await
}

pub(crate) async fn submit_passkey(Posted { visit, form }: Posted) -> Response {
    let link = form.get("link").unwrap_or_default();
    let Some(digest) = Digest::of_secret(Purpose::Invitation, link) else { return over(&visit) };
    let Some(registration) = passkey::registration(&form) else {
        let refused = visit.server.theme.messages.passkey.refused.as_str();
        return page(&visit, link, StatusCode::UNPROCESSABLE_ENTITY, Some(refused)).await;
    };
    let factor = FirstFactor::Passkey { registration: &registration, binding: visit.binding() };
    let accepted = visit.server.accept(&visit.browser, digest, factor).await;
    answer(&visit, link, accepted).await
}

async fn answer(visit: &Visit, link: &str, accepted: Result<Accepted, StoreError>) -> Response {
    let texts = &visit.server.theme.messages;
    let problem = match accepted {
        Ok(Accepted::Entered(entered)) => return enter(&entered, "/account"),
        Ok(Accepted::Over) => return over(visit),
        Ok(Accepted::Unfit(unfit)) => unfit_text(&visit.server.theme, unfit),
        Ok(Accepted::Refused) => texts.passkey.refused.as_str(),
        Ok(Accepted::Busy) => texts.password.busy.as_str(),
        Err(stored) => return error::stored(&visit.server, &stored),
    };
    page(visit, link, StatusCode::UNPROCESSABLE_ENTITY, Some(problem)).await
}

async fn page(visit: &Visit, link: &str, status: StatusCode, problem: Option<&str>) -> Response {
    match whose(visit, link).await {
        Ok(Some((user, kind))) => match template(visit, link, &user, kind, problem).await {
            Ok(template) => visit.page_with(status, &template, &visit.script()),
            Err(stored) => error::stored(&visit.server, &stored),
        },
        Ok(None) => over(visit),
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

async fn whose(visit: &Visit, link: &str) -> Result<Option<(User, InvitationKind)>, StoreError> {
    let Some(digest) = Digest::of_secret(Purpose::Invitation, link) else { return Ok(None) };
    let server = &visit.server;
    let Some((id, kind)) = server.database.invitation(digest, server.clock.now()).await? else { return Ok(None) };
    Ok(server.database.account(&id).await?.map(|account| (account.user, kind)))
}

async fn template<'v>(
    visit: &'v Visit,
    link: &'v str,
    user: &User,
    kind: InvitationKind,
    problem: Option<&'v str>,
) -> Result<Page<'v>, StoreError> {
    let texts = &visit.server.theme.messages.invitation;
    let (title, intro) = match kind {
        InvitationKind::Invite => (&texts.title, &texts.intro),
        InvitationKind::Recover => (&texts.recover_title, &texts.recover_intro),
    };
    let mut passkey = passkey::creation(visit, user, PASSKEY, false).await?;
    passkey.link = Some(link.to_owned());
    if kind == InvitationKind::Recover {
        // What the user has now will be removed, so it is in nobody's way.
        passkey.exclude.clear();
    }
    Ok(Page {
        frame: visit.frame(title.fill("name", &user.display_name)),
        intro: intro.as_str(),
        login_name: texts.login_name.fill("name", &user.name),
        problem,
        passkey,
        link,
        action: PASSKEY,
        password_csrf: visit.csrf(PASSWORD),
        password_action: PASSWORD,
    })
}

fn over(visit: &Visit) -> Response {
    error::of(&visit.server, Fault::Link)
}
