//! Formats: those that are checked, and those that say nothing about what is sent.

use base64::Engine;

/// Whether a format is checked, or only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Strings are checked against it.
    Checked,
    /// A number within these bounds.
    Within(i64, i64),
    /// It describes; there is nothing to check.
    Told,
}

/// What a format of the OpenAPI and JSON Schema registries means here.
pub(crate) fn known(name: &str) -> Option<Format> {
    Some(match name {
        "date"
        | "date-time"
        | "time"
        | "duration"
        | "email"
        | "idn-email"
        | "hostname"
        | "ipv4"
        | "ipv6"
        | "uri"
        | "uri-reference"
        | "iri"
        | "iri-reference"
        | "uri-template"
        | "uuid"
        | "json-pointer"
        | "relative-json-pointer"
        | "regex"
        | "byte"
        | "base64url"
        | "char" => Format::Checked,
        "int8" => Format::Within(i8::MIN.into(), i8::MAX.into()),
        "uint8" => Format::Within(0, u8::MAX.into()),
        "int16" => Format::Within(i16::MIN.into(), i16::MAX.into()),
        "uint16" => Format::Within(0, u16::MAX.into()),
        "int32" => Format::Within(i32::MIN.into(), i32::MAX.into()),
        "uint32" => Format::Within(0, u32::MAX.into()),
        "int64" => Format::Within(i64::MIN, i64::MAX),
        "float" | "double" | "decimal" | "password" | "binary" | "html" | "commonmark" => Format::Told,
        _ => return None,
    })
}

/// `byte`: base64 (RFC 4648 §4) with its padding.
pub(crate) fn is_base64(text: &str) -> bool {
    base64::engine::general_purpose::STANDARD.decode(text).is_ok()
}

/// `base64url` (RFC 4648 §5), padded or not.
pub(crate) fn is_base64url(text: &str) -> bool {
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    engine.decode(text.trim_end_matches('=')).is_ok()
}

/// `char`: one character.
pub(crate) fn is_char(text: &str) -> bool {
    text.chars().count() == 1
}
