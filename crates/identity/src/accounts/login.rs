//! Logging in: a password and what comes after it, or a passkey, which is enough by itself.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::{
    Acr, Amr, Browser, EventKind, Hashing, HashingError, Password, Session, SessionId, UserId,
    passkey::{Assertion, Ceremony, Challenge, ChallengeKey, Known, PublicKey, Refused, RelyingParty},
    throttle::{self, Key},
    user::login_name,
};
use crate::{
    error::IdentityError,
    grants::mark,
    identity::Server,
    keys::MasterKey,
    secret::{Digest, Purpose, Secret, random_id},
    settings::Settings,
    store::{
        devices::{is_device, put_known_device},
        events::put_event,
        factors::note_passkey,
        logouts::keep_session_clients,
        sessions::{NewSession, end_what_was_given, put_session, take_login_step, take_session},
        used::use_once,
    },
};

/// How long somebody has for their second factor, in seconds.
const STEP_LIFETIME: u64 = 600;
/// How long a browser is known after a login with it, in seconds: 180 days.
pub(crate) const DEVICE_LIFETIME: u64 = 180 * 86_400;

/// Hashes at once, whatever the number of cores: 76 MiB.
const MAX_HASHES: usize = 4;

/// What logging in needs besides the database.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) hashing: Hashing,
    pub(crate) challenges: ChallengeKey,
    pub(crate) party: RelyingParty,
}

impl Login {
    /// By the settings, and keys of the master key.
    pub(crate) fn new(settings: &Settings, master: &MasterKey) -> Result<Self, IdentityError> {
        let party = RelyingParty { id: settings.issuer.host().to_owned(), origin: settings.issuer.as_str().to_owned() };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let hashing = Hashing::new(cores.min(MAX_HASHES))?;
        Ok(Self { hashing, challenges: ChallengeKey::new(&*master.derive("passkey challenges")?), party })
    }
}

/// Somebody is in: what their browser is given.
#[derive(Debug)]
pub(crate) struct Entered {
    /// The session's cookie.
    pub(crate) session: Secret,
    /// The cookie by which the browser is known, if it is a new one.
    pub(crate) device: Option<Secret>,
}

/// What a password led to.
#[derive(Debug)]
pub(crate) enum PasswordStep {
    /// The user has no second factor.
    Entered(Entered),
    /// The password is right, and a second factor is owed: the cookie of the step.
    SecondFactor(Secret),
    /// The name or the password is wrong; nobody is told which.
    Wrong,
    /// Too many tries: seconds to wait.
    Wait(u64),
    /// Too many people log in at this moment.
    Busy,
}

/// Somebody who proved who they are.
pub(crate) struct Proof<'p> {
    pub(crate) user: &'p UserId,
    pub(crate) acr: Acr,
    pub(crate) amr: &'p [Amr],
}

impl Server {
    /// Takes a name and a password. Whoever it is, known or not, costs one hash and is told the same.
    pub(crate) async fn log_in(
        &self,
        browser: &Browser,
        name: &str,
        password: &str,
    ) -> Result<PasswordStep, StoreError> {
        let now = self.clock.now();
        let name = login_name(name).unwrap_or_default();
        let account = self.database.account_by_name(&name).await?;
        let user = account.as_ref().map(|account| account.user.id.clone());
        let tries = match self.count_tries(browser, user.as_ref(), Key::name(&name), now).await? {
            Ok(tries) => tries,
            Err(wait) => return Ok(PasswordStep::Wait(wait)),
        };
        let stored = account.as_ref().and_then(|account| account.password.clone());
        let right = match self.login.hashing.verify(Password::typed(password), stored).await {
            Ok(right) => right,
            Err(error) => {
                self.give_back(&tries).await?;
                return Ok(busy(error));
            }
        };
        if let Some(account) = account.filter(|account| right && !account.user.disabled) {
            self.forgive(&tries).await?;
            return self.after_first_factor(browser, &account.user.id, &[Amr::Pwd], now).await;
        }
        self.database.note_event(&browser.event(EventKind::LoginFailed, user.as_ref(), now)).await?;
        Ok(PasswordStep::Wrong)
    }

    /// The first factor is right: whoever has an app owes a second one.
    async fn after_first_factor(
        &self,
        browser: &Browser,
        user: &UserId,
        amr: &[Amr],
        now: u64,
    ) -> Result<PasswordStep, StoreError> {
        if self.database.totp_of(user).await?.is_some_and(|totp| totp.confirmed.is_some()) {
            let step = Secret::generate(Purpose::Visitor)?;
            self.database.add_login_step(step.digest(), user, now.saturating_add(STEP_LIFETIME)).await?;
            return Ok(PasswordStep::SecondFactor(step));
        }
        let proof = Proof { user, acr: Acr::Aal1, amr };
        let entered = self.enter(browser, &proof, None, now).await?;
        Ok(entered.map_or(PasswordStep::Wrong, PasswordStep::Entered))
    }

