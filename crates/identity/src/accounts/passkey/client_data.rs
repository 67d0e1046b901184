//! What the browser says about the ceremony (§5.8.1): which one, to which challenge, on a page of which origin.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{Ceremony, MAX_PART_BYTES, Refused, RelyingParty};

/// Members that matter. Others may be added at any time (§5.8.1), so they are passed over; a member that comes twice is
/// refused.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: bool,
    #[serde(default)]
    top_origin: Option<String>,
}

/// Checks the browser's word; `accept` judges the challenge that was answered.
pub(super) fn check<C>(
    json: &[u8],
    ceremony: Ceremony,
    party: &RelyingParty,
    accept: impl FnOnce(&[u8]) -> Result<C, Refused>,
) -> Result<C, Refused> {
    if json.len() > MAX_PART_BYTES {
        return Err(Refused::Malformed);
    }
    let data: ClientData = serde_json::from_slice(json).map_err(|_| Refused::Malformed)?;
    if data.r#type != ceremony.client_data_type() {
        return Err(Refused::WrongType);
    }
    let challenge = BASE64_URL_SAFE_NO_PAD.decode(&data.challenge).map_err(|_| Refused::WrongChallenge)?;
    let challenge = accept(&challenge)?;
    // No page of ours is ever in a frame, so an answer from one was made to deceive.
    if data.origin != party.origin || data.cross_origin || data.top_origin.is_some() {
        return Err(Refused::WrongOrigin);
    }
    Ok(challenge)
}
