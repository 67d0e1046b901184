//! Sends an authorized request upstream and takes the answer back.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};

use crate::{
    authenticate::Identity,
    authorize::Authorized,
    body::{BodyFault, Outbound},
    canonical::{Canonical, strip_for_upstream},
    contract::Expected,
    gate::Gate,
    limit,
    listen::{self, Peer},
    recent::Stage,
    record::Record,
    refusal::Refusal,
    route::Route,
    tunnel::{self, Guest, Wish},
    upstream::{Errand, FORWARDED_FOR, Forwarded, Introduction, PooledBody, Pools, SendError, Sender},
    watch::unix_now,
};

/// Forwards a request (502, 504). Takes nothing but an `Authorized` one.
pub(crate) async fn forward(
    gate: &Gate,
    peer: &Arc<Peer>,
    record: &mut Record,
    authorized: Authorized,
) -> Result<Response<Outbound>, Refusal> {
    let Authorized { mut canonical, route, identity, .. } = authorized;
    if route.rule.websocket.is_some()
        && let Some(wish) = canonical.wish.take()
    {
        return Box::pin(open_tunnel(gate, peer, record, wish, canonical, route, identity)).await;
    }
    let expected = Expected::of(&mut canonical, &route);
    let mut errand = errand(gate, peer, record, canonical, &route, &identity)?;
    let response = send(gate, &route, record, &mut errand).await?;
    record.passed(Stage::Upstream);
    // Nobody asked for another protocol.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Refusal::UpstreamBroke("switched_unasked"));
    }
    match expected {
        None => Ok(from_upstream(response)),
        Some(expected) => {
            let mut response = Box::pin(expected.hold(gate, record, response)).await?;
            strip_hop_by_hop(response.headers_mut());
            Ok(response)
        }
    }
}

/// Forwards the request for a WebSocket, and joins its two ends.
async fn open_tunnel(
    gate: &Gate,
    peer: &Arc<Peer>,
    record: &mut Record,
    wish: Wish,
    canonical: Box<Canonical>,
    route: Arc<Route>,
    identity: Identity,
) -> Result<Response<Outbound>, Refusal> {
    tunnel::check_origin(&route, &canonical.headers)?;
    let guest = Guest {
        peer: Arc::clone(peer),
        canonical: canonical.again(),
        identity: identity.clone(),
        largest_message: route.rule.max_body,
    };
    let mut errand = errand(gate, peer, record, canonical, &route, &identity)?;
    errand.ask_to_switch();
    let response = send(gate, &route, record, &mut errand).await?;
    record.passed(Stage::Upstream);
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => tunnel::join(wish, guest, response),
        _ => Ok(from_upstream(response)),
    }
}

async fn send(
    gate: &Gate,
    route: &Route,
    record: &mut Record,
    errand: &mut Errand,
) -> Result<Response<PooledBody>, Refusal> {
    let answer = gate.pools.send(route.api_index, errand, route.rule.response_timeout).await;
    record.retried = errand.retried;
    answer.map_err(|error| refusal_of(&error))
}

/// What the upstream tells requests apart by, before fields are stripped.
fn key(gate: &Gate, peer: &Peer, canonical: &Canonical, route: &Route, identity: &Identity) -> Option<u64> {
    let client = match identity {
        Identity::Anonymous => None,
        Identity::Known(caller) => Some(caller.limit_key.as_str()),
    };
    gate.pools.key(route.api_index, &Sender { headers: &canonical.headers, client, address: peer.address.ip() })
}

/// Whose request it is where clients share scarce places: one authenticated client's, or one network's.
fn client(gate: &Gate, peer: &Peer, canonical: &Canonical, identity: &Identity) -> u64 {
    match identity {
        Identity::Known(caller) => caller.share,
        Identity::Anonymous => {
            let trusted = &gate.snapshot.trusted_proxies;
            Pools::share(listen::network_of(limit::client_address(peer.address.ip(), &canonical.headers, trusted)))
        }
    }
}

fn from_upstream(mut response: Response<PooledBody>) -> Response<Outbound> {
    strip_hop_by_hop(response.headers_mut());
    response.map(Outbound::upstream)
}

