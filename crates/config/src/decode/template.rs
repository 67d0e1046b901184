//! Path templates: `/orders/{id}`, `/files/{rest*}`.

use std::collections::HashSet;

use crate::{PathTemplate, Segment};

/// The template, or what is wrong with it.
pub(super) fn parse(text: &str) -> Result<PathTemplate, String> {
    let Some(path) = text.strip_prefix('/') else { return Err(format!("`{text}` does not start with `/`")) };
    let mut segments = Vec::new();
    let mut names = HashSet::new();
    let parts: Vec<_> = if path.is_empty() { Vec::new() } else { path.split('/').collect() };
    for (at, part) in parts.iter().enumerate() {
        let segment = segment(part)?;
        if let Segment::Parameter(name) | Segment::Rest(name) = &segment
            && !names.insert(name.clone())
        {
            return Err(format!("the parameter `{name}` is there twice"));
        }
        if matches!(segment, Segment::Rest(_)) && at + 1 != parts.len() {
            return Err(format!("`{part}` takes the rest of the path, so it can only be last"));
        }
        segments.push(segment);
    }
    Ok(PathTemplate { text: text.to_owned(), segments })
}

fn segment(part: &str) -> Result<Segment, String> {
    if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        let (plain, rest) = name.strip_suffix('*').map_or((name, false), |plain| (plain, true));
        if plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(format!("`{part}` has no name of letters, digits and `_`"));
        }
        let name = plain.to_owned();
        return Ok(if rest { Segment::Rest(name) } else { Segment::Parameter(name) });
    }
    match part {
        "" => Err("there is an empty segment: `//`, or a `/` at the end".into()),
        "." | ".." => Err(format!("the segment `{part}` never reaches a route")),
        _ if part.contains(['{', '}']) => Err(format!("in `{part}` a parameter does not fill the whole segment")),
        _ => literal(part),
    }
}

/// Bytes of RFC 3986 `pchar` that canonicalisation leaves alone.
fn literal(part: &str) -> Result<Segment, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b);
    if part.bytes().all(allowed) {
        return Ok(Segment::Literal(part.to_owned()));
    }
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        let escaped = byte == b'%' && canonical_escape(bytes.next(), bytes.next());
        if !escaped && !allowed(byte) {
            return Err(format!("`{part}` is not in canonical form"));
        }
    }
    Ok(Segment::Literal(part.to_owned()))
}

/// Upper-case hex of a byte that must be escaped; an escaped slash or control character reaches no route.
fn canonical_escape(high: Option<u8>, low: Option<u8>) -> bool {
    let digit = |b: Option<u8>| match b {
        Some(b @ b'0'..=b'9') => Some(b - b'0'),
        Some(b @ b'A'..=b'F') => Some(b - b'A' + 10),
        _ => None,
    };
    let (Some(high), Some(low)) = (digit(high), digit(low)) else { return false };
    let byte = (high << 4) | low;
    byte > 0x7f || (byte >= 0x20 && byte != 0x7f && !byte.is_ascii_alphanumeric() && !b"-._~/\\".contains(&byte))
}
