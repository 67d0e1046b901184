//! The browser that somebody uses: where it is, what it calls itself and what it has of us.

use std::net::IpAddr;

use http::{HeaderMap, header};

use super::event::{Event, EventKind};
use crate::{
    accounts::UserId,
    pages::cookies::{self, Cookie},
    secret::{Digest, Purpose},
};

/// Longest text of `User-Agent` that is kept.
const MAX_AGENT: usize = 256;

/// A browser, by what its request says.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    pub(crate) address: IpAddr,
    pub(crate) agent: String,
    /// The session that it is in, or says so.
    pub(crate) session: Option<Digest>,
    /// The login that it is in the middle of.
    pub(crate) step: Option<Digest>,
    /// What it was given when somebody logged in with it.
    pub(crate) device: Option<Digest>,
}

impl Browser {
    pub(crate) fn of(address: IpAddr, headers: &HeaderMap) -> Self {
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let digest = |cookie, purpose| cookies::read(headers, cookie).and_then(|text| Digest::of_secret(purpose, text));
        Self {
            address,
            agent: agent.chars().take(MAX_AGENT).collect(),
            session: digest(Cookie::Session, Purpose::Session),
            step: digest(Cookie::Step, Purpose::Visitor),
            device: digest(Cookie::Device, Purpose::KnownDevice),
        }
    }

    /// Something that this browser did.
    pub(crate) fn event(&self, kind: EventKind, user: Option<&UserId>, now: u64) -> Event {
        Event { at: now, kind, user: user.cloned(), address: self.address.to_string(), detail: String::new() }
    }
}
