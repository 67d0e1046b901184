//! What operators do with accounts. No user has a password that somebody else chose: they come in by a link.

use http::HeaderMap;
use store::StoreError;
use zeroize::Zeroizing;

use super::{
    Acr, Amr, Browser, Changed, Entered, Event, EventKind, HashingError, InvalidUser, Invitation, InvitationKind,
    NewUser, Password, Session, Unfit, User, UserId, invitation,
    login::Proof,
    passkey::{Ceremony, Challenge, Refused, Registration},
    user::login_name,
};
use crate::{
    grants::mark,
    identity::{Identity, Server},
    secret::{Digest, Purpose, Secret},
    store::{
        devices::{take_invitation, take_known_devices},
        events::put_event,
        factors::{put_passkey, take_factors},
        sessions::end_everything,
        used::use_once,
        users::put_password,
    },
    tokens::Subject,
};

/// Why an operator's wish about an account was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user is not made as asked.
    #[error(transparent)]
    Invalid(#[from] InvalidUser),
    /// Somebody else has the login name.
    #[error("there is a user with the login name `{0}` already")]
    NameTaken(String),
    /// There is no such user.
    #[error("there is no user `{0}`; `portcullis user list` shows them all")]
    Unknown(String),
    /// The user has no such session.
    #[error("there is no session `{0}` of this user; `portcullis session list` shows those there are")]
    NoSession(String),
}

impl Identity {
    /// The session that a request's cookie belongs to, if it is live.
    pub async fn session(&self, headers: &HeaderMap) -> Result<Option<Session>, StoreError> {
        let unknown = std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        self.0.session_of(&Browser::of(unknown, headers)).await
    }

    /// Adds a user. They cannot log in before they have used a link of [`Self::invite`].
    pub async fn add_user(&self, new: NewUser) -> Result<User, AccountError> {
        let id = self.0.add_user(new).await?;
        let account = self.0.database.account(&id).await?;
        account.map(|account| account.user).ok_or_else(|| AccountError::Unknown(id.to_string()))
    }

    /// The user with a login name.
    pub async fn user(&self, name: &str) -> Result<User, AccountError> {
        let account = match login_name(name) {
            Some(name) => self.0.database.account_by_name(&name).await?,
            None => None,
        };
        account.map(|account| account.user).ok_or_else(|| AccountError::Unknown(name.escape_default().to_string()))
    }

    /// Users by login name, at most `most` of those after `after`.
    pub async fn users(&self, after: &str, most: u32) -> Result<Vec<User>, AccountError> {
        Ok(self.0.database.users(after, most).await?)
    }

    /// Shuts a user out at once, everywhere: sessions, tokens, links. Or lets them in again.
    pub async fn disable_user(&self, id: &UserId, disabled: bool) -> Result<(), AccountError> {
        if !self.0.database.disable_user(id, disabled).await? {
            return Err(AccountError::Unknown(id.to_string()));
        }
        if disabled {
            self.0.shut_out(id).await?;
        }
        let kind = if disabled { EventKind::UserDisabled } else { EventKind::UserEnabled };
        Ok(self.0.note_operator(kind, id).await?)
    }

    /// A one-time link by which a user begins, or begins again. Links of the same kind that they had before are dead.
    pub async fn invite(&self, id: &UserId, kind: InvitationKind) -> Result<Invitation, AccountError> {
        let account = self.0.database.account(id).await?;
        account.ok_or_else(|| AccountError::Unknown(id.to_string()))?;
        let secret = Secret::generate(Purpose::Invitation).map_err(StoreError::from)?;
        let expires = self.0.clock.now().saturating_add(invitation::LIFETIME);
        self.0.database.add_invitation(secret.digest(), id, kind, expires).await?;
        self.0.note_operator(EventKind::Invited, id).await?;
        let link = self.0.settings.issuer.at(&format!("/invitation/open?link={}", secret.expose()));
        Ok(Invitation { link: Zeroizing::new(link), expires })
    }

    /// The last things that happened to a user's account, the newest first.
    pub async fn events_of(&self, id: &UserId, most: u32) -> Result<Vec<Event>, AccountError> {
        Ok(self.0.database.events_of(id, most).await?)
    }
}

/// What came of using a link.
#[derive(Debug)]
pub(crate) enum Accepted {
    Entered(Entered),
    /// The password may not be chosen.
    Unfit(Unfit),
    /// The passkey is refused.
    Refused,
    /// The link was used before, or has expired.
    Over,
    /// Too many hashes at this moment.
    Busy,
}

/// What somebody begins with.
pub(crate) enum FirstFactor<'f> {
    Password(&'f str),
    Passkey { registration: &'f Registration, binding: &'f [u8] },
}

