//! Whether whoever shows a token may use it: tokens that are bound to a key or a certificate are no bearer tokens.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use jose::dpop;

use super::{
    confirmation::Confirmation,
    credential::Scheme,
    proofs::{Nonce, Shown},
};
use crate::{
    canonical::Canonical,
    gate::Gate,
    listen::Peer,
    refusal::{ProofFault, Refusal},
    watch::unix_now,
};

/// Where a proof is (RFC 9449 §4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// Where a nonce is (RFC 9449 §8).
pub(crate) const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// A request with a token.
pub(super) struct Possession<'r> {
    pub(super) gate: &'r Gate,
    pub(super) peer: &'r Peer,
    pub(super) canonical: &'r Canonical,
    pub(super) scheme: Scheme,
    pub(super) token: &'r str,
}

impl Possession<'_> {
    /// Holds the request to what the token is bound to (401, 503). A nonce is for the answer, where the client's is old.
    pub(super) fn check(&self, confirmation: Option<&Confirmation>) -> Result<Option<HeaderValue>, Refusal> {
        let thumbprint = confirmation.and_then(|bound| bound.thumbprint.as_deref());
        let nonce = match (self.scheme, thumbprint) {
            (Scheme::Bearer, None) => None,
            // RFC 9449 §7.2: taken as a bearer token, it would be worth as much as one to a thief.
            (Scheme::Bearer, Some(_)) => return Err(Refusal::BadToken("bound_to_a_key")),
            (Scheme::Dpop, None) => return Err(Refusal::BadToken("not_bound_to_a_key")),
            (Scheme::Dpop, Some(thumbprint)) => self.check_proof(thumbprint)?,
        };
        match confirmation.and_then(|bound| bound.certificate) {
            None => Ok(nonce),
            Some(digest) if self.peer.leaf(&self.gate.snapshot).is_some_and(|leaf| leaf.sha256 == digest) => Ok(nonce),
            Some(_) => Err(Refusal::BadToken("bound_to_another_certificate")),
        }
    }

    fn check_proof(&self, thumbprint: &str) -> Result<Option<HeaderValue>, Refusal> {
        // A connection that was opened with a proof goes on under it; a proof that comes twice is none.
        if self.canonical.is_again {
            return Ok(None);
        }
        let now = unix_now();
        let proofs = &self.gate.snapshot.proofs;
        let fault = |error, reason| Refusal::BadProof(Box::new(ProofFault { error, reason, nonce: proofs.nonce(now) }));
        let bad = |reason| fault("invalid_dpop_proof", reason);
        // Two of them were refused with the head.
        let text =
            self.canonical.headers.get(DPOP).and_then(|value| value.to_str().ok()).ok_or(bad("proof_missing"))?;
        let url = self.url();
        let request =
            dpop::Request { method: self.canonical.method.as_str(), url: &url, access_token: Some(self.token), now };
        let proof = dpop::verify(text, &request).map_err(|refused| bad(refused.reason()))?;
        if proof.thumbprint != thumbprint {
            return Err(bad("proof_of_another_key"));
        }
        let nonce = proof.nonce.as_deref().map(|nonce| proofs.judge(nonce, now));
        let fresh = match nonce {
            Some(Nonce::Good) => None,
            Some(Nonce::Old) => HeaderValue::try_from(proofs.nonce(now)).ok(),
            Some(Nonce::Bad) => return Err(fault("use_dpop_nonce", "proof_wrong_nonce")),
            None => return Err(fault("use_dpop_nonce", "proof_missing_nonce")),
        };
        match proofs.show(&proof.mark(), now) {
            Shown::ForTheFirstTime => Ok(fresh),
            Shown::Again => Err(bad("proof_replayed")),
            Shown::Unknown => Err(Refusal::ProofsUnavailable),
        }
    }

    /// The request's address as its client knows it.
    fn url(&self) -> String {
        let Canonical { host, port, path, .. } = self.canonical;
        let scheme = if self.is_secure() { "https" } else { "http" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}://{}{port}{}", host.as_str(), path.as_str())
    }

    /// TLS protects the request here, or in front of a trusted proxy that says so.
    fn is_secure(&self) -> bool {
        self.peer.secure || (self.gate.snapshot.trusts(self.peer) && is_said_secure(&self.canonical.headers))
    }
}

fn is_said_secure(headers: &HeaderMap) -> bool {
    let mut said = headers.get_all("x-forwarded-proto").iter();
    matches!((said.next(), said.next()), (Some(scheme), None) if scheme.as_bytes().eq_ignore_ascii_case(b"https"))
}

/// The scheme that a bound token comes with, and how its proofs may be signed (RFC 9449 §7.1).
pub(crate) fn add_challenge(headers: &mut HeaderMap, error: &str) {
    let algorithms: Vec<&str> = dpop::ALGORITHMS.iter().map(|algorithm| algorithm.name()).collect();
    let value = HeaderValue::try_from(format!("DPoP realm=\"api\"{error}, algs=\"{}\"", algorithms.join(" ")));
    if let Ok(value) = value {
        headers.append(header::WWW_AUTHENTICATE, value);
    }
}