    /// Takes somebody in whom another provider vouches for, as far as a password would have taken them.
    pub(crate) async fn log_in_externally(&self, browser: &Browser, user: &UserId) -> Result<PasswordStep, StoreError> {
        let now = self.clock.now();
        if self.database.account(user).await?.is_none_or(|account| account.user.disabled) {
            self.database.note_event(&browser.event(EventKind::LoginFailed, Some(user), now)).await?;
            return Ok(PasswordStep::Wrong);
        }
        self.after_first_factor(browser, user, &[], now).await
    }

    /// Takes the answer of a passkey, of whichever user it belongs to.
    pub(crate) async fn log_in_with_passkey(
        &self,
        browser: &Browser,
        binding: &[u8],
        assertion: &Assertion,
    ) -> Result<Result<Entered, Refused>, StoreError> {
        let now = self.clock.now();
        match self.check_passkey(browser, binding, assertion, now).await? {
            Ok(entered) => Ok(Ok(entered)),
            Err((refused, user)) => {
                let kind = match refused {
                    Refused::Copied => EventKind::PasskeyCopied,
                    _ => EventKind::LoginFailed,
                };
                if let Some(user) = &user
                    && self.may_note_passkey(browser, now).await?
                {
                    self.database.note_event(&browser.event(kind, Some(user), now)).await?;
                }
                Ok(Err(refused))
            }
        }
    }

    /// Whether a failure with a passkey is noted. It costs whoever makes one nothing, so an address is not listened to for
    /// ever.
    async fn may_note_passkey(&self, browser: &Browser, now: u64) -> Result<bool, StoreError> {
        let wait = self.database.count_try(Key::passkeys(browser.address), throttle::ADDRESS, now).await?;
        Ok(wait.is_none())
    }

    async fn check_passkey(
        &self,
        browser: &Browser,
        binding: &[u8],
        assertion: &Assertion,
        now: u64,
    ) -> Result<Result<Entered, (Refused, Option<UserId>)>, StoreError> {
        let Some(stored) = self.database.passkey(&assertion.id).await? else {
            return Ok(Err((Refused::UnknownKey, None)));
        };
        let Some(account) = self.database.account(&UserId(stored.user.clone())).await? else {
            return Ok(Err((Refused::WrongUser, None)));
        };
        let user = account.user.id;
        let refuse = |refused| Ok(Err((refused, Some(user.clone()))));
        let key = match PublicKey::parse(&stored.cose) {
            Ok(key) => key,
            Err(refused) => return refuse(refused),
        };
        let known = Known {
            key: &key,
            user_handle: &account.handle,
            sign_count: stored.sign_count,
            backup_eligible: stored.backup_eligible,
        };
        let accept =
            |challenge: &[u8]| Challenge::verify(challenge, &self.login.challenges, Ceremony::Assertion, binding, now);
        let (asserted, challenge) = match assertion.verify(&known, &self.login.party, accept) {
            Ok(checked) => checked,
            Err(refused) => return refuse(refused),
        };
        if account.user.disabled {
            return refuse(Refused::WrongUser);
        }
        let proof = Proof { user: &user, acr: Acr::Aal2, amr: &[Amr::Hwk, Amr::User, Amr::Mfa] };
        let mut write = self.database.write().await?;
        if !use_once(&mut write, challenge.digest(), challenge.expires()).await? {
            return refuse(Refused::WrongChallenge);
        }
        if !note_passkey(&mut write, &assertion.id, asserted.sign_count, asserted.backed_up, now).await? {
            return refuse(Refused::Copied);
        }
        write.commit().await?;
        Ok(self.enter(browser, &proof, None, now).await?.ok_or((Refused::WrongUser, Some(user))))
    }

    /// Begins a session with a new cookie, and makes the browser known. If `step` is the login step that led here, it
    /// is used up; `None` if another request was faster.
    pub(crate) async fn enter(
        &self,
        browser: &Browser,
        proof: &Proof<'_>,
        step: Option<Digest>,
        now: u64,
    ) -> Result<Option<Entered>, StoreError> {
        let before = self.session_of(browser).await?;
        let cookie = Secret::generate(Purpose::Session)?;
        let mut write = self.database.write().await?;
        if let Some(step) = step
            && !take_login_step(&mut write, step).await?
        {
            return Ok(None);
        }
        let kept = before.as_ref().filter(|before| before.user.id == *proof.user);
        if let Some(before) = &before {
            take_session(&mut write, &before.user.id, &before.id).await?;
        }
        // The same person in the same browser keeps the session's id, and so what was granted in it.
        let id = kept.map_or_else(|| random_id().map(SessionId), |kept| Ok(kept.id.clone()))?;
        let session = self.new_session(browser, proof, &cookie, &id, now);
        put_session(&mut write, &session).await?;
        if kept.is_some() {
            keep_session_clients(&mut write, &id, session.ends).await?;
        }
        let device = self.note_device(&mut write, browser, proof.user, now).await?;
        let kind = if kept.is_some() { EventKind::SteppedUp } else { EventKind::LoggedIn };
        put_event(&mut write, &browser.event(kind, Some(proof.user), now)).await?;
        let ended = before.filter(|before| before.user.id != *proof.user);
        if let Some(ended) = &ended {
            end_what_was_given(&mut write, &ended.id, mark(now)).await?;
        }
        write.commit().await?;
        if let Some(ended) = ended {
            self.sessions_ended(vec![ended.id], now);
        }
        Ok(Some(Entered { session: cookie, device }))
    }

