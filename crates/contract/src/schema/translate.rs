//! Schemas of OpenAPI 3.0 and 3.1 as JSON Schema 2020-12, with what OpenAPI adds to it.
//!
//! - `nullable` and the Boolean `exclusiveMinimum` of 3.0 become what 3.1 writes.
//! - `readOnly` members cannot be sent by callers, `writeOnly` ones not by upstreams; they are not required there either.
//! - With `strict_objects`, objects with declared members take no others unless their schema says so. Where a schema is
//!   composed (`allOf`, `$ref`, …), its parts are one object, so only the outermost schema is closed. For that, what a
//!   reference leads to is translated in two ways: open as a part of something, closed on its own.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{Translated, formats, is_linear_pattern};
use crate::{
    pointer::{follow, join, of_reference},
    problem::Problems,
};

/// Versions of the schema language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// OpenAPI 3.0: an extended subset of an early draft.
    OpenApi30,
    /// OpenAPI 3.1: JSON Schema 2020-12.
    OpenApi31,
}

/// Which way a value goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the caller: nothing that is `readOnly`.
    Request,
    /// To the caller: nothing that is `writeOnly`.
    Response,
}

impl Direction {
    fn hidden(self) -> &'static str {
        match self {
            Self::Request => "readOnly",
            Self::Response => "writeOnly",
        }
    }
}

/// Translates schemas of one document.
pub(crate) struct Translator<'d> {
    pub(crate) document: &'d Value,
    pub(crate) language: Language,
    pub(crate) direction: Direction,
    pub(crate) strict: bool,
    definitions: Vec<Definition>,
}

struct Definition {
    pointer: String,
    closed: bool,
    schema: Option<Value>,
}

/// Levels of composition that are looked through for declared members.
const MAX_LEVELS: usize = 32;

/// Definitions that one schema may reach.
const MAX_DEFINITIONS: usize = 2_000;

impl<'d> Translator<'d> {
    pub(crate) fn new(document: &'d Value, language: Language, direction: Direction, strict: bool) -> Self {
        Self { document, language, direction, strict, definitions: Vec::new() }
    }

    /// The schema at a pointer with everything that it refers to.
    pub(crate) fn root(&mut self, problems: &mut Problems, pointer: &str, closed: bool) -> Translated {
        self.definitions.clear();
        let mut schema = match self.document.pointer(pointer) {
            Some(value) => self.schema(problems, pointer, value, closed),
            None => Value::Bool(false),
        };
        while let Some(at) = self.definitions.iter().position(|definition| definition.schema.is_none()) {
            let Some(definition) = self.definitions.get(at) else { break };
            let (pointer, closed) = (definition.pointer.clone(), definition.closed);
            let value = self.document.pointer(&pointer).unwrap_or(&Value::Bool(false));
            let translated = self.schema(problems, &pointer, value, closed);
            if let Some(definition) = self.definitions.get_mut(at) {
                definition.schema = Some(translated);
            }
        }
        let mut definitions = Map::new();
        let mut origins = Vec::new();
        for (at, definition) in self.definitions.drain(..).enumerate() {
            definitions.insert(name(at), definition.schema.unwrap_or(Value::Bool(false)));
            origins.push((name(at), definition.pointer));
        }
        if let (Value::Object(map), false) = (&mut schema, definitions.is_empty()) {
            map.insert("$defs".into(), Value::Object(definitions));
        }
        Translated { schema, root: pointer.to_owned(), definitions: origins }
    }

    fn schema(&mut self, problems: &mut Problems, pointer: &str, value: &Value, closed: bool) -> Value {
        match value {
            Value::Bool(_) if self.language == Language::OpenApi31 => value.clone(),
            Value::Object(map) => self.object(problems, pointer, map, closed),
            _ => {
                problems.invalid(pointer, "this is not a schema", "Write a mapping, such as `{ type: string }`.");
                Value::Bool(false)
            }
        }
    }

    fn object(&mut self, problems: &mut Problems, pointer: &str, map: &Map<String, Value>, closed: bool) -> Value {
        if let (Language::OpenApi30, Some(reference)) = (self.language, map.get("$ref")) {
            return self.only_reference(problems, pointer, map, reference, closed);
        }
        let mut out = Map::new();
        for (key, value) in map {
            self.keyword(problems, &join(pointer, key), key, value, &mut out);
        }
        self.nullable(map, &mut out);
        bounds_of_30(self.language, map, &mut out);
        self.not_required_if_hidden(map, &mut out);
        number_format(map, &mut out);
        if closed && self.strict && self.declares_members(&Value::Object(map.clone()), MAX_LEVELS) {
            close(&mut out);
        }
        Value::Object(out)
    }

