//! What types a schema takes: how the text of a parameter is to be read.

use serde_json::Value;

use crate::pointer;

/// Types, together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Types {
    pub(crate) number: bool,
    pub(crate) flag: bool,
    pub(crate) text: bool,
    pub(crate) list: bool,
    pub(crate) object: bool,
}

impl Types {
    fn join(self, other: Self) -> Self {
        Self {
            number: self.number || other.number,
            flag: self.flag || other.flag,
            text: self.text || other.text,
            list: self.list || other.list,
            object: self.object || other.object,
        }
    }

    fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Levels of references and compositions that are looked through.
const MAX_LEVELS: usize = 16;

/// The types that a schema names, here or in what it is composed of; text if it names none.
pub(crate) fn types_of(document: &Value, schema: &Value) -> Types {
    let types = named(document, schema, MAX_LEVELS);
    if types.is_none() { Types { text: true, ..Types::default() } } else { types }
}

fn named(document: &Value, schema: &Value, levels: usize) -> Types {
    let Some(levels) = levels.checked_sub(1) else { return Types::default() };
    let mut types = match schema.get("type") {
        Some(Value::String(name)) => of_name(name),
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).map(of_name).fold(Types::default(), Types::join)
        }
        _ => Types::default(),
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
    if types.is_none() {
        let samples = schema.get("enum").and_then(Value::as_array).into_iter().flatten().chain(schema.get("const"));
        types = samples.map(of_value).fold(types, Types::join);
    }
    types
}

fn of_name(name: &str) -> Types {
    let none = Types::default();
    match name {
        "integer" | "number" => Types { number: true, ..none },
        "boolean" => Types { flag: true, ..none },
        "string" => Types { text: true, ..none },
        "array" => Types { list: true, ..none },
        "object" => Types { object: true, ..none },
        _ => none,
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
