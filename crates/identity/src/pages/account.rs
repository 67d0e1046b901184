//! The page of one's own account: what one can log in with, where one is logged in, who has access.

use askama::Template;
use axum::response::Response;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use store::StoreError;

use super::{
    Posted, Visit, error,
    frame::Frame,
    headers::see_other,
    messages::{AccountTexts, EventTexts, Messages, Text},
    moment,
    return_path::ReturnPath,
};
use crate::{
    accounts::{Changed, Event, EventKind, Session, SessionId},
    authorization::scope_words,
    federation::Provider,
};

/// Events that are shown.
const EVENTS: u32 = 20;

#[derive(Template)]
#[template(path = "account.html")]
struct Page<'p> {
    frame: Frame<'p>,
    t: &'p AccountTexts,
    intro: String,
    told: Option<Told<'p>>,
    csrf: Tokens,
    has_password: bool,
    passkeys: Vec<Thing>,
    /// How many recovery codes are left, if an app is set up.
    codes_left: Option<String>,
    sessions: Vec<Thing>,
    devices: Vec<Thing>,
    grants: Vec<Thing>,
    /// Accounts at other providers, and providers that are not connected yet.
    external: Vec<Thing>,
    providers: Vec<Connectable>,
    events: Vec<Happened<'p>>,
}

/// A provider that an account can be connected at.
struct Connectable {
    action: String,
    csrf: String,
    label: String,
}

/// What came of the last change.
struct Told<'p> {
    text: &'p str,
    is_problem: bool,
}

/// A line with a button.
struct Thing {
    id: String,
    name: String,
    about: String,
    is_this: bool,
}

struct Happened<'p> {
    what: &'p str,
    when: String,
    machine: String,
    from: String,
}

struct Tokens {
    logout: String,
    remove_passkey: String,
    totp: String,
    remove_totp: String,
    codes: String,
    sessions: String,
    devices: String,
    grants: String,
    disconnect: String,
}

pub(crate) async fn show(visit: Visit) -> Response {
    let Some(session) = &visit.session else { return see_other(&ReturnPath::parse(None).by_way_of("/login")) };
    match page(&visit, session).await {
        Ok(page) => visit.page(&page),
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

pub(crate) async fn end_session(Posted { visit, form }: Posted) -> Response {
    let Some(session) = &visit.session else { return see_other("/login") };
    let ended = match form.get("id") {
        Some("others") => visit.server.end_other_sessions(&visit.browser, session).await,
        Some(id) => match SessionId::parse(id) {
            Some(id) => {
                let user = &session.user.id;
                visit.server.end_session(&visit.browser, user, &id, EventKind::SessionRevoked).await
            }
            None => Ok(Changed::Nothing),
        },
        None => Ok(Changed::Nothing),
    };
    told(&visit, ended)
}

pub(crate) async fn forget_device(Posted { visit, form }: Posted) -> Response {
    let Some(session) = &visit.session else { return see_other("/login") };
    let id = form.get("id").unwrap_or_default();
    let forgotten = visit.server.forget_device(&visit.browser, &session.user.id, id).await;
    told(&visit, forgotten)
}

pub(crate) async fn revoke_grant(Posted { visit, form }: Posted) -> Response {
    let Some(session) = &visit.session else { return see_other("/login") };
    let id = form.get("id").unwrap_or_default();
    let revoked = visit.server.revoke_own_grant(&visit.browser, &session.user.id, id).await;
    told(&visit, revoked)
}

/// The session, if somebody logged in a moment ago; else the way to log in again and then to `page`.
pub(super) fn fresh<'v>(visit: &'v Visit, page: &str) -> Result<&'v Session, Box<Response>> {
    let session = visit.session.as_ref().filter(|session| visit.server.is_fresh(session));
    session.ok_or_else(|| Box::new(see_other(&ReturnPath::parse(Some(page)).by_way_of("/login"))))
}

/// Back to the account's page, which says what came of a change.
pub(super) fn told(visit: &Visit, changed: Result<Changed, StoreError>) -> Response {
    match changed {
        Ok(Changed::Done) => see_other("/account?done=1"),
        Ok(Changed::LastFactor) => see_other("/account?done=last"),
        Ok(
            Changed::Nothing
            | Changed::WrongPassword
            | Changed::Unfit(_)
            | Changed::WrongCode
            | Changed::Refused(_)
            | Changed::Wait(_)
            | Changed::Busy,
        ) => see_other("/account?done=gone"),
        Err(stored) => error::stored(&visit.server, &stored),
    }
}

