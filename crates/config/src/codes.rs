//! Every code that Portcullis can show, documented once: problem+json, `portcullis explain` and `docs/codes.md` all read
//! this catalogue.

pub mod contracts;
pub mod diagnostics;
pub mod identity;
pub mod policies;
pub mod refusals;
pub mod warnings;

/// What a code means.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// `PC-0101`. Stable for ever; never used again for something else.
    pub id: &'static str,
    /// Status of the answer, for codes that callers see.
    pub status: Option<u16>,
    /// A few words. The `title` of problem+json.
    pub title: &'static str,
    /// One sentence for the caller: what to change. The `detail` of problem+json.
    pub caller: &'static str,
    /// One or two sentences for the operator: what happened and where to look.
    pub operator: &'static str,
}

/// The entry of a code, written `PC-0101` in any case.
pub fn find(id: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.id.eq_ignore_ascii_case(id))
}

/// All entries: refusals, diagnostics, those of contracts and policies, warnings, and those of identity, each in order.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    let files = [diagnostics::ALL, contracts::ALL, policies::ALL, warnings::ALL, identity::ALL];
    refusals::ALL.iter().chain(files.into_iter().flatten()).copied()
}
