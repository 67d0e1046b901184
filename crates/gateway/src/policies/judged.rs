//! What policies made of a request, for its log line and for those who ask why.

use std::sync::Arc;

use policy::{Decision, Kept};

/// A decision and what is kept of its question.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) decision: Arc<Decision>,
    /// What was asked, of a denial.
    pub(crate) question: Option<Box<Kept>>,
    /// What a candidate would have decided otherwise.
    pub(crate) shadow: Option<Arc<Decision>>,
}

/// Where a decision is noted.
pub(crate) type Note = Option<Box<Judged>>;

impl Judged {
    /// Notes what was decided, and what was asked if that needs to be explained.
    pub(super) fn note(note: &mut Note, decision: &Arc<Decision>, question: Option<Box<Kept>>) {
        let shadow = note.take().and_then(|judged| judged.shadow);
        *note = Some(Box::new(Self { decision: Arc::clone(decision), question, shadow }));
    }

    /// Notes a candidate's decision that differs from the one that counts.
    pub(super) fn note_shadow(note: &mut Note, decision: &Arc<Decision>, candidate: Arc<Decision>) {
        let decision = Arc::clone(decision);
        *note = Some(Box::new(Self { decision, question: None, shadow: Some(candidate) }));
    }

    /// The candidate's decision in words.
    pub(crate) fn shadow_text(&self) -> Option<String> {
        let candidate = self.shadow.as_ref()?;
        let ids: Vec<&str> = candidate.ids().collect();
        let grounds = if ids.is_empty() { "default".to_owned() } else { ids.join(", ") };
        Some(format!("{} by {grounds}", candidate.verdict))
    }
}
