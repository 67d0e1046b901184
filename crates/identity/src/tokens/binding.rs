//! What a token is bound to: a DPoP key (RFC 9449 §6) or a certificate (RFC 8705 §3).

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jose::dpop;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    clients::{Authenticated, Client},
    endpoints::Call,
    identity::Server,
    problem::{Answer, Code, Problem},
};

/// Length of a window of nonces in seconds. The current one and the one before are good.
const WINDOW: u64 = 60;

/// Keys that whoever uses a token must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Binding {
    /// Thumbprint of a DPoP key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jkt: Option<String>,
    /// SHA-256 of a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) x5t: Option<String>,
}

impl Binding {
    /// The claim `cnf` (RFC 7800).
    pub(crate) fn confirmation(&self) -> Option<Value> {
        match (&self.jkt, &self.x5t) {
            (None, None) => None,
            (Some(jkt), None) => Some(json!({ "jkt": jkt })),
            (None, Some(x5t)) => Some(json!({ "x5t#S256": x5t })),
            (Some(jkt), Some(x5t)) => Some(json!({ "jkt": jkt, "x5t#S256": x5t })),
        }
    }

    /// `token_type` of an answer.
    pub(crate) fn token_type(&self) -> &'static str {
        if self.jkt.is_some() { "DPoP" } else { "Bearer" }
    }

    /// Whether somebody who holds `shown` may use what is bound to this.
    pub(crate) fn is_met_by(&self, shown: &Self) -> bool {
        let met = |needed: &Option<String>, shown: &Option<String>| needed.is_none() || needed == shown;
        met(&self.jkt, &shown.jkt) && met(&self.x5t, &shown.x5t)
    }
}

/// SHA-256 of a certificate in DER, base64url (`x5t#S256`).
pub fn certificate_thumbprint(der: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, der))
}

impl Server {
    /// What the tokens of an answer are bound to: the proof that came with the request, and the client's certificate
    /// where the client asks for that.
    pub(crate) fn binding(&self, call: &Call, authenticated: &Authenticated) -> Answer<Binding> {
        let client = &authenticated.client.client;
        let jkt = self.proof(call, None)?;
        let x5t = if client.certificate_bound { authenticated.certificate.clone() } else { None };
        let binding = Binding { jkt, x5t };
        self.check_bound(client, &binding)?;
        Ok(binding)
    }

    fn check_bound(&self, client: &Client, binding: &Binding) -> Answer<()> {
        if client.dpop_bound && binding.jkt.is_none() {
            return Err(Problem::new(
                Code::InvalidDpopProof,
                "this client's tokens are bound: send a DPoP proof (RFC 9449)",
            ));
        }
        if client.certificate_bound && binding.x5t.is_none() {
            return Err(Problem::invalid_request("this client's tokens are bound to its certificate: none was shown"));
        }
        if self.is_fapi(client) && *binding == Binding::default() {
            return Err(Problem::new(Code::InvalidDpopProof, "the FAPI profile binds every token: send a DPoP proof"));
        }
        Ok(())
    }

    /// The thumbprint of the key that a request's proof shows, if there is one. A proof is used once, and carries a nonce
    /// of ours.
    pub(crate) fn proof(&self, call: &Call, access_token: Option<&str>) -> Answer<Option<String>> {
        let mut fields = call.headers.get_all("dpop").iter();
        let proof = match (fields.next(), fields.next()) {
            (None, _) => return Ok(None),
            (Some(value), None) => value.to_str().map_err(|_| refused("the DPoP proof is not a JWT"))?,
            (Some(_), Some(_)) => return Err(refused("there is more than one DPoP proof")),
        };
        let now = self.clock.now();
        let url = self.settings.issuer.at(call.path);
        let request = dpop::Request { method: call.method.as_str(), url: &url, access_token, now };
        let proof = dpop::verify(proof, &request).map_err(|_| {
            refused("the DPoP proof is not valid for this request: see RFC 9449 §4.3 for what it must say")
        })?;
        if !proof.nonce.as_deref().is_some_and(|nonce| self.is_nonce(nonce, now)) {
            let mut problem = Problem::new(Code::UseDpopNonce, "use the nonce of the DPoP-Nonce field in the proof");
            problem.dpop_nonce = Some(self.nonce(now));
            return Err(problem);
        }
        match self.proofs.take(proof.mark(), proof.expires(), now) {
            Ok(true) => Ok(Some(proof.thumbprint)),
            Ok(false) => Err(refused("the DPoP proof was used before: each needs a jti of its own")),
            Err(_) => Err(Problem::new(Code::TemporarilyUnavailable, "too many proofs are in use; try again")),
        }
    }

    /// A nonce for proofs that are made now (RFC 9449 §8). Nothing is stored of it.
    pub(crate) fn nonce(&self, now: u64) -> String {
        self.nonce_of(now / WINDOW)
    }

    /// Whether a nonce was given lately.
    pub(crate) fn is_nonce(&self, nonce: &str, now: u64) -> bool {
        let window = now / WINDOW;
        [window, window.saturating_sub(1)].into_iter().any(|window| self.nonce_of(window) == nonce)
    }

    fn nonce_of(&self, window: u64) -> String {
        let tag = self.tags.nonces.tag(&[&window.to_be_bytes()]);
        URL_SAFE_NO_PAD.encode(tag.get(..16).unwrap_or_default())
    }
}

fn refused(description: &'static str) -> Problem {
    Problem::new(Code::InvalidDpopProof, description)
}
