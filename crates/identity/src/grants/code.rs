//! Authorization codes (RFC 6749 §4.1, RFC 7636): 60 s, once, for one client, one redirect and one key.

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::{Facts, Grant, GrantId};
use crate::{
    accounts::Session,
    clients::{Authenticated, Client, GrantType},
    endpoints::Call,
    identity::Server,
    problem::{Answer, Problem},
    secret::{Digest, Purpose, Secret, random_id},
    store::{clients::StoredClient, grants::Redemption},
    tokens::{Binding, TokenAnswer},
};

/// Life of a code in seconds.
const LIFETIME: u64 = 60;

/// What a code is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CodeBinding {
    pub(crate) redirect_uri: String,
    /// The S256 challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) challenge: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nonce: Option<String>,
    /// The DPoP key that the request named (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jkt: Option<String>,
}

impl Server {
    /// Gives a code for what a user allowed. A pushed request is used up by it.
    pub(crate) async fn give_code(
        &self,
        session: &Session,
        stored: &StoredClient,
        scopes: BTreeSet<String>,
        resources: Vec<String>,
        binding: &CodeBinding,
        pushed: Option<Digest>,
    ) -> Answer<Secret> {
        let now = self.clock.now();
        let client = &stored.client;
        let facts = Facts::of(session);
        let refreshes = client.grants.contains(&GrantType::RefreshToken);
        let alone = scopes.contains("offline_access") && refreshes;
        let life = if refreshes { self.settings.refresh_token } else { self.settings.access_token };
        let end = now + LIFETIME + life.as_secs();
        let session_end = facts.auth_time + self.settings.session.as_secs() + LIFETIME;
        let grant = Grant {
            id: GrantId(random_id()?),
            user: session.user.id.clone(),
            client: client.id.clone(),
            session: (!alone).then(|| facts.sid.clone()),
            scopes,
            resources,
            created: now,
            expires: if alone { end } else { end.min(session_end.max(now + LIFETIME)) },
            revoked: None,
            facts,
        };
        self.keep_client_by_url(stored, grant.expires).await?;
        let code = Secret::generate(Purpose::Code)?;
        let used_up = self.database.add_code(&grant, code.digest(), binding, now + LIFETIME, pushed, now).await?;
        if used_up { Ok(code) } else { Err(Problem::invalid_request("the pushed request was used or has expired")) }
    }

    /// `grant_type=authorization_code`.
    pub(crate) async fn redeem_code(&self, call: &Call, authenticated: &Authenticated) -> Answer<TokenAnswer> {
        let client = &authenticated.client.client;
        let code = call.parameters.required("code", "`code` is missing")?;
        let digest = Digest::of_secret(Purpose::Code, code).ok_or_else(unknown)?;
        let tokens = self.binding(call, authenticated)?;
        let now = self.clock.now();
        let next = Self::first_refresh_token(client)?;
        let first = next.as_ref().map(|secret| (secret.digest(), Self::refresh_binding(client, &tokens)));
        let check = |grant: &Grant, code: &CodeBinding| check(client, call, grant, code, &tokens);
        // The session ends then at the latest, unless another login in it says so (`keep_session_clients`).
        let session_end = now + self.settings.session.as_secs();
        let told_until = client.backchannel_logout_uri.as_ref().map(|_| session_end);
        match self.database.redeem_code(digest, check, first, told_until, now).await? {
            Redemption::Given(grant, code) => {
                self.answer_for_user(client, &grant, &grant.scopes, &grant.resources, &tokens, next, code.nonce).await
            }
            Redemption::Refused(problem) => Err(problem),
            Redemption::Unknown => Err(unknown()),
            Redemption::UsedBefore(grant) => {
                eprintln!("identity: a code was used twice; grant {grant} of client {} is revoked", client.id);
                self.revoke_grant(&grant).await?;
                Err(unknown())
            }
        }
    }
}

/// Whether whoever shows a code is whom it was given to.
fn check(client: &Client, call: &Call, grant: &Grant, code: &CodeBinding, tokens: &Binding) -> Answer<()> {
    let parameter = |name| call.parameters.get(name);
    if grant.client != client.id {
        return Err(unknown());
    }
    // OAuth 2.1 leaves the parameter out, OpenID Connect asks for it: sent, it must be the one of the request.
    if parameter("redirect_uri").is_some_and(|uri| uri != code.redirect_uri) {
        return Err(Problem::invalid_grant("redirect_uri is another than in the authorization request"));
    }
    match (&code.challenge, parameter("code_verifier")) {
        (None, None) => {}
        // A verifier without a challenge is an attack that stripped the challenge off (RFC 9700 §2.1.1).
        (None, Some(_)) => return Err(Problem::invalid_grant("the authorization request had no code_challenge")),
        (Some(_), None) => return Err(Problem::invalid_grant("code_verifier is missing")),
        (Some(challenge), Some(verifier)) if fits(challenge, verifier) => {}
        (Some(_), Some(_)) => return Err(Problem::invalid_grant("code_verifier does not fit the code_challenge")),
    }
    if code.jkt.is_some() && code.jkt != tokens.jkt {
        return Err(Problem::invalid_grant("the DPoP key is another than dpop_jkt of the authorization request"));
    }
    Ok(())
}

/// RFC 7636 §4.6, with the length and alphabet of §4.1.
fn fits(challenge: &str, verifier: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(plain) {
        return false;
    }
    let computed = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    computed.as_bytes().ct_eq(challenge.as_bytes()).into()
}

/// Whether a text can be an S256 challenge: base64url of 32 bytes.
pub(crate) fn is_challenge(text: &str) -> bool {
    text.len() == 43 && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

fn unknown() -> Problem {
    Problem::invalid_grant("the code is unknown, expired or used")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_fits() {
        let (verifier, challenge) =
            ("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
        assert!(is_challenge(challenge));
        assert!(fits(challenge, verifier));
        assert!(!fits(challenge, &verifier[..42]), "a verifier of 42 characters is too short");
        assert!(!fits(challenge, challenge), "plain is not among the methods");
    }
}
