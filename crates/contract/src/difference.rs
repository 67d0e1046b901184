//! Where something differs from the contract.

use serde::Serialize;

/// Differences that are named at most; the rest would tell a caller nothing new.
pub(crate) const MAX_DIFFERENCES: usize = 10;

/// Longest pointer that is named; a longer one is cut.
const MAX_POINTER: usize = 256;

/// One place that differs, and the keyword that says so. Never a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Which part of the message.
    #[serde(rename = "in")]
    pub part: Part,
    /// JSON pointer (RFC 6901) into that part; `/NAME` for a parameter.
    pub pointer: String,
    /// Keyword of JSON Schema or OpenAPI that it breaks; `unknown` for what is not declared, `repeated` for what came
    /// more than once.
    pub keyword: String,
}

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A path parameter.
    Path,
    /// The query.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
    /// The body.
    Body,
}

impl Difference {
    pub(crate) fn new(part: Part, pointer: impl Into<String>, keyword: impl Into<String>) -> Self {
        let mut pointer = pointer.into();
        if pointer.len() > MAX_POINTER {
            let end = (0..=MAX_POINTER).rev().find(|at| pointer.is_char_boundary(*at)).unwrap_or(0);
            pointer.truncate(end);
        }
        Self { part, pointer, keyword: keyword.into() }
    }
}
