//! JSON that policies read: with one meaning, and within bounds (limits: JSON depth).

use serde_json::{Map, Value};
use strict_json::{Bounds, NotJson};

/// Bodies are bounded in bytes where they are read; this bounds what they become.
const BOUNDS: Bounds = Bounds { depth: 32, values: 100_000 };

/// Reads one object.
pub(super) fn object(text: &[u8]) -> Result<Map<String, Value>, NotJson> {
    strict_json::read(text, BOUNDS)?.to_map().ok_or(NotJson::Malformed)
}

/// Reads one value.
pub(super) fn value(text: &[u8]) -> Result<Value, NotJson> {
    Ok(strict_json::read(text, BOUNDS)?.to_value())
}
