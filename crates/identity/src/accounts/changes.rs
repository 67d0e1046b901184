//! What people change about their own account. Each change that could lock them out, or let somebody in, asks for a login
//! of a moment ago ([`Server::is_fresh`]).

use store::StoreError;
use zeroize::Zeroizing;

use super::{
    Browser, EventKind, HashingError, Password, RecoveryCode, Session, SessionId, StoredHash, Totp, Unfit, UserId,
    event::Event,
    passkey::{Ceremony, Challenge, Refused, Registration},
    recovery::CODES,
    throttle::Key,
};
use crate::{
    grants::mark,
    identity::Server,
    store::{
        devices::take_known_device,
        events::put_event,
        external::other_ways_in,
        factors::{confirm_totp, put_passkey, put_recovery_codes, take_passkey, take_totp},
        sessions::{end_what_was_given, take_session, take_sessions},
        used::use_once,
        users::put_password,
    },
    tokens::Subject,
};

/// How long ago somebody may have logged in for a change, in seconds.
const FRESH: u64 = 15 * 60;
const MAX_PASSKEY_NAME: usize = 64;

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    Done,
    /// There is nothing such, or no more.
    Nothing,
    /// The present password is wrong.
    WrongPassword,
    /// The new password may not be chosen.
    Unfit(Unfit),
    /// The code is wrong.
    WrongCode,
    /// The passkey is refused.
    Refused(Refused),
    /// It is the last thing that they could log in with.
    LastFactor,
    /// Too many tries: seconds to wait.
    Wait(u64),
    /// Too many hashes at this moment.
    Busy,
}

/// An authenticator app that is being set up.
pub(crate) struct Enrolment {
    pub(crate) totp: Totp,
}

impl Server {
    /// Whether somebody logged in a moment ago.
    pub(crate) fn is_fresh(&self, session: &Session) -> bool {
        self.clock.now().saturating_sub(session.authenticated_at) < FRESH
    }

    /// Changes the password, or sets the first one. All other sessions of the user end.
    pub(crate) async fn change_password(
        &self,
        browser: &Browser,
        session: &Session,
        current: &str,
        new: &str,
    ) -> Result<Changed, StoreError> {
        let now = self.clock.now();
        let user = &session.user.id;
        let Some(account) = self.database.account(user).await? else { return Ok(Changed::Nothing) };
        let new = match Password::chosen(new, &session.user.name, self.settings.password_minimum) {
            Ok(new) => new,
            Err(unfit) => return Ok(Changed::Unfit(unfit)),
        };
        if let Some(stored) = account.password {
            let tries = match self.count_tries(browser, Some(user), Key::name(&session.user.name), now).await? {
                Ok(tries) => tries,
                Err(wait) => return Ok(Changed::Wait(wait)),
            };
            match self.login.hashing.verify(Password::typed(current), Some(stored)).await {
                Ok(true) => self.forgive(&tries).await?,
                Ok(false) => return Ok(Changed::WrongPassword),
                Err(error) => return Ok(busy(error)),
            }
        }
        let hash = match self.login.hashing.hash(new).await {
            Ok(hash) => hash,
            Err(error) => return Ok(busy(error)),
        };
        self.replace_password(browser, session, &hash, now).await
    }

    async fn replace_password(
        &self,
        browser: &Browser,
        session: &Session,
        hash: &StoredHash,
        now: u64,
    ) -> Result<Changed, StoreError> {
        let user = &session.user.id;
        let mut write = self.database.write().await?;
        put_password(&mut write, user, Some(hash), now).await?;
        let ended = take_sessions(&mut write, user, Some(&session.id)).await?;
        for id in &ended {
            end_what_was_given(&mut write, id, mark(now)).await?;
        }
        put_event(&mut write, &browser.event(EventKind::PasswordChanged, Some(user), now)).await?;
        write.commit().await?;
        self.sessions_ended(ended, now);
        Ok(Changed::Done)
    }

    /// A challenge for a new passkey in the browser with this secret.
    pub(crate) fn challenge(&self, ceremony: Ceremony, binding: &[u8]) -> Result<Challenge, StoreError> {
        Ok(Challenge::generate(&self.login.challenges, ceremony, binding, self.clock.now())?)
    }

