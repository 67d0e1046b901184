//! Parameters: compiled from a document, judged one by one.

use std::{borrow::Cow, collections::BTreeMap};

use http::{HeaderMap, HeaderName, header};
use serde_json::Value;
use strict_json::Tree;

use crate::{
    difference::{Difference, Part},
    form::{decode, pairs, typed},
    media::BOUNDS,
    pointer::{follow, join, percent_decode},
    problem::Problems,
    schema::{Schema, Translator, Types, types_of},
};

/// A declared parameter.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) part: Part,
    pub(crate) name: String,
    required: bool,
    may_be_empty: bool,
    shape: Shape,
    schema: Schema,
}

/// How its text becomes a value.
#[derive(Debug)]
enum Shape {
    One(Types),
    /// Items between separators; queries may also repeat the name.
    List {
        items: Types,
        separator: Option<char>,
    },
    /// `name[member]=value` in queries.
    Deep(BTreeMap<String, Types>),
    /// The text is JSON.
    Json,
}

/// Fields that OpenAPI leaves to other parts of a document (3.1.0 §4.8.12.2.1).
const ELSEWHERE: [&str; 3] = ["accept", "content-type", "authorization"];

impl Parameter {
    /// A parameter object; nothing if it is reported, or one that is declared elsewhere.
    pub(crate) fn compile(
        translator: &mut Translator<'_>,
        problems: &mut Problems,
        pointer: &str,
        value: &Value,
    ) -> Option<Self> {
        let name = value.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let part = match value.get("in").and_then(Value::as_str) {
            Some("path") => Some(Part::Path),
            Some("query") => Some(Part::Query),
            Some("header") => Some(Part::Header),
            Some("cookie") => Some(Part::Cookie),
            _ => None,
        };
        let (Some(name), Some(part)) = (name, part) else {
            let help = "Give it a `name`, and `in: path`, `query`, `header` or `cookie`.";
            problems.invalid(pointer, "this is not a parameter", help);
            return None;
        };
        if part == Part::Header && ELSEWHERE.contains(&name.to_ascii_lowercase().as_str()) {
            return None;
        }
        if part == Part::Header && HeaderName::try_from(name).is_err() {
            problems.invalid(&join(pointer, "name"), format!("`{name}` is no header field"), "See RFC 9110 §5.1.");
            return None;
        }
        let required = value.get("required") == Some(&Value::Bool(true));
        if part == Part::Path && !required {
            problems.invalid(
                pointer,
                format!("the path parameter `{name}` is not required"),
                "Write `required: true`.",
            );
        }
        known_keys(problems, pointer, value);
        let (shape, schema) = shape(translator, problems, pointer, value, part)?;
        let schema = Schema::compile(translator, problems, &schema, true)?;
        let may_be_empty = value.get("allowEmptyValue") == Some(&Value::Bool(true));
        Some(Self { part, name: name.to_owned(), required, may_be_empty, shape, schema })
    }

    fn differs(&self, keyword: &str) -> Difference {
        Difference::new(self.part, join("", &self.name), keyword)
    }

