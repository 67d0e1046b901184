//! A request body, read whole, within what all such bodies may take together.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

use crate::{
    body::{BodyFault, Inbound},
    gate::Gate,
    held::Hold,
    pressure::Pressure,
    refusal::Refusal,
    route::Route,
};

/// How much is read, how fast it must come, and whose memory it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Within<'g> {
    pub(crate) bytes: u64,
    /// Bytes a second.
    pub(crate) rate: u64,
    pub(crate) pressure: &'g Arc<Pressure>,
}

impl<'g> Within<'g> {
    /// What a route lets through.
    pub(crate) fn of(gate: &'g Gate, route: &Route) -> Self {
        let snapshot = &gate.snapshot;
        Self { bytes: route.rule.max_body, rate: snapshot.limits.body_minimum_rate, pressure: &snapshot.pressure }
    }
}

/// Reads a body to its end (400, 408, 413, 503). Most come in one piece, which is not copied. One that was read whole
/// before is as it was.
pub(crate) async fn read(body: Inbound, within: Within<'_>) -> Result<Bytes, Refusal> {
    let mut body = body.within(within.bytes, within.rate);
    if let Some(held) = body.take_held() {
        return Ok(held);
    }
    let mut hold = Hold::new(within.pressure);
    let Some(first) = next(&mut body, &mut hold).await? else { return Ok(Bytes::new()) };
    let Some(second) = next(&mut body, &mut hold).await? else { return Ok(hold.around(first)) };
    let mut whole = BytesMut::from(first);
    append(&mut whole, &second, &body);
    let mut turn = TURN;
    while let Some(piece) = next(&mut body, &mut hold).await? {
        append(&mut whole, &piece, &body);
        if whole.len() >= turn {
            turn = whole.len().saturating_add(TURN);
            tokio::task::yield_now().await;
        }
    }
    Ok(hold.around(whole.freeze()))
}

/// What is read before others on the same worker have their turn.
const TURN: usize = 64 * 1024;

/// What must have come of a body before room is made for all that it says to have: a length is anybody's word.
const CREDIBLE: usize = 256 * 1024;

/// Adds a piece. A body that is grown in steps is in memory more than once, so one that says how long it is gets room ahead.
fn append(whole: &mut BytesMut, piece: &[u8], rest: &Inbound) {
    if whole.capacity() - whole.len() < piece.len() {
        let announced = rest.size_hint().upper().map_or(0, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let come = whole.len().saturating_add(piece.len());
        let ahead = if come < CREDIBLE { announced.min(come.saturating_mul(3)) } else { announced };
        whole.reserve(piece.len().saturating_add(ahead));
    }
    whole.extend_from_slice(piece);
}

async fn next(body: &mut Inbound, hold: &mut Hold) -> Result<Option<Bytes>, Refusal> {
    match body.frame().await {
        None => Ok(None),
        Some(Ok(frame)) => {
            let piece = frame.into_data().unwrap_or_default();
            hold.grow(piece.len())?;
            Ok(Some(piece))
        }
        Some(Err(BodyFault::TooLarge)) => Err(Refusal::BodyTooLarge),
        Some(Err(BodyFault::TooSlow)) => Err(Refusal::BodyTooSlow),
        Some(Err(BodyFault::Broke)) => Err(Refusal::BadFraming),
    }
}
