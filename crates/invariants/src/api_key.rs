//! API keys: one text stands for a key, and no other text that is one character away.

use store::api_key::{ApiKey, LENGTH, digest_of, looks_like};

/// A text is a key or it is not, however it is asked; a changed character makes it none.
pub fn hold(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (parsed, digest) = (ApiKey::parse(text), digest_of(text));
    assert_eq!(parsed.is_ok(), digest.is_some());
    let Ok(key) = parsed else { return };
    assert!(looks_like(text) && text.len() == LENGTH && key.expose() == text);
    assert!(Some(key.digest().0) == digest);
    assert_eq!(format!("{key:?}"), "ApiKey(redacted)");
    for place in 0..text.len() {
        let mut other = bytes.to_vec();
        other[place] = if other[place] == b'0' { b'1' } else { b'0' };
        assert!(ApiKey::parse(std::str::from_utf8(&other).unwrap()).is_err(), "{place} does not count");
    }
}
