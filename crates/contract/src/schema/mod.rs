//! Schemas: translated once, then judged yes or no.

mod formats;
mod keywords;
mod node;
mod parts;
mod translate;
mod types;

use std::{fmt, sync::LazyLock};

use jsonschema::{
    Draft, Keyword, PatternOptions, Regex, ValidationError, Validator, error::ValidationErrorKind, json::Json,
};
use serde_json::Value;
use strict_json::Tree;

pub(crate) use translate::{Direction, Language, Translator};
pub(crate) use types::{Types, types_of};

use crate::{
    difference::{Difference, MAX_DIFFERENCES, Part},
    problem::Problems,
};
use node::Strict;

/// Bytes of a compiled pattern; a document could otherwise ask for any amount.
const PATTERN_BYTES: usize = 1 << 20;

/// Values up to which differences are looked for one by one. Past it, looking could cost more than the request is worth.
const DETAILED_VALUES: usize = 2_000;

/// A compiled schema.
pub(crate) struct Schema(Validator<Strict>);

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

impl Schema {
    /// Compiles the schema at a pointer; problems are reported at their places in the document.
    pub(crate) fn compile(
        translator: &mut Translator<'_>,
        problems: &mut Problems,
        pointer: &str,
        closed: bool,
    ) -> Option<Self> {
        let before = problems.0.len();
        let translated = translator.root(problems, pointer, closed);
        if problems.0.len() > before {
            return None;
        }
        let built = options().build(&translated.schema);
        if let Err(error) = &built {
            let place = translated.origin(error.instance_path().as_str());
            problems.invalid(
                &place,
                format!("the schema is not valid: {}", error.masked()),
                "See JSON Schema 2020-12.",
            );
        }
        built.ok().map(Self)
    }

    /// Whether a value is as the schema says. The common path.
    pub(crate) fn admits(&self, value: &Tree<'_>) -> bool {
        self.0.is_valid(value)
    }

    /// Where it is not; nothing if it is.
    pub(crate) fn differences(&self, value: &Tree<'_>, part: Part, below: &str, found: &mut Vec<Difference>) {
        if self.admits(value) {
            return;
        }
        if count(value) > DETAILED_VALUES {
            found.push(Difference::new(part, below, "schema"));
            return;
        }
        // Where a part of a composition differs, its members count as declared by nobody. That is no news.
        let (closing, others): (Vec<_>, Vec<_>) = self
            .0
            .iter_errors(value)
            .partition(|error| matches!(error.kind(), ValidationErrorKind::UnevaluatedProperties { .. }));
        let told = if others.is_empty() { closing } else { others };
        for error in told {
            if found.len() >= MAX_DIFFERENCES {
                return;
            }
            describe(&error, part, below, found);
        }
    }
}

fn describe(error: &ValidationError<'_>, part: Part, below: &str, found: &mut Vec<Difference>) {
    let place = format!("{below}{}", error.instance_path());
    let kind = error.kind();
    match kind {
        // A member is named, not the object that holds it.
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            for name in unexpected.iter().take(MAX_DIFFERENCES - found.len().min(MAX_DIFFERENCES)) {
                let pointer = crate::pointer::join(&place, name);
                found.push(Difference::new(part, pointer, "additionalProperties"));
            }
        }
        ValidationErrorKind::Required { property } => {
            let pointer = crate::pointer::join(&place, property.as_str().unwrap_or_default());
            found.push(Difference::new(part, pointer, "required"));
        }
        _ => found.push(Difference::new(part, place, kind.keyword())),
    }
}

fn count(value: &Tree<'_>) -> usize {
    1 + match value {
        Tree::Null | Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) => 0,
        Tree::List(items) => items.iter().map(count).sum(),
        Tree::Object(members) => members.iter().map(|(_, value)| count(value)).sum(),
    }
}

type Options = jsonschema::ValidationOptions<'static, std::sync::Arc<dyn jsonschema::Retrieve>, Strict>;

/// What every schema is compiled with: 2020-12, formats checked, patterns in linear time, nothing fetched.
fn options() -> &'static Options {
    static OPTIONS: LazyLock<Options> = LazyLock::new(|| {
        jsonschema::options_for::<Strict>()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_pattern_options(linear())
            .with_format("byte", formats::is_base64)
            .with_format("base64url", formats::is_base64url)
            .with_format("char", formats::is_char)
            .with_keyword("readOnly", |_, _, _| Ok(Box::new(Never("readOnly"))))
            .with_keyword("writeOnly", |_, _, _| Ok(Box::new(Never("writeOnly"))))
    });
    &OPTIONS
}

fn linear() -> PatternOptions<Regex> {
    PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES)
}

/// Whether a pattern runs in linear time.
pub(crate) fn is_linear_pattern(pattern: &str) -> bool {
    options().build(&serde_json::json!({ "pattern": pattern })).is_ok()
}

/// Admits no value: a member that is not to be sent in this direction.
struct Never(&'static str);

impl<'i, F: Json> Keyword<'i, F> for Never {
    fn validate(&self, _: F::Node<'i>) -> Result<(), ValidationError<'i>> {
        Err(ValidationError::custom(self.0))
    }

    fn is_valid(&self, _: F::Node<'i>) -> bool {
        false
    }
}

/// A schema that was translated, and where its parts come from.
pub(crate) struct Translated {
    pub(crate) schema: Value,
    /// Pointer of the schema in the document.
    pub(crate) root: String,
    /// Pointers of the definitions in the document, by their names.
    pub(crate) definitions: Vec<(String, String)>,
}

impl Translated {
    /// Where a place of the translation stands in the document.
    fn origin(&self, place: &str) -> String {
        let Some(rest) = place.strip_prefix("/$defs/") else { return format!("{}{place}", self.root) };
        let (name, below) =
            rest.split_once('/').map_or((rest, String::new()), |(name, rest)| (name, format!("/{rest}")));
        let origin = self.definitions.iter().find(|(known, _)| known == name).map_or(&self.root, |(_, origin)| origin);
        format!("{origin}{below}")
    }
}