    /// Adds a passkey.
    pub(crate) async fn add_passkey(
        &self,
        browser: &Browser,
        user: &UserId,
        binding: &[u8],
        name: &str,
        registration: &Registration,
    ) -> Result<Changed, StoreError> {
        let now = self.clock.now();
        let accept = |challenge: &[u8]| {
            Challenge::verify(challenge, &self.login.challenges, Ceremony::Registration, binding, now)
        };
        let (passkey, challenge) = match registration.verify(&self.login.party, accept) {
            Ok(verified) => verified,
            Err(refused) => return Ok(Changed::Refused(refused)),
        };
        let name = passkey_name(name);
        let mut write = self.database.write().await?;
        if !use_once(&mut write, challenge.digest(), challenge.expires()).await? {
            return Ok(Changed::Refused(Refused::WrongChallenge));
        }
        // Somebody else's credential with the same id would be an answer made to deceive.
        if !put_passkey(&mut write, user, &name, &passkey, now).await? {
            return Ok(Changed::Refused(Refused::Contradiction));
        }
        put_event(&mut write, &detailed(browser.event(EventKind::PasskeyAdded, Some(user), now), &name)).await?;
        write.commit().await?;
        Ok(Changed::Done)
    }

    /// Removes a passkey, unless it is the last thing that the user can log in with.
    pub(crate) async fn remove_passkey(
        &self,
        browser: &Browser,
        session: &Session,
        id: &[u8],
    ) -> Result<Changed, StoreError> {
        let user = &session.user.id;
        let now = self.clock.now();
        let mut write = self.database.write().await?;
        let others = other_ways_in(&mut write, user, id, "").await?;
        if others == 0 {
            return Ok(Changed::LastFactor);
        }
        if !take_passkey(&mut write, user, id).await? {
            return Ok(Changed::Nothing);
        }
        put_event(&mut write, &browser.event(EventKind::PasskeyRemoved, Some(user), now)).await?;
        write.commit().await?;
        Ok(Changed::Done)
    }

    /// Begins to set up an authenticator app.
    pub(crate) async fn begin_totp(&self, user: &UserId) -> Result<Changed, StoreError> {
        let sealed = self.seal_totp(user, &Totp::generate()?)?;
        let begun = self.database.begin_totp(user, &sealed, self.clock.now()).await?;
        Ok(if begun { Changed::Done } else { Changed::Nothing })
    }

    /// The app that is being set up.
    pub(crate) async fn enrolment(&self, user: &UserId) -> Result<Option<Enrolment>, StoreError> {
        let stored = self.database.totp_of(user).await?.filter(|stored| stored.confirmed.is_none());
        stored.map(|stored| self.open_totp(user, &stored.sealed).map(|totp| Enrolment { totp })).transpose()
    }

    /// Confirms the app by a code of it. The recovery codes that come with it are shown once.
    pub(crate) async fn confirm_totp(
        &self,
        browser: &Browser,
        user: &UserId,
        code: &str,
    ) -> Result<Result<Vec<Zeroizing<String>>, Changed>, StoreError> {
        let now = self.clock.now();
        let Some(stored) = self.database.totp_of(user).await?.filter(|stored| stored.confirmed.is_none()) else {
            return Ok(Err(Changed::Nothing));
        };
        let Some(step) = self.open_totp(user, &stored.sealed)?.step_of(code, now) else {
            return Ok(Err(Changed::WrongCode));
        };
        let codes = codes()?;
        let mut write = self.database.write().await?;
        if !confirm_totp(&mut write, user, &stored.sealed, step, now).await? {
            return Ok(Err(Changed::Nothing));
        }
        let digests: Vec<_> = codes.iter().map(|code| code.digest(user)).collect();
        put_recovery_codes(&mut write, user, &digests).await?;
        put_event(&mut write, &browser.event(EventKind::AppAdded, Some(user), now)).await?;
        write.commit().await?;
        Ok(Ok(codes.iter().map(RecoveryCode::to_text).collect()))
    }

    /// Removes the app and the recovery codes.
    pub(crate) async fn remove_totp(&self, browser: &Browser, user: &UserId) -> Result<Changed, StoreError> {
        let mut write = self.database.write().await?;
        if !take_totp(&mut write, user).await? {
            return Ok(Changed::Nothing);
        }
        put_event(&mut write, &browser.event(EventKind::AppRemoved, Some(user), self.clock.now())).await?;
        write.commit().await?;
        Ok(Changed::Done)
    }

