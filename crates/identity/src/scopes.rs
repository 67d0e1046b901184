//! Scopes (RFC 6749 §3.3): a set of words.

use std::collections::BTreeSet;

use crate::problem::{Answer, Code, Problem};

/// Most scopes of one request.
const MOST: usize = 100;

/// Reads a `scope` parameter.
pub(crate) fn read(text: &str) -> Answer<BTreeSet<String>> {
    let words: BTreeSet<String> = text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    if words.len() > MOST || !words.iter().all(|word| is_scope(word)) {
        return Err(Problem::new(Code::InvalidScope, "a scope holds characters that no scope has"));
    }
    Ok(words)
}

/// The text of a set.
pub(crate) fn text(scopes: &BTreeSet<String>) -> String {
    scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The set of a text of ours.
pub(crate) fn set(text: &str) -> BTreeSet<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
fn is_scope(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}