    /// In OpenAPI 3.0 nothing beside a `$ref` counts.
    fn only_reference(
        &mut self,
        problems: &mut Problems,
        pointer: &str,
        map: &Map<String, Value>,
        reference: &Value,
        closed: bool,
    ) -> Value {
        for key in map.keys().filter(|key| *key != "$ref" && !is_annotation(key)) {
            let message = format!("`{key}` beside `$ref` has no effect in OpenAPI 3.0");
            problems.invalid(&join(pointer, key), message, "Write `allOf: [{ $ref: … }]` and put it beside that.");
        }
        let closed = closed && self.strict && self.declares_members(&Value::Object(map.clone()), MAX_LEVELS);
        json!({ "$ref": self.reference(problems, &join(pointer, "$ref"), reference, closed) })
    }

    /// The new name of what a reference leads to; it is translated later.
    fn reference(&mut self, problems: &mut Problems, pointer: &str, reference: &Value, closed: bool) -> String {
        let target = match reference.as_str().map(of_reference) {
            Some(Ok(target)) if self.document.pointer(&target).is_some() => target,
            Some(Ok(target)) => {
                problems.invalid(pointer, format!("there is nothing at `#{target}`"), "Name a schema of this document.");
                return "#".into();
            }
            Some(Err(message)) => {
                let help = "Put the schema into this document: nothing is fetched, and no other file is read.";
                problems.unsupported(pointer, message, help);
                return "#".into();
            }
            None => {
                problems.invalid(pointer, "a `$ref` is text", "Write `$ref: \"#/components/schemas/NAME\"`.");
                return "#".into();
            }
        };
        let known = self.definitions.iter().position(|d| d.pointer == target && d.closed == closed);
        let at = known.unwrap_or_else(|| {
            self.definitions.push(Definition { pointer: target, closed, schema: None });
            self.definitions.len() - 1
        });
        if self.definitions.len() > MAX_DEFINITIONS {
            problems.unsupported(pointer, format!("a schema reaches more than {MAX_DEFINITIONS} others"), "Split it.");
            self.definitions.truncate(MAX_DEFINITIONS);
            return "#".into();
        }
        format!("#/$defs/{}", name(at))
    }

    fn keyword(&mut self, problems: &mut Problems, at: &str, key: &str, value: &Value, out: &mut Map<String, Value>) {
        let is_31 = self.language == Language::OpenApi31;
        match key {
            "type" | "enum" | "minimum" | "maximum" | "multipleOf" | "minLength" | "maxLength" | "minItems"
            | "maxItems" | "uniqueItems" | "minProperties" | "maxProperties" | "required" => {
                if key == "type" && !is_31 && !value.is_string() {
                    problems.invalid(at, "in OpenAPI 3.0 `type` is one word", "Write `nullable: true` beside it for null.");
                }
                out.insert(key.into(), value.clone());
            }
            "const" | "dependentRequired" | "minContains" | "maxContains" if is_31 => {
                out.insert(key.into(), value.clone());
            }
            // Numbers in 3.1; their Boolean form in 3.0 is translated together with the bound.
            "exclusiveMinimum" | "exclusiveMaximum" => {
                if is_31 {
                    out.insert(key.into(), value.clone());
                } else if !value.is_boolean() {
                    problems.invalid(at, format!("in OpenAPI 3.0 `{key}` is true or false"), "Write the bound as `minimum` or `maximum`.");
                }
            }
            "nullable" if !is_31 => {
                if !value.is_boolean() {
                    problems.invalid(at, "`nullable` is true or false", "Write `nullable: true`.");
                }
            }
            "pattern" => {
                linear(problems, at, value.as_str().unwrap_or_default());
                out.insert(key.into(), value.clone());
            }
            "format" => format(problems, at, value, out),
            "contentEncoding" if is_31 => match value.as_str() {
                Some("base64") => drop(out.insert("format".into(), json!("byte"))),
                Some("base64url") => drop(out.insert("format".into(), json!("base64url"))),
                _ => problems.unsupported(at, "this content encoding cannot be checked", "Use `base64`, `base64url` or a `pattern`."),
            },
            "readOnly" | "writeOnly" => {
                if key == self.direction.hidden() && value == &Value::Bool(true) {
                    out.insert(key.into(), Value::Bool(true));
                }
            }
            "$ref" if is_31 => {
                let name = self.reference(problems, at, value, false);
                out.insert(key.into(), Value::String(name));
            }
            "allOf" | "anyOf" | "oneOf" => self.list(problems, at, key, value, false, out),
            "prefixItems" if is_31 => self.list(problems, at, key, value, true, out),
            "not" => self.one(problems, at, key, value, false, out),
            "if" | "then" | "else" | "contains" | "propertyNames" if is_31 => {
                self.one(problems, at, key, value, false, out);
            }
            "additionalProperties" if value.is_boolean() => drop(out.insert(key.into(), value.clone())),
            "items" | "additionalProperties" => self.one(problems, at, key, value, true, out),
            "unevaluatedItems" | "unevaluatedProperties" if is_31 => self.one(problems, at, key, value, true, out),
            "properties" => self.named(problems, at, key, value, true, out),
            "patternProperties" if is_31 => {
                for pattern in value.as_object().into_iter().flat_map(Map::keys) {
                    linear(problems, &join(at, pattern), pattern);
                }
                self.named(problems, at, key, value, true, out);
            }
            "dependentSchemas" if is_31 => self.named(problems, at, key, value, false, out),
            "discriminator" => {}
            "$schema" if is_31 && value.as_str().is_some_and(is_2020_12) => {}
            "$schema" | "$id" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "$vocabulary" | "contentSchema"
                if is_31 =>
            {
                problems.unsupported(at, format!("`{key}` is not supported"), "Refer to schemas by `$ref: \"#/…\"`.");
            }
            "$defs" | "definitions" if is_31 => {}
            _ if is_annotation(key) => {}
            _ => unknown(problems, at, key, self.language),
        }
    }

