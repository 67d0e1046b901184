//! Answers: which are documented, and what of them is passed on.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    NotJson,
    declared::Declared,
    difference::{Difference, MAX_DIFFERENCES, Part},
    media::{BOUNDS, Content, Media},
    pointer::{follow, join},
    problem::Problems,
    schema::Translator,
};

/// The answers of an operation.
#[derive(Debug, Default)]
pub(crate) struct Responses {
    /// Whether they were compiled; else any answer passes.
    judged: bool,
    answers: Vec<(Status, Answer)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Exact(u16),
    /// `4XX`.
    Class(u16),
    Default,
}

#[derive(Debug)]
struct Answer {
    media: Media,
    declared: Vec<(String, Arc<Declared>)>,
}

/// What is to be done with an answer.
#[derive(Debug, Clone)]
pub enum AnswerRule {
    /// Nothing: it has no body, or it may be anything.
    Pass,
    /// The document has no such status for the operation.
    Undocumented,
    /// The document has the status, but not with this media type.
    MediaType,
    /// It is read whole, and judged.
    Judge(JudgedAnswer),
}

/// An answer's schema, which outlives its document where it is still judged by.
#[derive(Debug, Clone)]
pub struct JudgedAnswer {
    content: Arc<Content>,
    declared: Option<Arc<Declared>>,
}

/// An answer, reduced to what is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered {
    /// The new body; `None` if nothing had to go.
    pub body: Option<Vec<u8>>,
    /// Members that went.
    pub removed: usize,
    /// What differs all the same.
    pub differences: Vec<Difference>,
}

impl Filtered {
    /// Nothing had to go.
    pub fn unchanged(differences: Vec<Difference>) -> Self {
        Self { body: None, removed: 0, differences }
    }
}

impl Responses {
    /// A `responses` object.
    pub(crate) fn compile(
        translator: &mut Translator<'_>,
        problems: &mut Problems,
        pointer: &str,
        value: &Value,
        opaque: &[String],
    ) -> Self {
        let mut answers = Vec::new();
        for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| !name.starts_with("x-")) {
            let place = join(pointer, name);
            let Some(status) = Status::parse(name) else {
                let help = "Write a status such as \"200\", a class such as \"4XX\", or `default`.";
                problems.invalid(&place, format!("`{name}` is no status"), help);
                continue;
            };
            let (place, value) = match follow(translator.document, &place, value) {
                Ok(found) => found,
                Err((place, message)) => {
                    problems.invalid(&place, message, "Name a response of this document.");
                    continue;
                }
            };
            let content = value.get("content").unwrap_or(&Value::Null);
            let media = Media::compile(translator, problems, &join(&place, "content"), content, opaque);
            let pointers = media.contents().filter_map(|content| match content {
                Content::Json { pointer, .. } => Some(pointer.clone()),
                Content::Form { .. } | Content::Opaque => None,
            });
            let declared =
                pointers.map(|at| (at.clone(), Arc::new(Declared::compile(translator.document, &at)))).collect();
            answers.push((status, Answer { media, declared }));
        }
        Self { judged: true, answers }
    }

    pub(crate) fn rule(&self, status: u16, content_type: Option<&str>, has_body: bool) -> AnswerRule {
        if !self.judged {
            return AnswerRule::Pass;
        }
        let of = |wanted: Status| self.answers.iter().find(|(known, _)| *known == wanted).map(|(_, answer)| answer);
        let answer =
            of(Status::Exact(status)).or_else(|| of(Status::Class(status / 100))).or_else(|| of(Status::Default));
        let Some(answer) = answer else { return AnswerRule::Undocumented };
        if !has_body {
            return AnswerRule::Pass;
        }
        if answer.media.is_empty() {
            return AnswerRule::MediaType;
        }
        let Some(content) = content_type.and_then(|kind| answer.media.of(kind)) else { return AnswerRule::MediaType };
        match **content {
            Content::Opaque => AnswerRule::Pass,
            Content::Json { .. } | Content::Form { .. } => {
                let declared = answer.declared_of(content).cloned();
                AnswerRule::Judge(JudgedAnswer { content: Arc::clone(content), declared })
            }
        }
    }
}

impl Answer {
    fn declared_of(&self, content: &Content) -> Option<&Arc<Declared>> {
        let Content::Json { pointer, .. } = content else { return None };
        self.declared.iter().find(|(known, _)| known == pointer).map(|(_, declared)| declared)
    }
}

impl Status {
    fn parse(text: &str) -> Option<Self> {
        if text == "default" {
            return Some(Self::Default);
        }
        let bytes = text.as_bytes();
        match bytes {
            [class @ b'1'..=b'5', b'X' | b'x', b'X' | b'x'] => Some(Self::Class(u16::from(class - b'0'))),
            [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => text.parse().ok().map(Self::Exact),
            _ => None,
        }
    }
}

impl JudgedAnswer {
    /// Judges a whole answer; an empty list is a yes.
    ///
    /// # Errors
    /// It is not JSON with one meaning.
    pub fn judge(&self, body: &[u8]) -> Result<Vec<Difference>, NotJson> {
        let mut found = Vec::new();
        self.content.judge(body, &mut found)?;
        found.truncate(MAX_DIFFERENCES);
        Ok(found)
    }

    /// Removes the members that the schema does not declare, then judges the rest.
    ///
    /// # Errors
    /// It is not JSON with one meaning.
    pub fn filter(&self, body: &[u8]) -> Result<Filtered, NotJson> {
        let (Content::Json { schema, .. }, Some(declared)) = (&*self.content, &self.declared) else {
            return Ok(Filtered::unchanged(self.judge(body)?));
        };
        let mut tree = strict_json::read(body, BOUNDS)?;
        let removed = declared.reduce(&mut tree);
        let mut differences = Vec::new();
        schema.differences(&tree, Part::Body, "", &mut differences);
        differences.truncate(MAX_DIFFERENCES);
        let body = if removed == 0 { None } else { Some(serde_json::to_vec(&tree).map_err(|_| NotJson::Malformed)?) };
        Ok(Filtered { body, removed, differences })
    }
}
