//! Who somebody is here whom a provider vouches for.

use jose::jwt::Claims;
use serde_json::Value;
use store::StoreError;

use super::{FederationError, Linking, Provider};
use crate::{
    accounts::{Browser, Changed, EventKind, NewUser, UserId},
    identity::Server,
    store::{
        events::put_event,
        external::{other_ways_in, put_external, take_external},
    },
};

/// What came of it.
#[derive(Debug)]
pub(crate) enum Identified {
    /// This user.
    User(UserId),
    /// Nobody yet.
    Nobody,
}

impl Server {
    /// The user that an account at a provider is connected with, or becomes connected with by the provider's rule.
    pub(crate) async fn identify(
        &self,
        browser: &Browser,
        provider: &Provider,
        claims: &Claims,
    ) -> Result<Identified, FederationError> {
        let subject = claims.subject.as_deref().ok_or(FederationError::WrongToken)?;
        let now = self.clock.now();
        if let Some(user) = self.database.external_user(&provider.issuer, subject).await? {
            self.database.note_external(&provider.issuer, subject, now).await?;
            return Ok(Identified::User(user));
        }
        let user = match provider.linking {
            Linking::ByTheUser => None,
            Linking::ByVerifiedEmail => match verified_email(claims) {
                Some(email) => self.database.user_by_verified_email(email).await?,
                None => None,
            },
            Linking::NewUser => self.user_of_claims(claims).await?,
        };
        let Some(user) = user else { return Ok(Identified::Nobody) };
        match self.connect_external(browser, provider, claims, &user).await? {
            Changed::Done => Ok(Identified::User(user)),
            _ => Ok(Identified::Nobody),
        }
    }

    /// Connects an account at a provider with a user.
    pub(crate) async fn connect_external(
        &self,
        browser: &Browser,
        provider: &Provider,
        claims: &Claims,
        user: &UserId,
    ) -> Result<Changed, StoreError> {
        let now = self.clock.now();
        let Some(subject) = claims.subject.as_deref() else { return Ok(Changed::Nothing) };
        let mut write = self.database.write().await?;
        if !put_external(&mut write, &provider.issuer, subject, user, &shown(claims), now).await? {
            return Ok(Changed::Nothing);
        }
        let mut event = browser.event(EventKind::ExternalConnected, Some(user), now);
        event.detail.clone_from(&provider.label);
        put_event(&mut write, &event).await?;
        write.commit().await?;
        Ok(Changed::Done)
    }

    /// Disconnects an account at a provider, unless it is the last way in.
    pub(crate) async fn disconnect_external(
        &self,
        browser: &Browser,
        user: &UserId,
        id: &str,
    ) -> Result<Changed, StoreError> {
        let mut write = self.database.write().await?;
        if other_ways_in(&mut write, user, &[], id).await? == 0 {
            return Ok(Changed::LastFactor);
        }
        if !take_external(&mut write, user, id).await? {
            return Ok(Changed::Nothing);
        }
        let event = browser.event(EventKind::ExternalDisconnected, Some(user), self.clock.now());
        put_event(&mut write, &event).await?;
        write.commit().await?;
        Ok(Changed::Done)
    }

    /// A new user, named as the provider says; none if the name is taken or cannot be a name.
    async fn user_of_claims(&self, claims: &Claims) -> Result<Option<UserId>, StoreError> {
        let text = |name: &str| claims.all.get(name).and_then(Value::as_str).map(str::to_owned);
        let Some(name) = text("preferred_username") else { return Ok(None) };
        let email = verified_email(claims).map(str::to_owned);
        let new = NewUser {
            name,
            display_name: text("name").unwrap_or_default(),
            email_verified: email.is_some(),
            email,
            ..NewUser::default()
        };
        self.add_user(new).await.map(Some).or_else(|error| match error {
            crate::accounts::AccountError::Store(error) => Err(error),
            _ => Ok(None),
        })
    }
}

fn verified_email(claims: &Claims) -> Option<&str> {
    let verified = claims.all.get("email_verified").and_then(Value::as_bool).unwrap_or(false);
    claims.all.get("email").and_then(Value::as_str).filter(|_| verified)
}

/// What the provider calls somebody, for their own list.
fn shown(claims: &Claims) -> String {
    let text = |name: &str| claims.all.get(name).and_then(Value::as_str);
    let name = text("email").or_else(|| text("preferred_username")).or(claims.subject.as_deref()).unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).take(128).collect()
}
