//! Media types, and what bodies of them can be.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use serde_json::Value;
use strict_json::{Bounds, NotJson, Tree};

use crate::{
    difference::{Difference, Part},
    form,
    parameter::members,
    pointer::{follow, join},
    problem::Problems,
    schema::{Schema, Translator, Types, types_of},
};

/// How much JSON is read of a message (limits: JSON depth). A value takes about 50 bytes while it is judged.
pub(crate) const BOUNDS: Bounds = Bounds { depth: 32, values: 100_000 };

/// Media types of a body, the most specific first.
#[derive(Debug, Default)]
pub(crate) struct Media(Vec<(Range, Arc<Content>)>);

/// `type/subtype`, `type/*` or `*/*`; lower case.
#[derive(Debug)]
struct Range {
    kind: String,
    subtype: String,
}

/// How bodies of a media type are judged.
#[derive(Debug)]
pub(crate) enum Content {
    /// As JSON, by a schema.
    Json { schema: Schema, pointer: String },
    /// As a form, by a schema.
    Form { schema: Schema, types: BTreeMap<String, Types> },
    /// Not at all: bytes, or text that may be any.
    Opaque,
}

impl Media {
    /// A `content` object; `opaque` names media types that are passed unseen.
    pub(crate) fn compile(
        translator: &mut Translator<'_>,
        problems: &mut Problems,
        pointer: &str,
        content: &Value,
        opaque: &[String],
    ) -> Self {
        let mut media = Vec::new();
        for (name, value) in content.as_object().into_iter().flatten() {
            let place = join(pointer, name);
            let Some(range) = Range::parse(name) else {
                problems.invalid(&place, format!("`{name}` is no media type"), "Write such as `application/json`.");
                continue;
            };
            if let Some(content) = Content::compile(translator, problems, &place, value, &range, opaque) {
                media.push((range, Arc::new(content)));
            }
        }
        media.sort_by_key(|(range, _)| (range.kind == "*", range.subtype == "*"));
        Self(media)
    }

    /// How a body of this Content-Type is judged; nothing if it is not taken.
    pub(crate) fn of(&self, content_type: &str) -> Option<&Arc<Content>> {
        let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        let (kind, subtype) = essence.trim().split_once('/')?;
        let content = self.0.iter().find(|(range, _)| range.takes(kind, subtype)).map(|(_, content)| content)?;
        let foreign = matches!(**content, Content::Json { .. } | Content::Form { .. }) && !is_utf8(parameters);
        (!foreign).then_some(content)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contents(&self) -> impl Iterator<Item = &Content> {
        self.0.iter().map(|(_, content)| &**content)
    }
}

/// Text in another charset would be judged as something else than it is read.
fn is_utf8(parameters: &str) -> bool {
    parameters.split(';').map(str::trim).all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    })
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let essence = text.split(';').next()?.trim().to_ascii_lowercase();
        let (kind, subtype) = essence.split_once('/')?;
        let is_token = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
        let valid = is_token(kind) && is_token(subtype) && (kind != "*" || subtype == "*");
        valid.then(|| Self { kind: kind.to_owned(), subtype: subtype.to_owned() })
    }

    fn takes(&self, kind: &str, subtype: &str) -> bool {
        (self.kind == "*" || self.kind.eq_ignore_ascii_case(kind))
            && (self.subtype == "*" || self.subtype.eq_ignore_ascii_case(subtype))
    }

    fn is_json(&self) -> bool {
        self.subtype == "json" || self.subtype.ends_with("+json")
    }
}

