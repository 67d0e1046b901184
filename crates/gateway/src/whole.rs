//! A request body, read whole.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;

use crate::{
    body::{BodyFault, Inbound},
    refusal::Refusal,
};

/// How much is read, and how fast it must come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within {
    pub(super) bytes: u64,
    /// Bytes a second.
    pub(super) rate: u64,
}

/// Reads a body to its end (400, 408, 413). Most come in one piece, which is not copied.
pub(super) async fn read(body: Inbound, within: Within) -> Result<Bytes, Refusal> {
    let mut body = body.within(within.bytes, within.rate);
    let Some(first) = next(&mut body).await? else { return Ok(Bytes::new()) };
    let Some(second) = next(&mut body).await? else { return Ok(first) };
    let mut whole = BytesMut::from(first);
    whole.extend_from_slice(&second);
    while let Some(piece) = next(&mut body).await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

async fn next(body: &mut Inbound) -> Result<Option<Bytes>, Refusal> {
    match body.frame().await {
        None => Ok(None),
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(BodyFault::TooLarge)) => Err(Refusal::BodyTooLarge),
        Some(Err(BodyFault::TooSlow)) => Err(Refusal::BodyTooSlow),
        Some(Err(BodyFault::Broke)) => Err(Refusal::BadFraming),
    }
}
