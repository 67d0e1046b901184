//! Devices without a browser (RFC 8628): they show a code, and a user enters it elsewhere.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Facts, Grant, GrantId};
use crate::{
    accounts::Session,
    clients::{Authenticated, ClientId, GrantType},
    endpoints::Call,
    identity::Server,
    problem::{Answer, Code, Problem},
    secret::{Digest, Purpose, Secret, random_id},
    store::device_codes::Polled,
    tokens::TokenAnswer,
};

/// Seconds that a code can be entered.
const LIFETIME: u64 = 600;
/// Seconds between two questions of a device.
const INTERVAL: u64 = 5;
/// A device that is told this often to slow down is locked: its interval has become this long.
pub(crate) const MAX_INTERVAL: u64 = 60;
/// Letters that are not taken for others, and make no words (RFC 8628 §6.1).
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const USER_CODE_LENGTH: usize = 8;

/// A device that waits for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeviceRequest {
    pub(crate) client: ClientId,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) resources: Vec<String>,
}

impl Server {
    /// Gives a device its codes.
    pub(crate) async fn start_device(&self, call: &Call, authenticated: &Authenticated) -> Answer<Value> {
        let client = &authenticated.client.client;
        if !client.grants.contains(&GrantType::DeviceCode) {
            return Err(Problem::new(Code::UnauthorizedClient, "the client may not use the device grant"));
        }
        let request = DeviceRequest {
            client: client.id.clone(),
            scopes: self.granted_scopes(client, call.parameters.get("scope"))?,
            resources: self.granted_resources(client, call.parameters.all("resource"))?,
        };
        let (device, user) = (Secret::generate(Purpose::Device)?, user_code()?);
        let now = self.clock.now();
        self.database.add_device(device.digest(), &user, &request, INTERVAL, now + LIFETIME, now).await?;
        let shown = shown(&user);
        Ok(json!({
            "device_code": device.expose(),
            "user_code": shown,
            "verification_uri": self.settings.issuer.at("/device"),
            "verification_uri_complete": self.settings.issuer.at(&format!("/device?user_code={shown}")),
            "expires_in": LIFETIME,
            "interval": INTERVAL,
        }))
    }

    /// The device that waits with a code, as a user typed it.
    pub(crate) async fn waiting_device(&self, typed: &str) -> Result<Option<DeviceRequest>, store::StoreError> {
        match read_user_code(typed) {
            Some(code) => self.database.waiting_device(&code, self.clock.now()).await,
            None => Ok(None),
        }
    }

    /// Puts down what a user said about a device; `false` if it waits no more.
    pub(crate) async fn answer_device(&self, typed: &str, session: &Session, allow: bool) -> Answer<bool> {
        let now = self.clock.now();
        let Some(code) = read_user_code(typed) else { return Ok(false) };
        let Some(request) = self.database.waiting_device(&code, now).await? else { return Ok(false) };
        if !allow {
            return Ok(self.database.deny_device(&code, now).await?);
        }
        let grant = Grant {
            id: GrantId(random_id()?),
            user: session.user.id.clone(),
            client: request.client,
            // A device outlives the browser in which its code was typed.
            session: None,
            scopes: request.scopes,
            resources: request.resources,
            created: now,
            expires: now + self.settings.refresh_token.as_secs(),
            revoked: None,
            facts: Facts::of(session),
        };
        Ok(self.database.allow_device(&code, &grant, now).await?)
    }

    /// `grant_type=urn:ietf:params:oauth:grant-type:device_code`.
    pub(crate) async fn redeem_device(&self, call: &Call, authenticated: &Authenticated) -> Answer<TokenAnswer> {
        let client = &authenticated.client.client;
        let unknown = || Problem::invalid_grant("the device code is unknown, used or another client's");
        let code = call.parameters.required("device_code", "`device_code` is missing")?;
        let digest = Digest::of_secret(Purpose::Device, code).ok_or_else(unknown)?;
        let tokens = self.binding(call, authenticated)?;
        let next = Self::first_refresh_token(client)?;
        let first = next.as_ref().map(|secret| (secret.digest(), Self::refresh_binding(client, &tokens)));
        match self.database.poll_device(digest, &client.id, first, self.clock.now()).await? {
            Polled::Allowed(grant) => {
                self.answer_for_user(client, &grant, &grant.scopes, &grant.resources, &tokens, next, None).await
            }
            Polled::Pending => Err(Problem::new(Code::AuthorizationPending, "the user has not answered yet")),
            Polled::TooFast => Err(Problem::new(Code::SlowDown, "wait 5 s longer between two questions")),
            Polled::Denied => Err(Problem::new(Code::AccessDenied, "the user said no")),
            Polled::Expired => Err(Problem::new(Code::ExpiredToken, "nobody entered the code in time")),
            Polled::Unknown => Err(unknown()),
        }
    }
}

fn user_code() -> Answer<String> {
    let mut code = String::with_capacity(USER_CODE_LENGTH);
    while code.len() < USER_CODE_LENGTH {
        let mut bytes = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Problem::unavailable(&"no random bytes"))?;
        // 240 is the last multiple of 20: what is above would make some letters likelier.
        let fair = bytes.iter().filter(|byte| **byte < 240).filter_map(|byte| ALPHABET.get(usize::from(*byte) % 20));
        code.extend(fair.take(USER_CODE_LENGTH - code.len()).map(|letter| char::from(*letter)));
    }
    Ok(code)
}

/// With a hyphen in the middle.
fn shown(code: &str) -> String {
    let (left, right) = code.split_at_checked(USER_CODE_LENGTH / 2).unwrap_or((code, ""));
    format!("{left}-{right}")
}

/// What was meant: letters in any case, with hyphens and spaces anywhere.
fn read_user_code(typed: &str) -> Option<String> {
    let letters: String = typed.chars().filter(|c| !matches!(c, '-' | ' ')).map(|c| c.to_ascii_uppercase()).collect();
    let fits = letters.len() == USER_CODE_LENGTH && letters.bytes().all(|letter| ALPHABET.contains(&letter));
    fits.then_some(letters)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_user_code_comes_back_however_it_is_typed() {
        let code = user_code().unwrap();
        assert_eq!(read_user_code(&shown(&code)).unwrap(), code);
        assert_eq!(read_user_code(&format!(" {} ", shown(&code).to_lowercase())).unwrap(), code);
        assert_eq!(read_user_code("AAAA-AAAA"), None, "vowels are in none");
        assert_eq!(read_user_code(&code[1..]), None);
    }
}
