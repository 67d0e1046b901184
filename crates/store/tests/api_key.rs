//! The text form of API keys, from the outside.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use store::api_key::{ApiKey, LENGTH, MalformedKey, digest_of, looks_like};

fn key() -> String {
    ApiKey::generate().unwrap().expose().to_owned()
}

#[test]
fn a_generated_key_parses_and_has_the_documented_shape() {
    let key = key();
    assert_eq!((key.len(), LENGTH), (58, 58));
    assert!(looks_like(&key) && key[9..].bytes().all(|b| b.is_ascii_alphanumeric()));
    let parsed = ApiKey::parse(&key).unwrap();
    assert_eq!(parsed.expose(), key);
    assert_eq!(digest_of(&key), Some(parsed.digest().0));
}

#[test]
fn junk_is_told_from_keys_without_a_look_up() {
    let key = key();
    for (text, cause) in [
        (String::new(), MalformedKey::Prefix),
        (key.replacen("pck_live_", "pck_test_", 1), MalformedKey::Prefix),
        (key.replacen("pck", "PCK", 1), MalformedKey::Prefix),
        (format!(" {key}"), MalformedKey::Prefix),
        ("pck_live_".into(), MalformedKey::Length(9)),
        (format!("{key}\0"), MalformedKey::Length(59)),
        (format!("{key} "), MalformedKey::Length(59)),
        (key[..57].into(), MalformedKey::Length(57)),
        (format!("pck_live_{}", "é".repeat(24) + "a"), MalformedKey::Alphabet),
        (format!("pck_live_{}", "-".repeat(49)), MalformedKey::Alphabet),
        (format!("pck_live_{}", "z".repeat(49)), MalformedKey::Overflow),
        (format!("{}zzzzzz", &key[..52]), MalformedKey::Overflow),
    ] {
        assert_eq!(ApiKey::parse(&text).unwrap_err(), cause, "{text:?}");
        assert_eq!(digest_of(&text), None);
    }
}

#[test]
fn the_debug_form_shows_nothing_of_the_key() {
    let key = ApiKey::generate().unwrap();
    assert_eq!(format!("{key:?} {:?}", key.digest()), "ApiKey(redacted) KeyDigest(redacted)");
}

proptest! {
    #[test]
    fn any_other_byte_anywhere_makes_a_key_malformed(at in 0_usize..58, byte in 0_u8..128) {
        let key = key();
        let mut changed = key.clone().into_bytes();
        prop_assume!(changed[at] != byte);
        changed[at] = byte;
        prop_assert!(ApiKey::parse(&String::from_utf8(changed).unwrap()).is_err());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC*", tail in "[0-9A-Za-z]{49}") {
        prop_assert!(ApiKey::parse(&text).is_err());
        let _ = ApiKey::parse(&format!("pck_live_{text}"));
        let _ = ApiKey::parse(&format!("pck_live_{tail}"));
    }
}
