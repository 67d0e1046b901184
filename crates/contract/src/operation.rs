//! An operation: what one method on one path takes and answers.

use std::sync::Arc;

use http::{HeaderMap, Method, header};

use crate::{
    NotJson,
    difference::{Difference, MAX_DIFFERENCES, Part},
    media::{Content, Media},
    parameter::{self, Parameter},
    response::Responses,
    sunset::Sunset,
    template::Template,
};

/// What one method on one path takes and answers.
#[derive(Debug)]
pub struct Operation {
    /// `operationId`.
    pub id: Option<String>,
    /// Its method.
    pub method: Method,
    /// Its whole path, with that of the server.
    pub template: Template,
    /// Where it stands in the document, as a JSON pointer.
    pub pointer: String,
    /// Whether the document advises against it.
    pub deprecated: bool,
    /// When it ends (`x-sunset`).
    pub sunset: Option<Sunset>,
    /// What its `security` asks for.
    pub security: Security,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<RequestBody>,
    pub(crate) responses: Responses,
    pub(crate) unknown_query: bool,
}

/// What `security` says of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// A credential with all of these scopes; none if the document says nothing.
    Scopes(Vec<String>),
    /// One of several, with different scopes.
    Alternatives,
    /// Anyone.
    Anonymous,
}

#[derive(Debug)]
pub(crate) struct RequestBody {
    pub(crate) required: bool,
    pub(crate) media: Media,
}

/// What is to be done with the body of a request.
#[derive(Debug, Clone)]
pub enum BodyRule {
    /// There is none, or it may be anything.
    Pass,
    /// It is read whole, and judged.
    Judge(JudgedBody),
}

/// A body's schema, which outlives its document where it is still judged by.
#[derive(Debug, Clone)]
pub struct JudgedBody(Arc<Content>);

/// Why the head of a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadRefused {
    /// Path, query, fields or cookies differ, or a body is missing or not expected.
    Differs(Vec<Difference>),
    /// The body's media type is not taken.
    MediaType,
}

impl Operation {
    /// `GET /orders/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.template.text)
    }

    /// Judges all of a request but its body; `values` are the path's parameters, still encoded.
    ///
    /// # Errors
    /// What differs, or that the media type is not taken.
    pub fn judge_head(
        &self,
        values: &[&str],
        query: Option<&str>,
        headers: &HeaderMap,
        has_body: bool,
    ) -> Result<BodyRule, HeadRefused> {
        let mut found = Vec::new();
        let path: Vec<(&str, &str)> = self.template.parameters().zip(values.iter().copied()).collect();
        parameter::judge(&self.parameters, &path, query, headers, self.unknown_query, &mut found);
        match (&self.body, has_body) {
            (Some(body), false) if body.required => found.push(Difference::new(Part::Body, "", "required")),
            (None, true) => found.push(Difference::new(Part::Body, "", "unknown")),
            (Some(body), true) if found.is_empty() => {
                let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
                let Some(content) = content_type.and_then(|kind| body.media.of(kind)) else {
                    return Err(HeadRefused::MediaType);
                };
                return Ok(match **content {
                    Content::Opaque => BodyRule::Pass,
                    Content::Json { .. } | Content::Form { .. } => BodyRule::Judge(JudgedBody(Arc::clone(content))),
                });
            }
            // Without a body there is nothing to judge; with another difference it does not come to that.
            (Some(_), _) | (None, false) => {}
        }
        if found.is_empty() {
            return Ok(BodyRule::Pass);
        }
        found.truncate(MAX_DIFFERENCES);
        Err(HeadRefused::Differs(found))
    }

    /// What of an answer is judged.
    pub fn answer(&self, status: u16, content_type: Option<&str>, has_body: bool) -> crate::AnswerRule {
        self.responses.rule(status, content_type, has_body)
    }

    /// Whether any body of a request is judged.
    pub fn judges_bodies(&self) -> bool {
        let contents = self.body.iter().flat_map(|body| body.media.contents());
        contents.into_iter().any(|content| !matches!(content, Content::Opaque))
    }
}

impl JudgedBody {
    /// Judges a whole body; an empty list is a yes.
    ///
    /// # Errors
    /// It is not JSON with one meaning.
    pub fn judge(&self, body: &[u8]) -> Result<Vec<Difference>, NotJson> {
        let mut found = Vec::new();
        self.0.judge(body, &mut found)?;
        found.truncate(MAX_DIFFERENCES);
        Ok(found)
    }
}
