//! WebSocket (RFC 6455): bytes both ways after the upstream's own 101, for as long as the caller may still come in.

mod carry;
mod frames;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
    time::Instant,
};

use crate::{
    authenticate::{self, Identity},
    authorize,
    body::Outbound,
    canonical::Canonical,
    listen::{self, Peer, Switch, Switched},
    pipeline,
    refusal::Refusal,
    route::Route,
    stream::Watched,
    upstream::PooledBody,
    watch::Pulse,
};
use carry::Goodbye;

/// How often a caller is asked again whether they may still be here (identity: a revocation is seen within 1 s).
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// When the gateway stops, a tunnel ends once nothing passed for this long, so that what was asked is still answered,
const QUIET: Duration = Duration::from_secs(1);
/// and at the latest after this time: shorter than what requests under way get before they are cut.
const LAST_CALL: Duration = Duration::from_secs(25);
/// What writing a Close frame may take before its end is cut.
const CUT: Duration = Duration::from_millis(200);
/// What a client that is told of the gateway's stop may take before its end is cut.
const PARTING: Duration = Duration::from_secs(4);

/// The client's wish for a WebSocket, found in its request.
pub(crate) struct Wish(Switch);

impl Wish {
    pub(crate) fn new(switch: Switch) -> Self {
        Self(switch)
    }
}

impl fmt::Debug for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wish")
    }
}

/// Whether a request asks for a WebSocket (RFC 6455 §4.1): GET, `Upgrade: websocket`, `Connection: Upgrade`. Any other
/// upgrade is no wish that is granted.
pub(crate) fn may_switch(parts: &http::request::Parts) -> bool {
    parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && lists(&parts.headers, &header::UPGRADE, "websocket")
        && lists(&parts.headers, &header::CONNECTION, "upgrade")
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
    /// Bytes of a message (limits: body).
    pub(crate) largest_message: u64,
}

/// Answers with the upstream's 101 and joins the two ends once both have switched.
pub(crate) fn join(wish: Wish, guest: Guest, upstream: Response<PooledBody>) -> Result<Response<Outbound>, Refusal> {
    if !lists(upstream.headers(), &header::UPGRADE, "websocket") {
        return Err(Refusal::UpstreamBroke("switched_otherwise"));
    }
    let (head, body) = upstream.into_parts();
    let upstream_end = body.into_tunnel().ok_or(Refusal::UpstreamBroke("switched_otherwise"))?;
    let mut response = Response::new(Outbound::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = head.headers;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    tokio::spawn(async move {
        // A client that does not switch leaves nothing to join.
        if let Some(client) = wish.0.switched().await {
            carry(guest, client, upstream_end).await;
        }
    });
    Ok(response)
}

async fn carry(guest: Guest, client: Box<dyn Switched>, upstream: impl AsyncRead + AsyncWrite) {
    let gate = guest.peer.current.gate();
    let pulse = Pulse::new(&gate.clock, true);
    // While this counts as a request under way, the pulse expires by the limit for streams.
    pulse.request_began();
    gate.sweeper.watch(&pulse);
    drop(gate);
    let client = Watched::new(client, Arc::clone(&pulse));
    let say = watch::Sender::new(None);
    let moved = AtomicU64::new(0);
    tokio::select! {
        () = carry::carry(client, upstream, &say, guest.largest_message, &moved) => {}
        () = pulse.expired() => {}
        () = until_end(&guest, &say, &moved) => {}
    }
}

/// Waits until the tunnel has to end, says goodbye, and gives that some time to arrive.
async fn until_end(guest: &Guest, say: &watch::Sender<Option<Goodbye>>, moved: &AtomicU64) {
    let (mut leaving, mut last, mut since) = (None, 0, Instant::now());
    loop {
        tokio::time::sleep(ASK_AGAIN).await;
        let now = Instant::now();
        if welcome(guest).await.is_err() {
            say.send_replace(Some(Goodbye::Unwelcome));
            return tokio::time::sleep(CUT).await;
        }
        let count = moved.load(Ordering::Relaxed);
        if count != last {
            (last, since) = (count, now);
        }
        if !guest.peer.current.is_leaving() {
            continue;
        }
        let left = *leaving.get_or_insert(now);
        if now - since >= QUIET || now - left >= LAST_CALL {
            say.send_replace(Some(Goodbye::Away));
            return tokio::time::sleep(PARTING).await;
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
    authorize::authorize(&gate, &guest.peer, &mut None, identified).await?;
    if same { Ok(()) } else { Err(Refusal::Internal) }
}
