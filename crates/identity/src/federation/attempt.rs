//! A login at a provider that is under way: what has to fit together when the browser comes back.

use aws_lc_rs::{
    constant_time,
    digest::{SHA256, digest},
    rand,
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use store::token_text::NoRandomness;

use super::FederationError;
use crate::identity::Server;

/// Seconds that somebody has at the provider.
const LIFETIME: u64 = 600;
const PLACE: &str = "login at a provider";

/// What is to come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Intent {
    /// Somebody logs in, and goes on to this page of ours.
    LogIn { return_to: String },
    /// This user connects the account.
    Connect { user: String },
}

/// What is kept in the browser, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) provider: String,
    pub(crate) intent: Intent,
    pub(super) state: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    expires: u64,
}

impl Attempt {
    pub(super) fn begin(provider: &str, intent: Intent, now: u64) -> Result<Self, NoRandomness> {
        Ok(Self {
            provider: provider.to_owned(),
            intent,
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            expires: now.saturating_add(LIFETIME),
        })
    }

    /// The S256 challenge of its verifier (RFC 7636 §4.2).
    pub(super) fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }

    /// The cookie's value.
    pub(crate) fn seal(&self, server: &Server) -> Result<String, FederationError> {
        let text = serde_json::to_vec(self).map_err(|_| FederationError::NoAttempt)?;
        let sealed = server.master.seal(PLACE, &text).map_err(|_| FederationError::NoAttempt)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// The attempt in a cookie, if it is for this provider, this `state`, and not too old.
    pub(crate) fn open(
        server: &Server,
        cookie: Option<&str>,
        provider: &str,
        state: Option<&str>,
    ) -> Result<Self, FederationError> {
        let sealed = cookie.and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok());
        let text =
            sealed.and_then(|sealed| server.master.open(PLACE, &sealed).ok()).ok_or(FederationError::NoAttempt)?;
        let attempt: Self = serde_json::from_slice(&text).map_err(|_| FederationError::NoAttempt)?;
        let state = state.unwrap_or_default().as_bytes();
        let fits = constant_time::verify_slices_are_equal(attempt.state.as_bytes(), state).is_ok();
        if fits && attempt.provider == provider && server.clock.now() < attempt.expires {
            Ok(attempt)
        } else {
            Err(FederationError::NoAttempt)
        }
    }
}

/// 256 random bits in base64url.
fn random() -> Result<String, NoRandomness> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