async fn page<'v>(visit: &'v Visit, session: &Session) -> Result<Page<'v>, StoreError> {
    let (server, user) = (&visit.server, &session.user.id);
    let (database, texts) = (&server.database, &server.theme.messages);
    let t = &texts.account;
    let now = server.clock.now();
    let totp = database.totp_of(user).await?.is_some_and(|totp| totp.confirmed.is_some());
    let codes_left = if totp {
        Some(t.codes_left.fill("count", &database.recovery_codes_left(user).await?.to_string()))
    } else {
        None
    };
    Ok(Page {
        frame: visit.frame(t.title.as_str()),
        t,
        intro: t.intro.fill("name", &session.user.display_name),
        told: told_text(t, visit.query.get("done")),
        csrf: tokens(visit),
        has_password: database.account(user).await?.is_some_and(|account| account.password.is_some()),
        passkeys: passkeys(visit, session).await?,
        codes_left,
        sessions: sessions(visit, session, now).await?,
        devices: devices(visit, session, now).await?,
        grants: grants(visit, session, now).await?,
        external: external(visit, session).await?,
        providers: connectable(visit),
        events: database.events_of(user, EVENTS).await?.into_iter().map(|event| happened(texts, event)).collect(),
    })
}

fn told_text<'t>(texts: &'t AccountTexts, done: Option<&str>) -> Option<Told<'t>> {
    let told = |text: &'t Text, is_problem| Some(Told { text: text.as_str(), is_problem });
    match done? {
        "1" => told(&texts.done, false),
        "last" => told(&texts.last, true),
        "gone" => told(&texts.gone, true),
        _ => None,
    }
}

fn tokens(visit: &Visit) -> Tokens {
    Tokens {
        logout: visit.csrf("/logout"),
        remove_passkey: visit.csrf("/account/passkeys/remove"),
        totp: visit.csrf("/account/totp"),
        remove_totp: visit.csrf("/account/totp/remove"),
        codes: visit.csrf("/account/recovery"),
        sessions: visit.csrf("/account/sessions"),
        devices: visit.csrf("/account/devices"),
        grants: visit.csrf("/account/grants"),
        disconnect: visit.csrf("/account/disconnect"),
    }
}

async fn passkeys(visit: &Visit, session: &Session) -> Result<Vec<Thing>, StoreError> {
    let t = &visit.server.theme.messages.account;
    let passkeys = visit.server.database.passkeys_of(&session.user.id).await?;
    let listed = passkeys.into_iter().map(|passkey| {
        let added = t.added.fill("time", &moment::told(crate::store::time(passkey.created)));
        let used = passkey.last_used.map(|at| t.used.fill("time", &moment::told(crate::store::time(at))));
        Thing {
            id: BASE64_URL_SAFE_NO_PAD.encode(&passkey.id),
            name: passkey.name,
            about: joined([Some(added), used]),
            is_this: false,
        }
    });
    Ok(listed.collect())
}

async fn sessions(visit: &Visit, session: &Session, now: u64) -> Result<Vec<Thing>, StoreError> {
    let t = &visit.server.theme.messages.account;
    let sessions = visit.server.database.sessions_of(&session.user.id, now).await?;
    let listed = sessions.into_iter().map(|listed| {
        let seen = t.session_seen.fill("time", &moment::told(listed.last_seen));
        Thing {
            is_this: listed.id == session.id,
            id: listed.id.to_string(),
            name: agent_name(t, &listed.agent),
            about: joined([Some(listed.address), Some(seen)]),
        }
    });
    Ok(listed.collect())
}

async fn devices(visit: &Visit, session: &Session, now: u64) -> Result<Vec<Thing>, StoreError> {
    let t = &visit.server.theme.messages.account;
    let devices = visit.server.database.known_devices_of(&session.user.id, now).await?;
    let listed = devices.into_iter().map(|device| {
        let added = t.added.fill("time", &moment::told(device.created));
        let used = t.used.fill("time", &moment::told(device.last_used));
        Thing {
            id: device.id,
            name: agent_name(t, &device.agent),
            about: joined([Some(added), Some(used)]),
            is_this: false,
        }
    });
    Ok(listed.collect())
}

