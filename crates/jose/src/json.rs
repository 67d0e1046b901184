//! JSON objects with one meaning only (RFC 7515 §4, RFC 7519 §4).

use serde_json::{Map, Value};
use strict_json::Bounds;
pub(crate) use strict_json::NotJson;

/// A token or a key document holds far fewer (limits: JSON depth; the texts are bounded where they arrive).
const BOUNDS: Bounds = Bounds { depth: 32, values: 100_000 };

/// Reads one object.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Value>, NotJson> {
    strict_json::read(text, BOUNDS)?.to_map().ok_or(NotJson::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_are_read() {
        assert!(object(br#"{"a":[1]}"#).is_ok());
        assert_eq!(object(b"[]"), Err(NotJson::Malformed));
        assert_eq!(object(br#"{"a":1,"a":2}"#), Err(NotJson::Duplicate));
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(object(deep.as_bytes()), Err(NotJson::TooDeep));
    }
}