    fn one(&mut self, problems: &mut Problems, at: &str, key: &str, value: &Value, closed: bool, out: &mut Map<String, Value>) {
        out.insert(key.into(), self.schema(problems, at, value, closed));
    }

    fn list(&mut self, problems: &mut Problems, at: &str, key: &str, value: &Value, closed: bool, out: &mut Map<String, Value>) {
        let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
            problems.invalid(at, format!("`{key}` is a list of schemas"), "Give at least one schema.");
            return;
        };
        let items = items.iter().enumerate();
        let items = items.map(|(n, item)| self.schema(problems, &join(at, &n.to_string()), item, closed)).collect();
        out.insert(key.into(), items);
    }

    fn named(&mut self, problems: &mut Problems, at: &str, key: &str, value: &Value, closed: bool, out: &mut Map<String, Value>) {
        let Some(members) = value.as_object() else {
            problems.invalid(at, format!("`{key}` is a mapping of names to schemas"), "Write `NAME: { type: … }`.");
            return;
        };
        let members = members.iter();
        let members =
            members.map(|(name, schema)| (name.clone(), self.schema(problems, &join(at, name), schema, closed))).collect();
        out.insert(key.into(), Value::Object(members));
    }

    fn nullable(&self, map: &Map<String, Value>, out: &mut Map<String, Value>) {
        if self.language == Language::OpenApi30
            && map.get("nullable") == Some(&Value::Bool(true))
            && let Some(kind) = out.get("type").cloned()
        {
            out.insert("type".into(), json!([kind, "null"]));
        }
    }

    /// What cannot be sent in this direction is not required in it (OpenAPI 3.0.3, Schema Object, fixed fields).
    fn not_required_if_hidden(&self, map: &Map<String, Value>, out: &mut Map<String, Value>) {
        let Some(Value::Array(required)) = out.get_mut("required") else { return };
        let mut hidden = HashSet::new();
        self.hidden_members(&Value::Object(map.clone()), MAX_LEVELS, &mut hidden);
        required.retain(|name| name.as_str().is_none_or(|name| !hidden.contains(name)));
    }

    fn hidden_members(&self, schema: &Value, levels: usize, hidden: &mut HashSet<String>) {
        self.each_part(schema, levels, &mut |part| {
            for (name, member) in part.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let target = follow(self.document, "", member).map_or(member, |(_, target)| target);
                if target.get(self.direction.hidden()) == Some(&Value::Bool(true)) {
                    hidden.insert(name.clone());
                }
            }
            false
        });
    }

    /// Whether a schema, with all that it is composed of, names members.
    fn declares_members(&self, schema: &Value, levels: usize) -> bool {
        self.each_part(schema, levels, &mut |part| {
            part.get("properties").and_then(Value::as_object).is_some_and(|members| !members.is_empty())
        })
    }

    /// Visits a schema and what it is composed of until one says yes.
    fn each_part(&self, schema: &Value, levels: usize, visit: &mut dyn FnMut(&Value) -> bool) -> bool {
        let Some(levels) = levels.checked_sub(1) else { return false };
        if visit(schema) {
            return true;
        }
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|text| of_reference(text).ok());
        if let Some(target) = target.and_then(|target| self.document.pointer(&target))
            && self.each_part(target, levels, visit)
        {
            return true;
        }
        let lists = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
        let single = ["if", "then", "else"].into_iter().filter_map(|key| schema.get(key));
        let named = schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::values);
        lists.chain(single).chain(named).any(|part| self.each_part(part, levels, visit))
    }
}