/// The request as the upstream sees it: canonical target, no field that the client may not set, ours added.
fn errand(
    gate: &Gate,
    peer: &Peer,
    record: &Record,
    canonical: Box<Canonical>,
    route: &Arc<Route>,
    identity: &Identity,
) -> Result<Errand, Refusal> {
    // By what the client said, before fields of it are taken away.
    let key = key(gate, peer, &canonical, route, identity);
    let client = client(gate, peer, &canonical, identity);
    let Canonical { method, host, target, mut headers, body, .. } = *canonical;
    let forwarded = Forwarded {
        host,
        addresses: addresses(gate, peer, &headers)?,
        secure: peer.secure,
        request_id: record.request_id,
        caller: introduction(gate, route, identity)?,
    };
    let takes_trailers = tunnel::lists(&headers, &header::TE, "trailers");
    let keeps_trace = record.place.is_some() || gate.snapshot.continues_trace(peer);
    // A credential that was proved stays here.
    let keeps_credential = matches!(identity, Identity::Anonymous);
    strip_for_upstream(&mut headers, keeps_trace, keeps_credential);
    if takes_trailers {
        // gRPC asks for it; in HTTP/2 it says nothing about the connection (RFC 9113 §8.2.2).
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if let Some(place) = &record.place {
        place.add_fields(&mut headers);
    }
    // A call of gRPC may wait as long as it likes between messages; the limit for idle streams still ends it.
    let is_call =
        headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let minimum_rate = if is_call { 0 } else { gate.snapshot.limits.body_minimum_rate };
    let body = body.within(route.rule.max_body, minimum_rate);
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = Uri::from(target);
    *request.headers_mut() = headers;
    Ok(Errand::new(request, forwarded, key, client))
}

/// What the upstream is told of the caller.
fn introduction(gate: &Gate, route: &Route, identity: &Identity) -> Result<Option<Introduction>, Refusal> {
    let Identity::Known(caller) = identity else { return Ok(None) };
    let told = caller.told.as_ref().ok_or(Refusal::BadToken("subject_not_printable"))?;
    let identity = gate.snapshot.identity.assertion(caller, route, unix_now()).ok_or(Refusal::Internal)?;
    let (subject, scopes) = (told.subject.clone(), told.scopes.clone());
    Ok(Some(Introduction { identity, subject, scopes, method: caller.method }))
}

/// The client's address, after those that a trusted proxy vouches for.
fn addresses(gate: &Gate, peer: &Peer, headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    let address = peer.address.ip().to_canonical();
    if !gate.snapshot.trusts(peer) || !headers.contains_key(FORWARDED_FOR) {
        return Ok(peer.address_value.clone());
    }
    // Some proxies add a line of their own below the client's: the last one is the one they vouch for.
    let before = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned);
    let all: Vec<String> = before.chain([address.to_string()]).collect();
    HeaderValue::try_from(all.join(", ")).map_err(|_| Refusal::Internal)
}

fn refusal_of(error: &SendError) -> Refusal {
    match (BodyFault::behind(error), error) {
        (Some(BodyFault::TooLarge), _) => Refusal::BodyTooLarge,
        (Some(BodyFault::TooSlow), _) => Refusal::BodyTooSlow,
        (Some(BodyFault::Broke), _) => Refusal::BadFraming,
        (None, SendError::Broke(error)) => Refusal::UpstreamBroke(error.name()),
        (None, SendError::Full) => Refusal::UpstreamFull,
        (None, SendError::ResponseTimeout) => Refusal::UpstreamTimeout,
        (None, SendError::NoServer) => Refusal::UpstreamUnreachable("no_server"),
        (None, SendError::Connect(_)) => Refusal::UpstreamUnreachable("not_connected"),
        (None, SendError::ConnectTimeout) => Refusal::UpstreamUnreachable("connect_timeout"),
        (None, SendError::Taken | SendError::Authority) => Refusal::Internal,
    }
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let hops: Vec<HeaderName> = headers.keys().filter(|name| is_hop_by_hop(name.as_str())).cloned().collect();
    for name in &hops {
        headers.remove(name);
    }
}

/// Fields about the connection to the upstream (RFC 9110 §7.6.1).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}
