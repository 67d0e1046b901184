//! Logging in with a passkey, and adding and removing passkeys.

use askama::Template;
use axum::response::Response;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::StatusCode;
use store::StoreError;

use super::{
    Posted, Visit,
    account::{self, fresh},
    error,
    frame::Frame,
    headers::see_other,
    login::enter,
    return_path::ReturnPath,
};
use crate::{
    accounts::{
        Changed, User,
        passkey::{Assertion, Ceremony, PublicKey, Registration},
    },
    parameters::Parameters,
};

const LOGIN: &str = "/login/passkey";
pub(super) const NEW: &str = "/account/passkeys";

#[derive(Template)]
#[template(path = "passkey.html")]
struct LoginPage<'p> {
    frame: Frame<'p>,
    problem: Option<&'p str>,
    challenge: String,
    party: &'p str,
    csrf: String,
    return_to: &'p str,
    password: String,
}

#[derive(Template)]
#[template(path = "new_passkey.html")]
struct NewPage<'p> {
    frame: Frame<'p>,
    problem: Option<&'p str>,
    action: &'p str,
    passkey: Creation,
}

/// What the browser's dialog for a new passkey is told.
pub(super) struct Creation {
    pub(super) csrf: String,
    pub(super) challenge: String,
    pub(super) party: String,
    pub(super) handle: String,
    pub(super) name: String,
    pub(super) display_name: String,
    /// Ids of passkeys that the user has, with spaces between them.
    pub(super) exclude: String,
    pub(super) algorithms: String,
    /// The one-time link by which it is made.
    pub(super) link: Option<String>,
    /// Whether a name for it is asked for.
    pub(super) named: bool,
}

pub(crate) async fn show_login(visit: Visit) -> Response {
    login_page(&visit, StatusCode::OK, &ReturnPath::parse(visit.query.get("return")), None)
}

pub(crate) async fn submit_login(Posted { visit, form }: Posted) -> Response {
    let return_to = ReturnPath::parse(form.get("return"));
    let refused = Some(visit.server.theme.messages.passkey.refused.as_str());
    let Some(assertion) = assertion(&form) else {
        return login_page(&visit, StatusCode::UNPROCESSABLE_ENTITY, &return_to, refused);
    };
    match visit.server.log_in_with_passkey(&visit.browser, visit.binding(), &assertion).await {
        Ok(Ok(entered)) => enter(&entered, return_to.as_str()),
        Ok(Err(_)) => login_page(&visit, StatusCode::UNPROCESSABLE_ENTITY, &return_to, refused),
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

fn login_page(visit: &Visit, status: StatusCode, return_to: &ReturnPath, problem: Option<&str>) -> Response {
    let texts = &visit.server.theme.messages.passkey;
    let challenge = match visit.server.challenge(Ceremony::Assertion, visit.binding()) {
        Ok(challenge) => challenge,
        Err(stored) => return error::stored(&visit.server, &stored),
    };
    let template = LoginPage {
        frame: visit.frame(texts.title.as_str()),
        problem,
        challenge: BASE64_URL_SAFE_NO_PAD.encode(challenge.as_bytes()),
        party: visit.server.settings.issuer.host(),
        csrf: visit.csrf(LOGIN),
        return_to: return_to.as_str(),
        password: return_to.by_way_of("/login"),
    };
    visit.page_with(status, &template, &visit.script())
}

pub(crate) async fn show_new(visit: Visit) -> Response {
    match fresh(&visit, NEW) {
        Ok(session) => new_page(&visit, StatusCode::OK, &session.user, None).await,
        Err(elsewhere) => *elsewhere,
    }
}

pub(crate) async fn submit_new(Posted { visit, form }: Posted) -> Response {
    let session = match fresh(&visit, NEW) {
        Ok(session) => session,
        Err(elsewhere) => return *elsewhere,
    };
    let name = form.get("name").unwrap_or_default();
    let added = match registration(&form) {
        None => Ok(Changed::Nothing),
        Some(registration) => {
            let user = &session.user.id;
            visit.server.add_passkey(&visit.browser, user, visit.binding(), name, &registration).await
        }
    };
    match added {
        Ok(Changed::Done) => see_other("/account?done=1"),
        Ok(_) => {
            let refused = visit.server.theme.messages.passkey.refused.as_str();
            new_page(&visit, StatusCode::UNPROCESSABLE_ENTITY, &session.user, Some(refused)).await
        }
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

pub(crate) async fn remove(Posted { visit, form }: Posted) -> Response {
    let session = match fresh(&visit, "/account") {
        Ok(session) => session,
        Err(elsewhere) => return *elsewhere,
    };
    let removed = match bytes(&form, "id") {
        None => Ok(Changed::Nothing),
        Some(id) => visit.server.remove_passkey(&visit.browser, session, &id).await,
    };
    account::told(&visit, removed)
}

async fn new_page(visit: &Visit, status: StatusCode, user: &User, problem: Option<&str>) -> Response {
    let texts = &visit.server.theme.messages.new_passkey;
    let passkey = match creation(visit, user, NEW, true).await {
        Ok(passkey) => passkey,
        Err(stored) => return error::stored(&visit.server, &stored),
    };
    let template = NewPage { frame: visit.frame(texts.title.as_str()), problem, action: NEW, passkey };
    visit.page_with(status, &template, &visit.script())
}

/// What the browser's dialog for a new passkey of a user is told, by a form that is sent to `action`.
pub(super) async fn creation(visit: &Visit, user: &User, action: &str, named: bool) -> Result<Creation, StoreError> {
    let server = &visit.server;
    let handle = server.database.account(&user.id).await?.map(|account| account.handle).unwrap_or_default();
    let present = server.database.passkeys_of(&user.id).await?;
    let present: Vec<String> = present.iter().map(|passkey| BASE64_URL_SAFE_NO_PAD.encode(&passkey.id)).collect();
    Ok(Creation {
        csrf: visit.csrf(action),
        challenge: BASE64_URL_SAFE_NO_PAD.encode(server.challenge(Ceremony::Registration, visit.binding())?.as_bytes()),
        party: server.settings.issuer.host().to_owned(),
        handle: BASE64_URL_SAFE_NO_PAD.encode(handle),
        name: user.name.clone(),
        display_name: user.display_name.clone(),
        exclude: present.join(" "),
        algorithms: PublicKey::ALGORITHMS.map(|number| number.to_string()).join(" "),
        link: None,
        named,
    })
}

fn assertion(form: &Parameters) -> Option<Assertion> {
    Some(Assertion {
        id: bytes(form, "id")?,
        client_data: bytes(form, "client_data")?,
        authenticator_data: bytes(form, "authenticator_data")?,
        signature: bytes(form, "signature")?,
        user_handle: match form.get("user_handle") {
            None => None,
            Some(_) => Some(bytes(form, "user_handle")?),
        },
    })
}

pub(super) fn registration(form: &Parameters) -> Option<Registration> {
    Some(Registration { client_data: bytes(form, "client_data")?, attestation: bytes(form, "attestation")? })
}

fn bytes(form: &Parameters, name: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(form.get(name)?).ok()
}