fn name(at: usize) -> String {
    format!("d{at}")
}

/// No members but the declared ones, unless the schema itself says what others may be.
fn close(out: &mut Map<String, Value>) {
    if out.contains_key("additionalProperties") || out.contains_key("unevaluatedProperties") {
        return;
    }
    let composed = ["$ref", "allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas"];
    let key = if composed.iter().any(|key| out.contains_key(*key)) { "unevaluatedProperties" } else { "additionalProperties" };
    out.insert(key.into(), Value::Bool(false));
}

/// `exclusiveMinimum: true` of 3.0 turns `minimum` into an exclusive one.
fn bounds_of_30(language: Language, map: &Map<String, Value>, out: &mut Map<String, Value>) {
    if language != Language::OpenApi30 {
        return;
    }
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if map.get(exclusive) == Some(&Value::Bool(true))
            && let Some(value) = out.remove(bound)
        {
            out.insert(exclusive.into(), value);
        }
    }
}

/// A format of numbers is a pair of bounds.
fn number_format(map: &Map<String, Value>, out: &mut Map<String, Value>) {
    let Some(formats::Format::Within(least, most)) = map.get("format").and_then(Value::as_str).and_then(formats::known)
    else {
        return;
    };
    let within = json!({ "minimum": least, "maximum": most });
    let has_bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"].iter().any(|key| out.contains_key(*key));
    if !has_bounds {
        out.insert("minimum".into(), json!(least));
        out.insert("maximum".into(), json!(most));
    } else if let Some(Value::Array(parts)) = out.get_mut("allOf") {
        parts.push(within);
    } else {
        out.insert("allOf".into(), json!([within]));
    }
}

fn format(problems: &mut Problems, at: &str, value: &Value, out: &mut Map<String, Value>) {
    let Some(name) = value.as_str() else {
        problems.invalid(at, "a format is a word", "Write such as `format: date-time`.");
        return;
    };
    match formats::known(name) {
        Some(formats::Format::Checked) => drop(out.insert("format".into(), value.clone())),
        Some(formats::Format::Within(..) | formats::Format::Told) => {}
        None => {
            let message = format!("there is no format `{name}` that could be checked");
            problems.unsupported(at, message, "Say what you mean by `pattern`, and name the format `x-format`.");
        }
    }
}

fn linear(problems: &mut Problems, at: &str, pattern: &str) {
    if !is_linear_pattern(pattern) {
        let message = "this pattern is wrong, too large, or looks back or ahead, which takes more than linear time";
        problems.unsupported(at, message, "Write it without look-around and back-references, and in fewer repetitions.");
    }
}

fn is_2020_12(uri: &str) -> bool {
    ["https://json-schema.org/draft/2020-12/schema", "https://spec.openapis.org/oas/3.1/dialect/base"].contains(&uri)
}

/// Words that describe and check nothing.
fn is_annotation(key: &str) -> bool {
    matches!(
        key,
        "title" | "description" | "summary" | "default" | "example" | "examples" | "deprecated" | "externalDocs" | "xml"
            | "$comment" | "contentMediaType"
    ) || key.starts_with("x-")
}

fn unknown(problems: &mut Problems, at: &str, key: &str, language: Language) {
    let only_31 = ["const", "prefixItems", "if", "then", "else", "contains", "propertyNames", "patternProperties",
        "dependentSchemas", "dependentRequired", "unevaluatedProperties", "unevaluatedItems", "$defs"];
    let help = if language == Language::OpenApi30 && only_31.contains(&key) {
        "It comes with OpenAPI 3.1: write `openapi: 3.1.0`, or say it in another way.".to_owned()
    } else {
        "Correct its spelling, remove it, or begin it with `x-` if it only describes.".to_owned()
    };
    problems.invalid(at, format!("there is no keyword `{key}` in schemas here"), help);
}