impl Content {
    fn compile(
        translator: &mut Translator<'_>,
        problems: &mut Problems,
        place: &str,
        value: &Value,
        range: &Range,
        opaque: &[String],
    ) -> Option<Self> {
        let name = format!("{}/{}", range.kind, range.subtype);
        if opaque.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            return Some(Self::Opaque);
        }
        let pointer = join(place, "schema");
        let Some(schema) = value.get("schema") else { return Some(Self::Opaque) };
        if range.is_json() {
            let schema = Schema::compile(translator, problems, &pointer, true)?;
            return Some(Self::Json { schema, pointer });
        }
        if name == "application/x-www-form-urlencoded" {
            if value.get("encoding").is_some() {
                problems.unsupported(place, "`encoding` of a form is not supported", "Use plain names and values.");
                return None;
            }
            let (_, target) = follow(translator.document, &pointer, schema).ok()?;
            let types = members(translator.document, target);
            let schema = Schema::compile(translator, problems, &pointer, true)?;
            return Some(Self::Form { schema, types });
        }
        if says_nothing(translator.document, schema) {
            return Some(Self::Opaque);
        }
        let help = format!("Remove the schema, or pass such bodies unseen with `contract.opaque: [\"{name}\"]`.");
        problems.unsupported(&pointer, format!("bodies of `{name}` cannot be judged by a schema"), help);
        None
    }

    /// Judges a body: nothing found is as it should be.
    pub(crate) fn judge(&self, body: &[u8], found: &mut Vec<Difference>) -> Result<(), NotJson> {
        match self {
            Self::Opaque => {}
            Self::Json { schema, .. } => schema.differences(&strict_json::read(body, BOUNDS)?, Part::Body, "", found),
            Self::Form { schema, types } => match form_tree(body, types) {
                Ok(tree) => schema.differences(&tree, Part::Body, "", found),
                Err(difference) => found.push(difference),
            },
        }
        Ok(())
    }
}

fn form_tree<'b>(body: &'b [u8], types: &BTreeMap<String, Types>) -> Result<Tree<'b>, Difference> {
    let badly = || Difference::new(Part::Body, "", "encoding");
    let text = str::from_utf8(body).map_err(|_| badly())?;
    let mut members: Vec<(Cow<'b, str>, Tree<'b>)> = Vec::new();
    for (name, value) in form::pairs(text).take(BOUNDS.values) {
        let (name, value) = (form::decode(name).ok_or_else(badly)?, form::decode(value).ok_or_else(badly)?);
        let kind = types.get(name.as_ref()).copied().unwrap_or_default();
        let known = members.iter_mut().find(|(known, _)| *known == name);
        match known {
            Some((_, Tree::List(items))) if kind.has(Types::LIST) => items.push(form::typed(value, kind)),
            Some(_) => return Err(Difference::new(Part::Body, join("", &name), "repeated")),
            None if kind.has(Types::LIST) => members.push((name, Tree::List(vec![form::typed(value, kind)]))),
            None => members.push((name, form::typed(value, kind))),
        }
        if members.len() > MAX_FORM_MEMBERS {
            return Err(Difference::new(Part::Body, "", "maxProperties"));
        }
    }
    Ok(Tree::Object(members))
}

/// Names are compared one by one.
const MAX_FORM_MEMBERS: usize = 256;

/// A schema that any bytes fulfil.
fn says_nothing(document: &Value, schema: &Value) -> bool {
    let harmless = [
        "type",
        "format",
        "description",
        "title",
        "example",
        "examples",
        "default",
        "contentMediaType",
        "contentEncoding",
        "nullable",
        "deprecated",
    ];
    let keys = schema.as_object().into_iter().flat_map(|map| map.keys());
    types_of(document, schema).has(Types::TEXT)
        && keys.into_iter().all(|key| harmless.contains(&key.as_str()) || key.starts_with("x-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(names: &[&str]) -> Media {
        let opaque = Arc::new(Content::Opaque);
        let mut media: Vec<_> =
            names.iter().filter_map(|name| Some((Range::parse(name)?, Arc::clone(&opaque)))).collect();
        media.sort_by_key(|(range, _)| (range.kind == "*", range.subtype == "*"));
        Media(media)
    }

    #[test]
    fn ranges_take_what_they_name() {
        let media = media(&["*/*", "text/*", "application/json"]);
        assert!(media.of("Application/JSON; charset=utf-8").is_some());
        assert!(media.of("text/csv").is_some());
        assert!(media.of("nonsense").is_none());
        assert!(super::tests::media(&["application/json"]).of("text/json").is_none());
    }

    #[test]
    fn other_charsets_are_told_apart() {
        assert!(is_utf8("") && is_utf8(" charset=UTF-8") && is_utf8("charset=\"utf-8\"; boundary=x"));
        assert!(!is_utf8("charset=utf-16") && !is_utf8("x=1; Charset=latin1"));
    }
}