impl Server {
    /// Adds a user who has nothing to log in with yet.
    pub(crate) async fn add_user(&self, new: NewUser) -> Result<UserId, AccountError> {
        let user = new.into_user(UserId::generate().map_err(StoreError::from)?)?;
        let mut handle = [0; 32];
        aws_lc_rs::rand::fill(&mut handle).map_err(|_| StoreError::from(store::token_text::NoRandomness))?;
        if !self.database.add_user(&user, &handle, self.clock.now()).await? {
            return Err(AccountError::NameTaken(user.name));
        }
        self.note_operator(EventKind::UserAdded, &user.id).await?;
        Ok(user.id)
    }

    /// Uses a link up: its holder has a password or a passkey from now on, and is logged in.
    pub(crate) async fn accept(
        &self,
        browser: &Browser,
        link: Digest,
        factor: FirstFactor<'_>,
    ) -> Result<Accepted, StoreError> {
        let now = self.clock.now();
        let Some((user, kind)) = self.database.invitation(link, now).await? else { return Ok(Accepted::Over) };
        let Some(account) = self.database.account(&user).await? else { return Ok(Accepted::Over) };
        let checked = match self.check_first(&account.user.name, factor, now).await {
            Ok(checked) => checked,
            Err(accepted) => return Ok(accepted),
        };
        let mut write = self.database.write().await?;
        if !take_invitation(&mut write, link).await? {
            return Ok(Accepted::Over);
        }
        let mut ended = Vec::new();
        if kind == InvitationKind::Recover {
            // Whoever took the account over must not stay in it.
            take_factors(&mut write, &user).await?;
            take_known_devices(&mut write, &user).await?;
            put_password(&mut write, &user, None, now).await?;
            ended = end_everything(&mut write, &user, mark(now), now).await?;
        }
        match &checked {
            Checked::Password(hash) => put_password(&mut write, &user, Some(hash), now).await?,
            Checked::Passkey(passkey, challenge) => {
                if !use_once(&mut write, challenge.digest(), challenge.expires()).await?
                    || !put_passkey(&mut write, &user, "Passkey", passkey, now).await?
                {
                    return Ok(Accepted::Refused);
                }
            }
        }
        put_event(&mut write, &browser.event(EventKind::InvitationUsed, Some(&user), now)).await?;
        write.commit().await?;
        if kind == InvitationKind::Recover {
            self.revocations.add(Subject::User(user.0.clone()), mark(now));
        }
        self.sessions_ended(ended, now);
        let proof = match checked {
            Checked::Password(_) => Proof { user: &user, acr: Acr::Aal1, amr: &[Amr::Pwd] },
            Checked::Passkey(..) => Proof { user: &user, acr: Acr::Aal2, amr: &[Amr::Hwk, Amr::User, Amr::Mfa] },
        };
        Ok(self.enter(browser, &proof, None, now).await?.map_or(Accepted::Over, Accepted::Entered))
    }

    async fn check_first(&self, name: &str, factor: FirstFactor<'_>, now: u64) -> Result<Checked, Accepted> {
        match factor {
            FirstFactor::Password(text) => {
                let password = Password::chosen(text, name, self.settings.password_minimum).map_err(Accepted::Unfit)?;
                let hash = self.login.hashing.hash(password).await;
                hash.map(Checked::Password).map_err(|_: HashingError| Accepted::Busy)
            }
            FirstFactor::Passkey { registration, binding } => {
                let accept = |challenge: &[u8]| {
                    Challenge::verify(challenge, &self.login.challenges, Ceremony::Registration, binding, now)
                };
                let verified = registration.verify(&self.login.party, accept);
                verified
                    .map(|(passkey, challenge)| Checked::Passkey(passkey, challenge))
                    .map_err(|_: Refused| Accepted::Refused)
            }
        }
    }

    async fn shut_out(&self, user: &UserId) -> Result<Changed, StoreError> {
        let now = self.clock.now();
        let mut write = self.database.write().await?;
        let ended = end_everything(&mut write, user, mark(now), now).await?;
        write.commit().await?;
        self.revocations.add(Subject::User(user.0.clone()), mark(now));
        self.sessions_ended(ended, now);
        Ok(Changed::Done)
    }

    async fn note_operator(&self, kind: EventKind, user: &UserId) -> Result<(), StoreError> {
        let (at, user) = (self.clock.now(), Some(user.clone()));
        self.database.note_event(&Event { at, kind, user, address: String::new(), detail: String::new() }).await
    }
}

enum Checked {
    Password(super::StoredHash),
    Passkey(super::NewPasskey, Challenge),
}