async fn grants(visit: &Visit, session: &Session, now: u64) -> Result<Vec<Thing>, StoreError> {
    let t = &visit.server.theme.messages.account;
    let grants = visit.server.database.grants_of_user(&session.user.id, now).await?;
    let listed = grants.into_iter().map(|grant| {
        let added = t.added.fill("time", &moment::told(grant.created));
        let scopes = grant.scopes.split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        let scopes = Some(scope_words(&visit.server, &scopes).join(", ")).filter(|scopes| !scopes.is_empty());
        Thing { id: grant.id, name: grant.client, about: joined([scopes, Some(added)]), is_this: false }
    });
    Ok(listed.collect())
}

async fn external(visit: &Visit, session: &Session) -> Result<Vec<Thing>, StoreError> {
    let t = &visit.server.theme.messages.account;
    let connected = visit.server.database.external_identities_of(&session.user.id).await?;
    let listed = connected.into_iter().map(|one| {
        let provider = visit.server.settings.providers.iter().find(|provider| provider.issuer == one.issuer);
        let label = provider.map_or(one.issuer.as_str(), |provider| provider.label.as_str());
        let used = one.last_used.map(|at| t.used.fill("time", &moment::told(at)));
        Thing {
            name: format!("{label}: {}", one.shown),
            about: joined([Some(t.added.fill("time", &moment::told(one.created))), used]),
            id: one.id,
            is_this: false,
        }
    });
    Ok(listed.collect())
}

fn connectable(visit: &Visit) -> Vec<Connectable> {
    let server = &visit.server;
    let all = server.settings.providers.iter().filter(|_| server.way_out.is_connected());
    let one = |provider: &Provider| {
        let action = format!("/account/external/{}", provider.name);
        let label = server.theme.messages.external.connect_named.fill("provider", &provider.label);
        Connectable { csrf: visit.csrf(&action), action, label }
    };
    all.map(one).collect()
}

fn joined(parts: [Option<String>; 2]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// What people call a browser, by its `User-Agent`, which says whatever it likes.
fn agent_name(texts: &AccountTexts, agent: &str) -> String {
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("Linux", "Linux"),
    ];
    let named =
        |names: &[(&str, &'static str)]| names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => texts.unknown_agent.to_string(),
    }
}

fn happened(texts: &Messages, event: Event) -> Happened<'_> {
    let detail = Some(event.detail).filter(|detail| !detail.is_empty());
    let address = Some(event.address).filter(|address| !address.is_empty());
    Happened {
        what: event_text(&texts.event, event.kind).as_str(),
        when: moment::told(event.at),
        machine: moment::machine(event.at),
        from: joined([detail, address]),
    }
}

fn event_text(texts: &EventTexts, kind: EventKind) -> &Text {
    match kind {
        EventKind::LoggedIn => &texts.logged_in,
        EventKind::SteppedUp => &texts.stepped_up,
        EventKind::LoginFailed => &texts.login_failed,
        EventKind::SecondFactorFailed => &texts.second_factor_failed,
        EventKind::LoggedOut => &texts.logged_out,
        EventKind::SessionRevoked => &texts.session_revoked,
        EventKind::DeviceForgotten => &texts.device_forgotten,
        EventKind::PasswordChanged => &texts.password_changed,
        EventKind::PasskeyAdded => &texts.passkey_added,
        EventKind::PasskeyRemoved => &texts.passkey_removed,
        EventKind::PasskeyCopied => &texts.passkey_copied,
        EventKind::AppAdded => &texts.app_added,
        EventKind::AppRemoved => &texts.app_removed,
        EventKind::CodesMade => &texts.codes_made,
        EventKind::CodeUsed => &texts.code_used,
        EventKind::Invited => &texts.invited,
        EventKind::InvitationUsed => &texts.invitation_used,
        EventKind::UserAdded => &texts.user_added,
        EventKind::UserDisabled => &texts.user_disabled,
        EventKind::UserEnabled => &texts.user_enabled,
        EventKind::GrantRevoked => &texts.grant_revoked,
        EventKind::ExternalConnected => &texts.external_connected,
        EventKind::ExternalDisconnected => &texts.external_disconnected,
    }
}
