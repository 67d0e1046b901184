//! What types a schema takes: how the text of a parameter is to be read.

use serde_json::Value;

use crate::pointer;

/// Types, together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Types(u8);

impl Types {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NUMBER: Self = Self(1);
    pub(crate) const FLAG: Self = Self(1 << 1);
    pub(crate) const TEXT: Self = Self(1 << 2);
    pub(crate) const LIST: Self = Self(1 << 3);
    pub(crate) const OBJECT: Self = Self(1 << 4);

    /// Those of both.
    pub(crate) fn join(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether another is among them.
    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Levels of references and compositions that are looked through.
const MAX_LEVELS: usize = 16;

/// The types that a schema names, here or in what it is composed of; text if it names none.
pub(crate) fn types_of(document: &Value, schema: &Value) -> Types {
    let types = named(document, schema, MAX_LEVELS);
    if types == Types::NONE { Types::TEXT } else { types }
}

fn named(document: &Value, schema: &Value, levels: usize) -> Types {
    let Some(levels) = levels.checked_sub(1) else { return Types::NONE };
    let mut types = match schema.get("type") {
        Some(Value::String(name)) => of_name(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(of_name).fold(Types::NONE, Types::join),
        _ => Types::NONE,
    };
    if let Some(target) = schema.get("$ref").and_then(Value::as_str)
        && let Ok(target) = pointer::of_reference(target)
        && let Some(schema) = document.pointer(&target)
    {
        types = types.join(named(document, schema, levels));
    }
    for key in ["allOf", "anyOf", "oneOf"] {
        for schema in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            types = types.join(named(document, schema, levels));
        }
    }
    if types == Types::NONE {
        let samples = schema.get("enum").and_then(Value::as_array).into_iter().flatten().chain(schema.get("const"));
        types = samples.map(of_value).fold(types, Types::join);
    }
    types
}

fn of_name(name: &str) -> Types {
    match name {
        "integer" | "number" => Types::NUMBER,
        "boolean" => Types::FLAG,
        "string" => Types::TEXT,
        "array" => Types::LIST,
        "object" => Types::OBJECT,
        _ => Types::NONE,
    }
}

fn of_value(value: &Value) -> Types {
    of_name(match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    })
}
