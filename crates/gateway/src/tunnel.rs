//! WebSocket (RFC 6455): bytes both ways after the upstream's own 101, for as long as the caller may still come in.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional_with_sizes;

use crate::{
    authenticate::{self, Identity},
    authorize,
    body::Outbound,
    canonical::Canonical,
    listen::{self, Peer},
    pipeline,
    refusal::Refusal,
    route::Route,
    stream::Watched,
    watch::Pulse,
};

/// How often a caller is asked again whether they may still be here (identity: a revocation is seen within 1 s).
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Bytes held in each direction.
const BUFFER: usize = 8 * 1024;

/// The client's wish for a WebSocket, found in its request.
#[derive(Debug)]
pub(crate) struct Wish(OnUpgrade);

impl Wish {
    /// RFC 6455 §4.1: GET, `Upgrade: websocket`, `Connection: Upgrade`. Any other upgrade is no wish that is granted.
    pub(crate) fn of(parts: &mut http::request::Parts) -> Option<Self> {
        let upgrade = parts.extensions.remove::<OnUpgrade>()?;
        let asks = parts.method == Method::GET
            && lists(&parts.headers, &header::UPGRADE, "websocket")
            && lists(&parts.headers, &header::CONNECTION, "upgrade");
        asks.then_some(Self(upgrade))
    }
}

/// Whether a field holds a token of its list, in any case.
pub(crate) fn lists(headers: &HeaderMap, name: &header::HeaderName, token: &str) -> bool {
    let mut tokens = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(','));
    tokens.any(|listed| listed.trim().eq_ignore_ascii_case(token))
}

/// Refuses pages of other origins: a browser sends client certificates, and addresses on a network are trusted, without
/// asking whose page it is (403). Programs send no Origin.
pub(crate) fn check_origin(route: &Route, headers: &HeaderMap) -> Result<(), Refusal> {
    let allowed = route.rule.websocket.as_ref().map(|websocket| websocket.origins.as_slice()).unwrap_or_default();
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (None, _) => Ok(()),
        (Some(origin), None) if allowed.iter().any(|one| one.as_bytes() == origin.as_bytes()) => Ok(()),
        (Some(_), _) => Err(Refusal::ForeignOrigin),
    }
}

/// Adds to a request for an upstream what `strip_for_upstream` took.
pub(crate) fn ask_upstream(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Who is at the client's end, kept to ask again.
pub(crate) struct Guest {
    pub(crate) peer: Arc<Peer>,
    pub(crate) canonical: Box<Canonical>,
    pub(crate) identity: Identity,
}

/// Answers with the upstream's 101 and joins the two ends once both have switched.
pub(crate) fn join<B>(wish: Wish, guest: Guest, mut upstream: Response<B>) -> Result<Response<Outbound>, Refusal> {
    if !lists(upstream.headers(), &header::UPGRADE, "websocket") {
        return Err(Refusal::UpstreamBroke("switched_otherwise"));
    }
    let upstream_end = hyper::upgrade::on(&mut upstream);
    // Before the client can know of the 101 and send what is no HTTP.
    guest.peer.tunnel.store(true, Ordering::Release);
    let mut response = Response::new(Outbound::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = upstream.headers().clone();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    tokio::spawn(async move {
        // One side that does not switch leaves nothing to join.
        if let (Ok(client), Ok(upstream)) = tokio::join!(wish.0, upstream_end) {
            carry(guest, client, upstream).await;
        }
    });
    Ok(response)
}

async fn carry(guest: Guest, client: Upgraded, upstream: Upgraded) {
    let gate = guest.peer.current.gate();
    let pulse = Pulse::new(&gate.clock, true);
    // While this counts as a request under way, the pulse expires by the limit for streams.
    pulse.request_began();
    gate.sweeper.watch(&pulse);
    drop(gate);
    let mut client = Watched::new(TokioIo::new(client), Arc::clone(&pulse));
    let mut upstream = TokioIo::new(upstream);
    tokio::select! {
        // An end that broke off is an end.
        _ = copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER, BUFFER) => {}
        () = pulse.expired() => {}
        () = until_unwelcome(&guest) => {}
    }
}

/// Waits until the caller may no longer come in by the rules in force then.
async fn until_unwelcome(guest: &Guest) {
    loop {
        tokio::time::sleep(ASK_AGAIN).await;
        if welcome(guest).await.is_err() {
            return;
        }
    }
}

/// The stages of the pipeline that decide who may come in, without the ones that count.
async fn welcome(guest: &Guest) -> Result<(), Refusal> {
    let gate = guest.peer.current.gate();
    let routed = gate.snapshot.routes.find(guest.canonical.again())?;
    listen::check_authority(&guest.peer, &routed)?;
    pipeline::check_address(&gate, &guest.peer, &routed)?;
    check_origin(&routed.route, &routed.canonical.headers)?;
    let Some(_) = &routed.route.rule.websocket else { return Err(Refusal::NoRoute) };
    let identified = authenticate::identify(&gate, &guest.peer, routed).await?;
    let same = match (&guest.identity, &identified.identity) {
        (Identity::Anonymous, Identity::Anonymous) => true,
        (Identity::Known(before), Identity::Known(now)) => before.subject == now.subject,
        _ => false,
    };
    authorize::authorize(identified)?;
    if same { Ok(()) } else { Err(Refusal::Internal) }
}