    /// Judges the texts that came under its name.
    fn judge(&self, texts: &[Cow<'_, str>], found: &mut Vec<Difference>) {
        let [first, rest @ ..] = texts else {
            if self.required {
                found.push(self.differs("required"));
            }
            return;
        };
        if self.may_be_empty && rest.is_empty() && first.is_empty() {
            return;
        }
        let pointer = join("", &self.name);
        let value = match &self.shape {
            // Some read the first of two, some the last.
            Shape::One(_) | Shape::Json if !rest.is_empty() => return found.push(self.differs("repeated")),
            Shape::One(types) => typed(Cow::Borrowed(first), *types),
            Shape::List { items, separator: None } => {
                Tree::List(texts.iter().map(|text| typed(Cow::Borrowed(text), *items)).collect())
            }
            Shape::List { .. } if !rest.is_empty() => return found.push(self.differs("repeated")),
            Shape::List { items, separator: Some(separator) } => {
                let parts = first.split(*separator).filter(|_| !first.is_empty());
                Tree::List(parts.map(|text| typed(Cow::Borrowed(text), *items)).collect())
            }
            Shape::Json => match strict_json::read(first.as_bytes(), BOUNDS) {
                Ok(value) => value,
                Err(_) => return found.push(self.differs("json")),
            },
            // Collected by `judge_deep`.
            Shape::Deep(_) => return,
        };
        self.schema.differences(&value, self.part, &pointer, found);
    }

    fn judge_deep(
        &self,
        members: Vec<(Cow<'_, str>, Cow<'_, str>)>,
        types: &BTreeMap<String, Types>,
        found: &mut Vec<Difference>,
    ) {
        if members.is_empty() {
            if self.required {
                found.push(self.differs("required"));
            }
            return;
        }
        let mut object: Vec<(Cow<'_, str>, Tree<'_>)> = Vec::new();
        for (member, text) in members {
            if object.iter().any(|(known, _)| *known == member) {
                return found.push(self.differs("repeated"));
            }
            let kind = types.get(member.as_ref()).copied().unwrap_or_default();
            object.push((member, typed(text, kind)));
        }
        self.schema.differences(&Tree::Object(object), self.part, &join("", &self.name), found);
    }
}

/// How a value is written, and the place of its schema.
fn shape(
    translator: &Translator<'_>,
    problems: &mut Problems,
    pointer: &str,
    value: &Value,
    part: Part,
) -> Option<(Shape, String)> {
    if let Some(content) = value.get("content").and_then(Value::as_object) {
        let media = content.get("application/json").filter(|media| content.len() == 1 && media.get("schema").is_some());
        if media.is_none() {
            let help = "Use `application/json`, or a `schema`.";
            problems.unsupported(pointer, "a parameter's content can only be JSON", help);
        }
        let place = join(&join(pointer, "content"), "application/json");
        return media.map(|_| (Shape::Json, join(&place, "schema")));
    }
    let place = join(pointer, "schema");
    let Some(schema) = value.get("schema") else {
        problems.invalid(pointer, "the parameter has no schema", "Add `schema: { type: … }`.");
        return None;
    };
    let usual = if matches!(part, Part::Query | Part::Cookie) { "form" } else { "simple" };
    let style = value.get("style").and_then(Value::as_str).unwrap_or(usual);
    let explode = value.get("explode").and_then(Value::as_bool).unwrap_or(style == "form");
    let types = types_of(translator.document, schema);
    let shape = styled(translator.document, schema, part, (style, style == usual, explode), types);
    if shape.is_none() {
        let kind = if types.has(Types::OBJECT) { "an object" } else { "a list" };
        let kind = if types.has(Types::OBJECT) || types.has(Types::LIST) { kind } else { "a value" };
        let message = format!("{kind} in the style `{style}` (explode: {explode}) is not supported here");
        let help = "Supported: values; lists in queries (form, spaceDelimited, pipeDelimited), paths and fields (simple); \
                    objects in queries as deepObject; JSON by `content`.";
        problems.unsupported(pointer, message, help);
    }
    shape.map(|shape| (shape, place))
}

/// What a style gives for a value of these types; nothing if that cannot be read in one way.
fn styled(
    document: &Value,
    schema: &Value,
    part: Part,
    (style, is_usual, explode): (&str, bool, bool),
    types: Types,
) -> Option<Shape> {
    let target = follow(document, "", schema).map_or(schema, |(_, target)| target);
    let items = target.get("items").map_or(Types::default(), |items| types_of(document, items));
    let list = |separator| Some(Shape::List { items, separator });
    match (part, style, types.has(Types::LIST), types.has(Types::OBJECT)) {
        (_, "form" | "simple", false, false) if is_usual => Some(Shape::One(types)),
        (Part::Query, "form", true, false) => list(if explode { None } else { Some(',') }),
        (Part::Query, "spaceDelimited", true, false) if !explode => list(Some(' ')),
        (Part::Query, "pipeDelimited", true, false) if !explode => list(Some('|')),
        (Part::Query, "deepObject", false, true) => Some(Shape::Deep(members(document, target))),
        (Part::Path | Part::Header, "simple", true, false) => list(Some(',')),
        _ => None,
    }
}

/// Types of an object's members; of a list, those of its items.
pub(crate) fn members(document: &Value, schema: &Value) -> BTreeMap<String, Types> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let types = |schema: &Value| {
        let types = types_of(document, schema);
        let target = follow(document, "", schema).map_or(schema, |(_, target)| target);
        match target.get("items").filter(|_| types.has(Types::LIST)) {
            Some(items) => Types::LIST.join(types_of(document, items)),
            None => types,
        }
    };
    properties.map(|(name, schema)| (name.clone(), types(schema))).collect()
}