    /// Makes the browser known for the user; the cookie by which it will be known, if it has none that we gave it.
    async fn note_device(
        &self,
        write: &mut Transaction<'_, Sqlite>,
        browser: &Browser,
        user: &UserId,
        now: u64,
    ) -> Result<Option<Secret>, StoreError> {
        let known = match browser.device {
            Some(device) if is_device(write, device).await? => Some(device),
            Some(_) | None => None,
        };
        let fresh = if known.is_some() { None } else { Some(Secret::generate(Purpose::KnownDevice)?) };
        if let Some(digest) = known.or_else(|| fresh.as_ref().map(Secret::digest)) {
            let expires = now.saturating_add(DEVICE_LIFETIME);
            put_known_device(write, digest, user, &browser.agent, now, expires).await?;
        }
        Ok(fresh)
    }

    fn new_session<'s>(
        &self,
        browser: &'s Browser,
        proof: &'s Proof<'_>,
        cookie: &Secret,
        id: &'s SessionId,
        now: u64,
    ) -> NewSession<'s> {
        let ends = now.saturating_add(self.settings.session.as_secs());
        NewSession {
            digest: cookie.digest(),
            id,
            user: proof.user,
            acr: proof.acr,
            amr: proof.amr,
            now,
            ends,
            expires: ends.min(now.saturating_add(self.settings.session_idle.as_secs())),
            address: browser.address.to_string(),
            agent: &browser.agent,
        }
    }

    /// The session of a browser.
    pub(crate) async fn session_of(&self, browser: &Browser) -> Result<Option<Session>, StoreError> {
        let Some(digest) = browser.session else { return Ok(None) };
        self.database.session(digest, self.settings.session_idle.as_secs(), self.clock.now()).await
    }

    /// Counts a try for the account and the address, or for the device if it is known for the account. `Err` is how
    /// many seconds to wait instead.
    pub(crate) async fn count_tries(
        &self,
        browser: &Browser,
        user: Option<&UserId>,
        account: Key,
        now: u64,
    ) -> Result<Result<Tries, u64>, StoreError> {
        // Asked for strangers, too: what a try costs must not tell whether there is such a user.
        let nobody = UserId(String::new());
        if let Some(device) = browser.device
            && self.database.knows_device(device, user.unwrap_or(&nobody), now).await?
        {
            let key = Key::device(device);
            let wait = self.database.count_try(key, throttle::ACCOUNT, now).await?;
            return Ok(wait.map_or(Ok(Tries { account: key, address: None }), Err));
        }
        let address = Key::address(browser.address);
        if let Some(wait) = self.database.count_try(address, throttle::ADDRESS, now).await? {
            return Ok(Err(wait));
        }
        if let Some(wait) = self.database.count_try(account, throttle::ACCOUNT, now).await? {
            // Whoever waits costs nothing, so the address is not blamed for it.
            self.database.uncount_try(address).await?;
            return Ok(Err(wait));
        }
        Ok(Ok(Tries { account, address: Some(address) }))
    }

    /// A try succeeded: the account's failures are forgotten, and the address is owed this one.
    pub(crate) async fn forgive(&self, tries: &Tries) -> Result<(), StoreError> {
        self.database.forget_tries(tries.account).await?;
        match tries.address {
            Some(address) => self.database.uncount_try(address).await,
            None => Ok(()),
        }
    }

    /// A try was not judged at all.
    async fn give_back(&self, tries: &Tries) -> Result<(), StoreError> {
        self.database.uncount_try(tries.account).await?;
        match tries.address {
            Some(address) => self.database.uncount_try(address).await,
            None => Ok(()),
        }
    }
}

/// What a try was counted under.
pub(crate) struct Tries {
    account: Key,
    address: Option<Key>,
}

fn busy(error: HashingError) -> PasswordStep {
    match error {
        HashingError::Busy => {}
        HashingError::Failed => eprintln!("identity: {error}"),
    }
    PasswordStep::Busy
}
