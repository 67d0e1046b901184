//! How many failures one who tries may have: asked before a credential that is not known yet is looked at.

use aws_lc_rs::digest;
use http::HeaderMap;
use jose::jwt::Invalid;

use crate::{
    gate::Gate,
    limit::{Attempt, client_address},
    listen::Peer,
    refusal::Refusal,
};

/// Whose request carries the credential.
pub(super) struct Strictness<'r> {
    pub(super) gate: &'r Gate,
    pub(super) peer: &'r Peer,
    pub(super) headers: &'r HeaderMap,
}

impl Strictness<'_> {
    /// Whether a credential is looked at (429). It is known by its SHA-256.
    pub(super) fn check(&self, digest: &[u8; 32]) -> Result<(), Refusal> {
        let limiter = &self.gate.snapshot.limiter;
        limiter.failures.check(limiter.now(), self.attempt(digest))
    }

    /// Counts a refusal that means a credential is bad. That nobody could tell is no failure of the client.
    pub(super) fn note(&self, text: &str, refusal: &Refusal) {
        let is_guess = match refusal {
            Refusal::BadApiKey => true,
            // Its signature was good: somebody's clock or patience is at fault.
            Refusal::BadToken(reason) => *reason != Invalid::Expired.reason(),
            Refusal::BadProof(fault) if fault.is_bad() => return self.note_address(),
            _ => return,
        };
        let Some(digest) = sha256(text) else { return };
        let (limiter, attempt) = (&self.gate.snapshot.limiter, self.attempt(&digest));
        let now = limiter.now();
        limiter.failures.count_credential(now, attempt);
        if is_guess {
            limiter.failures.count_address(now, attempt, &self.gate.snapshot.trusted_proxies);
        }
    }

    /// Counts for the address alone: a token is not worth less because somebody shows it who cannot use it.
    fn note_address(&self) {
        let (limiter, attempt) = (&self.gate.snapshot.limiter, self.attempt(&[0; 32]));
        limiter.failures.count_address(limiter.now(), attempt, &self.gate.snapshot.trusted_proxies);
    }

    fn attempt<'d>(&self, digest: &'d [u8; 32]) -> Attempt<'d> {
        let trusted = &self.gate.snapshot.trusted_proxies;
        Attempt { address: client_address(self.peer.address.ip(), self.headers, trusted), digest }
    }
}

pub(super) fn sha256(text: &str) -> Option<[u8; 32]> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().try_into().ok()
}
