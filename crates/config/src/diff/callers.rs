//! Kinds of callers, and whether a route lets them in.

use std::collections::BTreeSet;

use crate::{
    Access, CertificateClient, CertificateIdentity, Config, Issuer, ListenerSecurity, Method, Scope,
    routing::{Answer, Entry},
};

/// Scopes that a credential carries.
pub(super) type Scopes = BTreeSet<Scope>;

/// Somebody with a credential, or without one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Caller {
    pub(super) kind: Kind,
    /// What the credential carries; empty where the files say what it carries.
    pub(super) scopes: Scopes,
}

/// What a caller shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Nothing.
    Nobody,
    /// An API key.
    ApiKey,
    /// A token with this `iss`.
    Token(String),
    /// A certificate with this identity; each file says which scopes it has.
    Certificate(Identity),
}

/// A certificate's identity, with an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Identity {
    Spiffe(String),
    Dns(String),
    SpkiSha256([u8; 32]),
}

impl From<&CertificateIdentity> for Identity {
    fn from(identity: &CertificateIdentity) -> Self {
        match identity {
            CertificateIdentity::Spiffe(id) => Self::Spiffe(id.clone()),
            CertificateIdentity::Dns(name) => Self::Dns(name.clone()),
            CertificateIdentity::SpkiSha256(digest) => Self::SpkiSha256(*digest),
        }
    }
}

/// What a request comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// 404.
    NoRoute,
    /// 405.
    MethodNotAllowed,
    /// 401.
    Unauthenticated,
    /// 403.
    InsufficientScope,
    /// It goes on to the upstream.
    Allowed,
}

impl Decision {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::NoRoute => "404",
            Self::MethodNotAllowed => "405",
            Self::Unauthenticated => "401",
            Self::InsufficientScope => "403",
            Self::Allowed => "allowed",
        }
    }
}

/// Every kind of caller that either file can tell apart.
pub(super) fn all(old: &Config, new: &Config) -> Vec<Caller> {
    let files = [old, new];
    let sets = scope_sets(&files);
    let issuers: BTreeSet<_> = files.iter().flat_map(|c| c.issuers.values()).map(|i| &i.validation.issuer).collect();
    let scoped = std::iter::once(Kind::ApiKey).chain(issuers.into_iter().map(|issuer| Kind::Token(issuer.clone())));
    let scoped = scoped.flat_map(|kind| sets.iter().map(move |s| Caller { kind: kind.clone(), scopes: s.clone() }));
    let identities: BTreeSet<Identity> =
        files.iter().flat_map(|c| clients(c)).flatten().map(|c| (&c.identity).into()).collect();
    let unscoped = std::iter::once(Kind::Nobody).chain(identities.into_iter().map(Kind::Certificate));
    unscoped.map(|kind| Caller { kind, scopes: Scopes::new() }).chain(scoped).collect()
}

/// No scopes, each set that a route asks for, each scope alone, and all of them. Every set of scopes is treated like one
/// of these at each route: what a route asks for is the least that it lets in.
fn scope_sets(files: &[&Config]) -> BTreeSet<Scopes> {
    let routes = files.iter().flat_map(|config| &config.apis).flat_map(|api| &api.routes);
    let asked: Vec<Scopes> = routes.map(|route| required(&route.access)).collect();
    let every: Scopes = asked.iter().flatten().cloned().collect();
    let single = every.iter().map(|scope| Scopes::from([scope.clone()])).collect::<Vec<_>>();
    asked.into_iter().chain(single).chain([Scopes::new(), every]).collect()
}

/// Scopes that a route asks for.
pub(super) fn required(access: &Access) -> Scopes {
    match access {
        Access::Public { .. } => Scopes::new(),
        Access::Authenticated { scopes, .. } => scopes.iter().cloned().collect(),
    }
}

/// Scopes as one text (RFC 6749 §3.3).
pub(super) fn text(scopes: &Scopes) -> String {
    scopes.iter().map(|scope| scope.0.as_str()).collect::<Vec<_>>().join(" ")
}

/// What a file does with a caller whose request the router gave this answer.
pub(super) fn decide(config: &Config, answer: Answer<'_>, caller: &Caller) -> Decision {
    let Entry { route, .. } = match answer {
        Answer::NoRoute => return Decision::NoRoute,
        Answer::MethodNotAllowed => return Decision::MethodNotAllowed,
        Answer::Found(entry) => entry,
    };
    match &route.access {
        Access::Public { .. } => Decision::Allowed,
        Access::Authenticated { by, .. } => {
            let held = held(config, by, caller);
            let needed = required(&route.access);
            match (held.is_empty(), held.iter().any(|scopes| needed.is_subset(scopes))) {
                (true, _) => Decision::Unauthenticated,
                (false, true) => Decision::Allowed,
                (false, false) => Decision::InsufficientScope,
            }
        }
    }
}

/// Scopes that a caller holds at a route that takes these credentials. None if it does not take the caller's; several
/// if listeners know a certificate by different scopes.
fn held(config: &Config, by: &[Method], caller: &Caller) -> Vec<Scopes> {
    let taken = match &caller.kind {
        Kind::Nobody => false,
        Kind::ApiKey => by.contains(&Method::ApiKey),
        Kind::Token(iss) => issuer(config, by, iss).is_some(),
        Kind::Certificate(identity) => {
            let clients = known_clients(config, identity).filter(|_| by.contains(&Method::ClientCertificate));
            return clients.map(|client| client.scopes.iter().cloned().collect()).collect();
        }
    };
    if taken { vec![caller.scopes.clone()] } else { Vec::new() }
}

/// The issuer whose rules a route applies to tokens with this `iss`: the first that it names.
pub(super) fn issuer<'c>(config: &'c Config, by: &[Method], iss: &str) -> Option<&'c Issuer> {
    let named = by.iter().filter_map(|method| match method {
        Method::Jwt(name) => config.issuers.get(name),
        Method::ApiKey | Method::ClientCertificate => None,
    });
    named.map(AsRef::as_ref).find(|issuer| issuer.validation.issuer == iss)
}

/// The client that a certificate stands for on each listener: the only one there with that identity.
pub(super) fn known_clients<'c>(
    config: &'c Config,
    identity: &'c Identity,
) -> impl Iterator<Item = &'c CertificateClient> {
    clients(config).filter_map(move |clients| {
        let mut same = clients.iter().filter(|client| Identity::from(&client.identity) == *identity);
        same.next().filter(|_| same.next().is_none())
    })
}

fn clients(config: &Config) -> impl Iterator<Item = &[CertificateClient]> {
    config.listeners.iter().filter_map(|listener| match &listener.security {
        ListenerSecurity::Tls(tls) => tls.client_certificates.as_ref().map(|clients| clients.clients.as_slice()),
        ListenerSecurity::PlaintextLoopback | ListenerSecurity::Plaintext { .. } => None,
    })
}
