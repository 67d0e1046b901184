//! A request's way from the wire to an answer. Reads top-down, a line a stage.

use std::{convert::Infallible, sync::Arc};

use config::Serves;
use http::{HeaderMap, Method, Response, request::Parts};

use crate::{
    authenticate::{self, Identified},
    authorize::{Authorized, authorize},
    body::{Outbound, Received},
    canonical::Canonical,
    contract,
    cors::{Preflight, Reader},
    dress::{Exposure, dress, spell_out},
    forward::forward,
    gate::Gate,
    identity_token, limit,
    listen::{self, Peer, Switch},
    policies,
    recent::Stage,
    record::Record,
    refusal::Refusal,
    resident,
    route::Routed,
};

/// Takes a request to its answer; whatever happens in between, the answer is dressed and recorded.
///
/// The request is brought into its canonical form before the future is made, which would otherwise carry both.
pub(crate) fn handle<'c>(
    gate: &'c Arc<Gate>,
    peer: &'c Arc<Peer>,
    parts: Box<Parts>,
    body: Received,
    switch: Option<Switch>,
) -> impl Future<Output = Result<Response<Outbound>, Infallible>> + use<'c> {
    let record = Record::begin(gate, peer, &parts.method, &parts.headers);
    let asks_for_key = identity_token::is_key_request(&parts);
    let snapshot = &gate.snapshot;
    let canonical = Canonical::from_wire(parts, body, switch, &snapshot.limits, snapshot.sources.key_prefix);
    answer(gate, peer, record, asks_for_key, canonical)
}

/// Answers what could not be read as a request.
pub(crate) fn refuse_head(gate: &Arc<Gate>, peer: &Arc<Peer>, refusal: Refusal) -> Response<Outbound> {
    // Nothing that was sent is taken for anything; in the log, the method is a dash.
    let unread = Method::from_bytes(b"-").unwrap_or(Method::GET);
    let mut record = Record::begin(gate, peer, &unread, &HeaderMap::new());
    let mut answer = refuse(&mut record, refusal);
    dress(&mut answer, Exposure::Private);
    record.attach(&mut answer);
    answer
}

async fn answer(
    gate: &Arc<Gate>,
    peer: &Arc<Peer>,
    mut record: Box<Record>,
    asks_for_key: bool,
    canonical: Result<Box<Canonical>, Refusal>,
) -> Result<Response<Outbound>, Infallible> {
    if asks_for_key {
        let mut answer = gate.snapshot.identity.key_response();
        dress(&mut answer, Exposure::Public);
        record.attach(&mut answer);
        return Ok(answer);
    }
    if let Ok(canonical) = &canonical
        && let Some(preflight) = Preflight::of(canonical, &gate.snapshot.routes)
    {
        record.canonical(canonical);
        let mut answer = preflight.answer().unwrap_or_else(|refusal| refuse(&mut record, refusal));
        dress(&mut answer, Exposure::Public);
        spell_out(&mut answer);
        preflight.add_fields(answer.headers_mut());
        record.attach(&mut answer);
        return Ok(answer);
    }
    let (mut exposure, mut reader) = (Exposure::Private, None);
    let outcome = match decide(gate, peer, &mut record, &mut reader, canonical).await {
        Ok(authorized) => {
            exposure = Exposure::of(&authorized);
            serve(gate, peer, &mut record, authorized).await
        }
        Err(refusal) => Err(refusal),
    };
    let mut answer = outcome.unwrap_or_else(|refusal| refuse(&mut record, refusal));
    dress(&mut answer, exposure);
    if let Some(reader) = reader {
        spell_out(&mut answer);
        reader.add_fields(answer.headers_mut());
    }
    record.attach(&mut answer);
    Ok(answer)
}