    /// Makes new recovery codes in the place of the old ones, for somebody with an app. They are shown once.
    pub(crate) async fn new_recovery_codes(
        &self,
        browser: &Browser,
        user: &UserId,
    ) -> Result<Option<Vec<Zeroizing<String>>>, StoreError> {
        if self.database.totp_of(user).await?.is_none_or(|stored| stored.confirmed.is_none()) {
            return Ok(None);
        }
        let codes = codes()?;
        let digests: Vec<_> = codes.iter().map(|code| code.digest(user)).collect();
        let mut write = self.database.write().await?;
        put_recovery_codes(&mut write, user, &digests).await?;
        put_event(&mut write, &browser.event(EventKind::CodesMade, Some(user), self.clock.now())).await?;
        write.commit().await?;
        Ok(Some(codes.iter().map(RecoveryCode::to_text).collect()))
    }

    /// Ends one of a user's sessions: their access tokens are dead with it.
    pub(crate) async fn end_session(
        &self,
        browser: &Browser,
        user: &UserId,
        id: &SessionId,
        kind: EventKind,
    ) -> Result<Changed, StoreError> {
        let now = self.clock.now();
        let mut write = self.database.write().await?;
        if !take_session(&mut write, user, id).await? {
            return Ok(Changed::Nothing);
        }
        end_what_was_given(&mut write, id, mark(now)).await?;
        put_event(&mut write, &browser.event(kind, Some(user), now)).await?;
        write.commit().await?;
        self.sessions_ended(vec![id.clone()], now);
        Ok(Changed::Done)
    }

    /// Ends all sessions of a user but the one they say this in.
    pub(crate) async fn end_other_sessions(&self, browser: &Browser, session: &Session) -> Result<Changed, StoreError> {
        let now = self.clock.now();
        let user = &session.user.id;
        let mut write = self.database.write().await?;
        let ended = take_sessions(&mut write, user, Some(&session.id)).await?;
        for id in &ended {
            end_what_was_given(&mut write, id, mark(now)).await?;
        }
        if !ended.is_empty() {
            put_event(&mut write, &browser.event(EventKind::SessionRevoked, Some(user), now)).await?;
        }
        write.commit().await?;
        self.sessions_ended(ended, now);
        Ok(Changed::Done)
    }

    /// Forgets a known device.
    pub(crate) async fn forget_device(
        &self,
        browser: &Browser,
        user: &UserId,
        id: &str,
    ) -> Result<Changed, StoreError> {
        let mut write = self.database.write().await?;
        if !take_known_device(&mut write, user, id).await? {
            return Ok(Changed::Nothing);
        }
        put_event(&mut write, &browser.event(EventKind::DeviceForgotten, Some(user), self.clock.now())).await?;
        write.commit().await?;
        Ok(Changed::Done)
    }

    /// Takes back what a user allowed a client, and everything that was issued under it.
    pub(crate) async fn revoke_own_grant(
        &self,
        browser: &Browser,
        user: &UserId,
        grant: &str,
    ) -> Result<Changed, StoreError> {
        let now = self.clock.now();
        if !self.database.revoke_grant_of_user(user, grant, mark(now), now).await? {
            return Ok(Changed::Nothing);
        }
        self.revocations.add(Subject::Grant(grant.to_owned()), mark(now));
        self.database.note_event(&browser.event(EventKind::GrantRevoked, Some(user), now)).await?;
        Ok(Changed::Done)
    }

    /// Puts the marks of ended sessions in force in this process, and has their clients told.
    pub(crate) fn sessions_ended(&self, ended: Vec<SessionId>, now: u64) {
        for id in ended {
            self.revocations.add(Subject::Session(id.0), mark(now));
        }
        self.session_ended.notify_one();
    }
}

fn codes() -> Result<Vec<RecoveryCode>, StoreError> {
    Ok((0..CODES).map(|_| RecoveryCode::generate()).collect::<Result<_, _>>()?)
}

/// What somebody calls their passkey, cut to what a list can show.
fn passkey_name(text: &str) -> String {
    let name: String = text.trim().chars().filter(|c| !c.is_control()).take(MAX_PASSKEY_NAME).collect();
    if name.is_empty() { "Passkey".to_owned() } else { name }
}

fn detailed(event: Event, detail: &str) -> Event {
    Event { detail: detail.to_owned(), ..event }
}

fn busy(error: HashingError) -> Changed {
    eprintln!("identity: {error}");
    Changed::Busy
}
