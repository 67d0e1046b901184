//! Schemas of OpenAPI 3.0 and 3.1 as JSON Schema 2020-12, with what OpenAPI adds to it.
//!
//! - `nullable` and the Boolean `exclusiveMinimum` of 3.0 become what 3.1 writes.
//! - `readOnly` members cannot be sent by callers, `writeOnly` ones not by upstreams; they are not required there either.
//! - With `strict_objects`, objects with declared members take no others unless their schema says so. Where a schema is
//!   composed (`allOf`, `$ref`, …), its parts are one object, so only the outermost schema is closed. For that, what a
//!   reference leads to is translated in two ways: open as a part of something, closed on its own.

use serde_json::{Map, Value, json};

use super::{
    Translated,
    keywords::{self, is_annotation},
    parts,
};
use crate::{
    pointer::{join, of_reference},
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
            Value::Object(map) => self.object(problems, pointer, value, map, closed),
            _ => {
                problems.invalid(pointer, "this is not a schema", "Write a mapping, such as `{ type: string }`.");
                Value::Bool(false)
            }
        }
    }

    fn object(
        &mut self,
        problems: &mut Problems,
        pointer: &str,
        whole: &Value,
        map: &Map<String, Value>,
        closed: bool,
    ) -> Value {
        let closed = closed && self.strict && parts::declare_members(self.document, whole);
        let counts_alone = || map.keys().all(|key| key == "$ref" || is_annotation(key));
        if let Some(reference) = map.get("$ref")
            && (self.language == Language::OpenApi30 || counts_alone())
        {
            return self.only_reference(problems, pointer, map, reference, closed);
        }
        let mut out = Map::new();
        for (key, value) in map {
            self.keyword(problems, &join(pointer, key), key, value, &mut out);
        }
        if self.language == Language::OpenApi30 {
            keywords::of_30(map, &mut out);
        }
        keywords::number_format(map, &mut out);
        // What cannot be sent in this direction is not required in it (OpenAPI 3.0.3, Schema Object, fixed fields).
        if let Some(Value::Array(required)) = out.get_mut("required") {
            let hidden = parts::marked_members(self.document, whole, self.direction.hidden());
            required.retain(|name| name.as_str().is_none_or(|name| !hidden.contains(name)));
        }
        if closed {
            close(&mut out);
        }
        Value::Object(out)
    }

    /// A `$ref` by itself. In OpenAPI 3.0 nothing beside it counts.
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
        json!({ "$ref": self.reference(problems, &join(pointer, "$ref"), reference, closed) })
    }

    /// The new name of what a reference leads to; it is translated later.
    fn reference(&mut self, problems: &mut Problems, pointer: &str, reference: &Value, closed: bool) -> String {
        let target = match reference.as_str().map(of_reference) {
            Some(Ok(target)) if self.document.pointer(&target).is_some() => target,
            Some(Ok(target)) => {
                problems.invalid(
                    pointer,
                    format!("there is nothing at `#{target}`"),
                    "Name a schema of this document.",
                );
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
        let known = keywords::assertion(problems, self.language, at, key, value, out)
            || self.applicator(problems, at, key, value, out);
        if known {
            return;
        }
        match key {
            "readOnly" | "writeOnly" => {
                if key == self.direction.hidden() && value == &Value::Bool(true) {
                    out.insert(key.into(), Value::Bool(true));
                }
            }
            "$ref" if is_31 => {
                let name = self.reference(problems, at, value, false);
                out.insert(key.into(), Value::String(name));
            }
            "discriminator" => {}
            "$defs" | "definitions" if is_31 => {}
            "$schema" if is_31 && value.as_str().is_some_and(keywords::is_2020_12) => {}
            _ if is_annotation(key) => {}
            _ => keywords::unknown(problems, at, key, self.language),
        }
    }

    /// Keywords that hold other schemas. Those that speak of the same value stay open: together they are one object.
    fn applicator(
        &mut self,
        problems: &mut Problems,
        at: &str,
        key: &str,
        value: &Value,
        out: &mut Map<String, Value>,
    ) -> bool {
        let is_31 = self.language == Language::OpenApi31;
        match key {
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
                    keywords::linear(problems, &join(at, pattern), pattern);
                }
                self.named(problems, at, key, value, true, out);
            }
            "dependentSchemas" if is_31 => self.named(problems, at, key, value, false, out),
            _ => return false,
        }
        true
    }

    fn one(
        &mut self,
        problems: &mut Problems,
        at: &str,
        key: &str,
        value: &Value,
        closed: bool,
        out: &mut Map<String, Value>,
    ) {
        out.insert(key.into(), self.schema(problems, at, value, closed));
    }

    fn list(
        &mut self,
        problems: &mut Problems,
        at: &str,
        key: &str,
        value: &Value,
        closed: bool,
        out: &mut Map<String, Value>,
    ) {
        let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
            problems.invalid(at, format!("`{key}` is a list of schemas"), "Give at least one schema.");
            return;
        };
        let items = items.iter().enumerate();
        let items = items.map(|(n, item)| self.schema(problems, &join(at, &n.to_string()), item, closed)).collect();
        out.insert(key.into(), items);
    }

    fn named(
        &mut self,
        problems: &mut Problems,
        at: &str,
        key: &str,
        value: &Value,
        closed: bool,
        out: &mut Map<String, Value>,
    ) {
        let Some(members) = value.as_object() else {
            problems.invalid(at, format!("`{key}` is a mapping of names to schemas"), "Write `NAME: { type: … }`.");
            return;
        };
        let members = members.iter();
        let members = members
            .map(|(name, schema)| (name.clone(), self.schema(problems, &join(at, name), schema, closed)))
            .collect();
        out.insert(key.into(), Value::Object(members));
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
    let key = if composed.iter().any(|key| out.contains_key(*key)) {
        "unevaluatedProperties"
    } else {
        "additionalProperties"
    };
    out.insert(key.into(), Value::Bool(false));
}