/// Gets the answer from whoever gives it, and lets out what of it may leave.
async fn serve(
    gate: &Gate,
    peer: &Arc<Peer>,
    record: &mut Record,
    mut authorized: Authorized,
) -> Result<Response<Outbound>, Refusal> {
    match authorized.route.rule.serves {
        Serves::Upstream => {}
        Serves::Evaluation => return Box::pin(policies::evaluate(gate, authorized)).await,
        Serves::Resident(_) => return Box::pin(resident::answer(gate, peer, authorized)).await,
        Serves::ResourceMetadata => {
            return authorized.route.resource.as_ref().map(|resource| resource.metadata()).ok_or(Refusal::Internal);
        }
    }
    let sealed = authorized.seal.take().map(|seal| (seal, Arc::clone(&authorized.route)));
    let answer = forward(gate, peer, record, authorized).await?;
    match sealed {
        None => Ok(answer),
        Some((seal, route)) => Box::pin(seal.open(gate, &mut record.judged, &route, answer)).await,
    }
}

fn refuse(record: &mut Record, refusal: Refusal) -> Response<Outbound> {
    record.refused(&refusal);
    let mut answer = refusal.into_response(&record.request_id);
    if let Some(route) = record.route()
        && let Some(resource) = &route.resource
    {
        resource.add_to_challenges(&route.rule, answer.headers_mut());
    }
    answer
}

/// Decides over a request. Only an `Authorized` request can be forwarded, and only these stages make one.
async fn decide(
    gate: &Gate,
    peer: &Peer,
    record: &mut Record,
    reader: &mut Option<Reader>,
    canonical: Result<Box<Canonical>, Refusal>,
) -> Result<Authorized, Refusal> {
    gate.snapshot.pressure.check()?; // 503: with what
    let canonical = canonical?; // 400, 414, 431: one form, or none
    record.canonical(&canonical);
    check_ban(gate, peer, &canonical)?; // 429: whose address is not shut out
    let routed: Routed = gate.snapshot.routes.find(canonical)?; // 404, 405
    record.routed(&routed);
    *reader = Reader::of(&routed); // a page may read a refusal too
    listen::check_authority(peer, &routed)?; // 421: the connection was made for this host
    check_address(gate, peer, &routed)?; // 403: from where
    record.passed_if(false, Stage::Route); // looked up in no time
    let identified: Identified = authenticate::identify(gate, peer, routed).await?; // 401, 503: who
    record.identified(&identified);
    let admitted = gate.snapshot.limiter.admit(gate, peer, record, identified).await?; // 429, 503: how much
    check_size(&admitted)?; // 413
    record.passed_if(!admitted.route.limits.is_empty(), Stage::Limit);
    let validated = contract::validate(gate, record, admitted).await?; // 400, 410, 413, 415: what
    record.passed_if(validated.route.contract.is_some(), Stage::Contract);
    let authorized = authorize(gate, peer, &mut record.judged, validated).await?; // 403: may they
    record.passed_if(authorized.route.rule.policy.is_some(), Stage::Authorize);
    Ok(authorized)
}

/// Refuses a client whose address the API does not let in.
pub(crate) fn check_address(gate: &Gate, peer: &Peer, routed: &Routed) -> Result<(), Refusal> {
    let Some(rules) = &routed.route.addresses else { return Ok(()) };
    let snapshot = &gate.snapshot;
    let client = limit::client_address(peer.address.ip(), &routed.canonical.headers, &snapshot.trusted_proxies);
    if rules.admit(client, snapshot.countries.as_deref()) { Ok(()) } else { Err(Refusal::ForeignAddress) }
}

/// Refuses an address that was shut out since its connection was made, or that a proxy names.
fn check_ban(gate: &Gate, peer: &Peer, canonical: &Canonical) -> Result<(), Refusal> {
    let limiter = &gate.snapshot.limiter;
    let address = || limit::client_address(peer.address.ip(), &canonical.headers, &gate.snapshot.trusted_proxies);
    limiter.failures.admit(|| limiter.now(), address)
}

/// Refuses a body that is too large by its own account; one without a length is counted as it flows.
fn check_size(identified: &Identified) -> Result<(), Refusal> {
    let max_body = identified.route.rule.max_body;
    match identified.canonical.content_length() {
        Some(length) if length > max_body => Err(Refusal::BodyTooLarge),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A future is moved as a whole when its request begins, and hundreds of them compete for the cache.
    #[test]
    fn what_a_request_carries_on_its_way_is_small() {
        fn size<A, B, C, D, E, F>(_: impl FnOnce(A, B, C, D, E) -> F) -> usize {
            size_of::<F>()
        }
        let size = size(handle);
        assert!(size <= 2048, "{size} bytes");
    }
}
