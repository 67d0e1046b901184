//! The second factor: a code of an authenticator app, or a recovery code in its place.

use store::StoreError;

use super::{
    Acr, Amr, Browser, Entered, EventKind, RecoveryCode, Totp, UserId,
    login::{Proof, Tries},
    throttle::Key,
};
use crate::{
    identity::Server,
    secret::Digest,
    store::{
        events::put_event,
        factors::{take_recovery_code, take_totp_step},
    },
};

/// Who owes a second factor.
pub(crate) struct Owed {
    pub(crate) user: UserId,
    /// The login that is under way; none if a session is to be stepped up.
    step: Option<Digest>,
}

/// What a second factor led to.
#[derive(Debug)]
pub(crate) enum SecondStep {
    /// In.
    Entered(Entered),
    /// Not the code, or one that was used before.
    Wrong,
    /// Too many tries: seconds to wait.
    Wait(u64),
    /// Nobody owes one here, or it took too long: from the beginning.
    Over,
}

impl Server {
    /// Who owes a second factor in this browser: whoever has just given a password, else whoever is logged in.
    pub(crate) async fn owed(&self, browser: &Browser) -> Result<Option<Owed>, StoreError> {
        if let Some(step) = browser.step
            && let Some(user) = self.database.login_step(step, self.clock.now()).await?
        {
            return Ok(Some(Owed { user, step: Some(step) }));
        }
        Ok(self.session_of(browser).await?.map(|session| Owed { user: session.user.id, step: None }))
    }

    /// Takes a code of an authenticator app.
    pub(crate) async fn log_in_with_code(&self, browser: &Browser, code: &str) -> Result<SecondStep, StoreError> {
        let now = self.clock.now();
        let Some(owed) = self.owed(browser).await? else { return Ok(SecondStep::Over) };
        let tries = match self.count_second(browser, &owed, now).await? {
            Ok(tries) => tries,
            Err(wait) => return Ok(SecondStep::Wait(wait)),
        };
        let step = self.totp(&owed.user).await?.and_then(|totp| totp.step_of(code, now));
        let taken = match step {
            None => false,
            Some(step) => {
                let mut write = self.database.write().await?;
                let taken = take_totp_step(&mut write, &owed.user, step).await?;
                write.commit().await?;
                taken
            }
        };
        self.second_step(browser, &owed, &tries, taken, now).await
    }

    /// Takes a recovery code.
    pub(crate) async fn log_in_with_recovery_code(
        &self,
        browser: &Browser,
        code: &str,
    ) -> Result<SecondStep, StoreError> {
        let now = self.clock.now();
        let Some(owed) = self.owed(browser).await? else { return Ok(SecondStep::Over) };
        let tries = match self.count_second(browser, &owed, now).await? {
            Ok(tries) => tries,
            Err(wait) => return Ok(SecondStep::Wait(wait)),
        };
        let taken = match RecoveryCode::parse(code) {
            None => false,
            Some(code) => {
                let mut write = self.database.write().await?;
                let taken = take_recovery_code(&mut write, &owed.user, code.digest(&owed.user)).await?;
                if taken {
                    put_event(&mut write, &browser.event(EventKind::CodeUsed, Some(&owed.user), now)).await?;
                }
                write.commit().await?;
                taken
            }
        };
        self.second_step(browser, &owed, &tries, taken, now).await
    }

    async fn count_second(&self, browser: &Browser, owed: &Owed, now: u64) -> Result<Result<Tries, u64>, StoreError> {
        self.count_tries(browser, Some(&owed.user), Key::second_factor(&owed.user), now).await
    }

    async fn second_step(
        &self,
        browser: &Browser,
        owed: &Owed,
        tries: &Tries,
        taken: bool,
        now: u64,
    ) -> Result<SecondStep, StoreError> {
        if !taken {
            self.database.note_event(&browser.event(EventKind::SecondFactorFailed, Some(&owed.user), now)).await?;
            return Ok(SecondStep::Wrong);
        }
        let account = self.database.account(&owed.user).await?;
        if account.is_none_or(|account| account.user.disabled) {
            return Ok(SecondStep::Over);
        }
        self.forgive(tries).await?;
        let proof = Proof { user: &owed.user, acr: Acr::Aal2, amr: &[Amr::Pwd, Amr::Otp, Amr::Mfa] };
        Ok(self.enter(browser, &proof, owed.step, now).await?.map_or(SecondStep::Over, SecondStep::Entered))
    }

    /// The confirmed authenticator app of a user.
    async fn totp(&self, user: &UserId) -> Result<Option<Totp>, StoreError> {
        let stored = self.database.totp_of(user).await?.filter(|stored| stored.confirmed.is_some());
        stored.map(|stored| self.open_totp(user, &stored.sealed)).transpose()
    }

    /// Opens the sealed secret of an app.
    pub(crate) fn open_totp(&self, user: &UserId, sealed: &[u8]) -> Result<Totp, StoreError> {
        let opened = self.master.open(&totp_place(user), sealed).ok();
        opened.and_then(|bytes| Totp::from_bytes(&bytes)).ok_or_else(|| crate::store::corrupt("totp.sealed"))
    }

    /// Seals the secret of an app for its user.
    pub(crate) fn seal_totp(&self, user: &UserId, totp: &Totp) -> Result<Vec<u8>, StoreError> {
        self.master.seal(&totp_place(user), totp.as_bytes()).map_err(|_| crate::store::corrupt("totp.sealed"))
    }
}

fn totp_place(user: &UserId) -> String {
    format!("totp {user}")
}
