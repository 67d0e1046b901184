//! What an API's OpenAPI document asks for.

use std::{path::PathBuf, sync::Arc};

/// An OpenAPI document, compiled, and how strictly it is held to.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The document.
    pub document: Arc<contract::Contract>,
    /// The file it stands in.
    pub path: PathBuf,
    /// For requests that have no operation in it.
    pub mode: ContractMode,
    /// For each operation, in the order of the document.
    pub modes: Vec<ContractMode>,
    /// What becomes of answers that are not as documented.
    pub responses: ResponseMode,
    /// Whether objects with declared members take no others.
    pub strict_objects: bool,
    /// Whether query parameters that are not declared are refused.
    pub strict_query: bool,
    /// Tells one text of the document from another.
    pub digest: u64,
    /// Whether bodies may come compressed by gzip; they are judged as they are without it.
    pub gzip: bool,
}

/// How strictly requests are held to a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContractMode {
    /// What differs is refused.
    Enforce,
    /// What differs is logged.
    Monitor,
    /// Nothing is judged, for the operator's stated reason.
    Off {
        /// The operator's words.
        reason: String,
    },
}

/// What becomes of answers that are not as documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    /// They are not looked at.
    Off,
    /// They are logged.
    Monitor,
    /// They are not passed on.
    Enforce,
    /// Members that are not declared are removed; what differs otherwise is not passed on.
    Filter,
}
