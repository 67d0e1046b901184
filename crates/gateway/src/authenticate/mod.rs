//! Who is asking: one file a way to prove it.

mod api_key;
mod client_certificate;
mod confirmation;
mod credential;
mod jwt;
mod possession;
mod proofs;
pub(crate) mod step_up;
mod strictness;
mod verified;

use std::sync::{Arc, Mutex};

use config::{Access, Method, Scope};
use http::HeaderValue;
use serde_json::{Map, Value};

pub(crate) use client_certificate::{CertificateHolder, identify as identify_certificate};
pub(crate) use confirmation::LogIn;
pub(crate) use credential::X_API_KEY;
pub(crate) use possession::{DPOP_NONCE, add_challenge};
pub(crate) use proofs::Proofs;
pub(crate) use verified::Verified;

use crate::{
    authorize,
    canonical::Canonical,
    gate::Gate,
    listen::Peer,
    policies::Facts,
    record::{Members, name},
    refusal::{Challenge, Refusal},
    route::{Route, Routed},
    upstream::Pools,
};
use credential::Credential;
use possession::Possession;
use strictness::Strictness;

/// Somebody who proved who they are.
#[derive(Debug)]
pub(crate) struct Caller {
    /// How they proved it: `api_key`, `jwt` or `client_certificate`.
    pub(crate) method: &'static str,
    /// Who they are: the subject of a token, the owner of a key, the name of a certificate's client.
    pub(crate) subject: String,
    /// The credential's public id: `kid` of a key, issuer of a token.
    pub(crate) credential: String,
    /// Whose rate limits count: stable over the caller's tokens and keys.
    pub(crate) limit_key: String,
    /// Who they are where clients share what is scarce.
    pub(crate) share: u64,
    /// Who they are in the access log.
    pub(crate) logged: Members,
    /// Scopes they hold.
    pub(crate) scopes: Vec<Scope>,
    /// What their credential says to policies, if there are any.
    pub(crate) facts: Option<Box<Facts>>,
    /// Claims of their token that limits count by.
    pub(crate) claims: Map<String, Value>,
    /// How they logged in, if their token says anything of it.
    pub(crate) log_in: Option<Box<LogIn>>,
    /// Who they are and what they hold, as upstreams are told; nothing if it cannot be told in a field.
    pub(crate) told: Option<Told>,
    /// Identity tokens made for them lately, by API.
    pub(crate) assertions: Mutex<Vec<Assertion>>,
}

/// A caller in the fields of a request for an upstream. Made once, not for each request.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) subject: HeaderValue,
    pub(crate) scopes: HeaderValue,
}

impl Told {
    fn of(subject: &str, scopes: &[Scope]) -> Option<Self> {
        let scopes = HeaderValue::try_from(authorize::text(scopes)).ok()?;
        Some(Self { subject: HeaderValue::try_from(subject).ok()?, scopes })
    }
}

/// An identity token that is still fresh enough to be sent again.
#[derive(Debug, Clone)]
pub(crate) struct Assertion {
    pub(crate) api: usize,
    pub(crate) fresh_until: u64,
    pub(crate) value: HeaderValue,
}

impl Caller {
    fn new(
        method: &'static str,
        subject: String,
        credential: String,
        scopes: Vec<Scope>,
        facts: Option<Box<Facts>>,
    ) -> Arc<Self> {
        let limit_key = match method {
            // Subjects are unique only within their issuer.
            "jwt" => format!("{method} {credential} {subject}"),
            _ => format!("{method} {subject}"),
        };
        let told = Told::of(&subject, &scopes);
        let share = Pools::share(&limit_key);
        let logged = Members::of([
            (name!("authentication"), method),
            (name!("subject"), &subject),
            (name!("credential"), &credential),
        ]);
        let (claims, log_in, assertions) = (Map::new(), None, Mutex::default());
        Arc::new(Self {
            method,
            subject,
            credential,
            limit_key,
            share,
            logged,
            scopes,
            facts,
            claims,
            log_in,
            told,
            assertions,
        })
    }

    /// The same, with claims of the token, and what it says of the log-in.
    fn with_claims(caller: Arc<Self>, claims: Map<String, Value>, log_in: LogIn) -> Arc<Self> {
        let log_in = Some(log_in).filter(|said| *said != LogIn::default()).map(Box::new);
        // It was made a moment ago, and nobody else has it.
        match Arc::try_unwrap(caller) {
            Ok(caller) => Arc::new(Self { claims, log_in, ..caller }),
            Err(shared) => shared,
        }
    }
}

/// Who a request comes from.
#[derive(Debug, Clone)]
pub(crate) enum Identity {
    /// The route is public; nobody was asked.
    Anonymous,
    /// Proved.
    Known(Arc<Caller>),
}

/// A routed request whose caller is known, or need not be.
#[derive(Debug)]
pub(crate) struct Identified {
    pub(crate) canonical: Box<Canonical>,
    pub(crate) route: Arc<Route>,
    pub(crate) identity: Identity,
    /// A nonce for the client's next `DPoP` proof, where its own is old.
    pub(crate) nonce: Option<HeaderValue>,
}

/// Proves the request's credential by one of the ways its route accepts (401, 503).
pub(crate) async fn identify(gate: &Gate, peer: &Peer, routed: Routed) -> Result<Identified, Refusal> {
    let Routed { canonical, route } = routed;
    let mut nonce = None;
    let identity = match &route.rule.access {
        Access::Public { .. } => Identity::Anonymous,
        Access::Authenticated { by, .. } => {
            Identity::Known(prove(gate, peer, by, &canonical, &route, &mut nonce).await?)
        }
    };
    Ok(Identified { canonical, route, identity, nonce })
}

async fn prove(
    gate: &Gate,
    peer: &Peer,
    by: &[Method],
    canonical: &Canonical,
    route: &Route,
    nonce: &mut Option<HeaderValue>,
) -> Result<Arc<Caller>, Refusal> {
    let sources = &gate.snapshot.sources;
    let strictness = Strictness { gate, peer, headers: &canonical.headers };
    match Credential::presented(&canonical.headers, sources.key_prefix)? {
        Some(Credential::ApiKey(text)) if by.contains(&Method::ApiKey) => {
            let proved = api_key::prove(gate, text, &strictness).await;
            proved.inspect_err(|refusal| strictness.note(text, refusal))
        }
        Some(Credential::Token(scheme, token)) if by.iter().any(|m| matches!(m, Method::Jwt(_))) => {
            let possession = Possession { gate, peer, canonical, scheme, token };
            let proved = jwt::prove(gate, by, route, &possession, &strictness).await;
            let (caller, fresh) = proved.inspect_err(|refusal| strictness.note(token, refusal))?;
            *nonce = fresh;
            Ok(caller)
        }
        None if by.contains(&Method::ClientCertificate) => {
            peer.certificate.prove(gate.snapshot.client_rules(peer.listener), challenge(by))
        }
        // A credential of another kind than the route accepts is as good as none.
        Some(_) | None => Err(Refusal::NoCredential(challenge(by))),
    }
}

fn challenge(by: &[Method]) -> Challenge {
    Challenge {
        bearer: by.iter().any(|m| matches!(m, Method::Jwt(_))),
        // Other issuers may know nothing of it.
        dpop: by.contains(&Method::Jwt(config::Identity::issuer_name())),
        api_key: by.contains(&Method::ApiKey),
    }
}
