//! An authorization server in the same process: the gateway serves its endpoints as routes, and checks its tokens without
//! a network.
//!
//! Its requests pass the stages that all others pass, up to the credential: that one is the server's own matter, and
//! reaches it untouched.

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use jose::{JwkSet, jwt::Claims};
use rustls_pki_types::CertificateDer;

use crate::{
    SourceUnavailable,
    authorize::Authorized,
    body::{BodyFault, Outbound},
    gate::Gate,
    limit::{Attempt, client_address},
    listen::{Peer, Worth},
    refusal::Refusal,
};

/// Who asks an authorization server: what the gateway proved of the client, and nothing that the client said.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The client's address, behind trusted proxies.
    pub address: IpAddr,
    /// The certificate that it showed in the handshake, and what that says.
    pub certificate: Option<(CertificateDer<'static>, Worth)>,
}

/// Answer to a request.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Response<Bytes>> + Send + 'a>>;
/// What an opaque token stands for; `None` is one that is unknown, expired or revoked.
pub type Translating<'a> = Pin<Box<dyn Future<Output = Result<Option<Claims>, SourceUnavailable>> + Send + 'a>>;

/// An authorization server that runs in this process. What is asked on every request must be as cheap as an atomic.
pub trait Resident: Send + Sync + 'static {
    /// Answers a request to one of its endpoints. The target is a path with its query; the body is whole.
    fn answer(&self, visitor: Visitor, request: Request<Bytes>) -> Answering<'_>;
    /// The keys that its tokens are verified with.
    fn keys(&self) -> JwkSet;
    /// Changes with [`Resident::keys`]. Read on every request.
    fn keys_epoch(&self) -> u64;
    /// Changes whenever something was revoked. Read on every request, and on open connections.
    fn revocation_epoch(&self) -> u64;
    /// Whether a token with these claims was revoked.
    fn is_revoked(&self, claims: &Claims) -> bool;
    /// The SHA-256 of a text that has the form of an opaque token, its checksum included; `None` for any other.
    fn opaque(&self, text: &str) -> Option<[u8; 32]>;
    /// Looks an opaque token up.
    fn translate(&self, digest: [u8; 32]) -> Translating<'_>;
    /// Whether pages of an origin belong to a client that runs in browsers.
    fn is_client_origin(&self, origin: &str) -> bool;
}

/// Hands a request to the authorization server (408, 413).
pub(crate) async fn answer(gate: &Gate, peer: &Peer, authorized: Authorized) -> Result<Response<Outbound>, Refusal> {
    let resident = gate.snapshot.sources.resident.as_ref().map(Arc::clone).ok_or(Refusal::Internal)?;
    let Authorized { canonical, route, .. } = authorized;
    let trusted = &gate.snapshot.trusted_proxies;
    let address = client_address(peer.address.ip(), &canonical.headers, trusted);
    let body = canonical.body.within(route.rule.max_body, gate.snapshot.limits.body_minimum_rate);
    let bytes = body.collect().await.map_err(refusal_of)?.to_bytes();
    let mut request = Request::new(bytes);
    *request.method_mut() = canonical.method;
    *request.uri_mut() = canonical.target.into();
    *request.headers_mut() = canonical.headers;
    if let Ok(host) = HeaderValue::try_from(canonical.host.as_str()) {
        request.headers_mut().insert(header::HOST, host);
    }
    let certificate = peer.leaf(&gate.snapshot).map(|leaf| (leaf.der.clone(), leaf.worth));
    let answer = resident.answer(Visitor { address, certificate }, request).await;
    if answer.status() == StatusCode::UNAUTHORIZED {
        // Clients and users are guessed here as credentials are elsewhere; each account has its own limit besides.
        let (limiter, attempt) = (&gate.snapshot.limiter, Attempt { address, digest: &[0; 32] });
        limiter.failures.count_address(limiter.now(), attempt, trusted);
    }
    Ok(answer.map(Outbound::full))
}

fn refusal_of(fault: BodyFault) -> Refusal {
    match fault {
        BodyFault::TooLarge => Refusal::BodyTooLarge,
        BodyFault::TooSlow => Refusal::BodyTooSlow,
        BodyFault::Broke => Refusal::BadFraming,
    }
}