fn known_keys(problems: &mut Problems, pointer: &str, value: &Value) {
    const KNOWN: [&str; 13] = [
        "name",
        "in",
        "required",
        "schema",
        "content",
        "style",
        "explode",
        "allowEmptyValue",
        "allowReserved",
        "description",
        "deprecated",
        "example",
        "examples",
    ];
    for key in value.as_object().into_iter().flat_map(|map| map.keys()) {
        if !KNOWN.contains(&key.as_str()) && !key.starts_with("x-") {
            let help = format!("Known here: {}.", KNOWN.join(", "));
            problems.invalid(&join(pointer, key), format!("there is no key `{key}` in a parameter"), help);
        }
    }
}

/// Judges all parameters of a request. `segments` are those of the path's own parameters, still encoded.
pub(crate) fn judge(
    parameters: &[Parameter],
    path: &[(&str, &str)],
    query: Option<&str>,
    headers: &HeaderMap,
    unknown_allowed: bool,
    found: &mut Vec<Difference>,
) {
    let sent = Sent::read(query.unwrap_or_default(), parameters, unknown_allowed, found);
    for parameter in parameters {
        match parameter.part {
            Part::Path => {
                let text =
                    path.iter().find(|(name, _)| *name == parameter.name).and_then(|(_, text)| percent_decode(text));
                parameter.judge(text.map(Cow::Owned).as_slice(), found);
            }
            Part::Query => match &parameter.shape {
                Shape::Deep(types) => parameter.judge_deep(sent.members(&parameter.name), types, found),
                Shape::One(_) | Shape::List { .. } | Shape::Json => {
                    parameter.judge(&sent.values(&parameter.name), found);
                }
            },
            Part::Header => {
                let values = headers.get_all(&parameter.name).iter();
                let texts: Vec<Cow<'_, str>> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
                parameter.judge(&texts, found);
            }
            Part::Cookie => parameter.judge(&cookies(headers, &parameter.name), found),
            Part::Body => {}
        }
    }
}

fn cookies<'h>(headers: &'h HeaderMap, name: &str) -> Vec<Cow<'h, str>> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|field| field.to_str().ok());
    let pairs = fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(known, _)| *known == name).map(|(_, value)| Cow::Borrowed(value)).collect()
}

/// The query, decoded.
struct Sent<'q>(Vec<(Cow<'q, str>, Cow<'q, str>)>);

impl<'q> Sent<'q> {
    fn read(query: &'q str, parameters: &[Parameter], unknown_allowed: bool, found: &mut Vec<Difference>) -> Self {
        let mut sent = Vec::new();
        for (name, value) in pairs(query) {
            let (Some(name), Some(value)) = (decode(name), decode(value)) else {
                found.push(Difference::new(Part::Query, "", "encoding"));
                continue;
            };
            let is_known = |parameter: &&Parameter| {
                parameter.part == Part::Query
                    && match &parameter.shape {
                        Shape::Deep(_) => member_of(&name, &parameter.name).is_some(),
                        Shape::One(_) | Shape::List { .. } | Shape::Json => parameter.name == name,
                    }
            };
            if !unknown_allowed && !parameters.iter().any(|parameter| is_known(&parameter)) {
                found.push(Difference::new(Part::Query, join("", &name), "unknown"));
            }
            sent.push((name, value));
        }
        Self(sent)
    }

    fn values(&self, name: &str) -> Vec<Cow<'_, str>> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| Cow::Borrowed(value.as_ref())).collect()
    }

    fn members(&self, name: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let members = self.0.iter().filter_map(|(sent, value)| Some((member_of(sent, name)?, value)));
        members.map(|(member, value)| (Cow::Borrowed(member), Cow::Borrowed(value.as_ref()))).collect()
    }
}

/// `status` of `filter[status]`.
fn member_of<'s>(sent: &'s str, name: &str) -> Option<&'s str> {
    let member = sent.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?;
    (!member.contains(['[', ']'])).then_some(member)
}
