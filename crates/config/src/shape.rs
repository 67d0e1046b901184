//! What keys exist and what they take: held against the tree, and printed as JSON Schema.

use serde_json::{Map, Value as Json, json};

use crate::{
    codes::diagnostics,
    decode::Context,
    keys,
    yaml::{Node, Value},
};

/// What a key takes.
pub(crate) enum Kind {
    /// Text; its own form is checked where it is decoded.
    Text,
    Whole,
    Flag,
    List(&'static Kind),
    /// A list, or one item alone.
    OneOrList(&'static Kind),
    /// Names chosen by the operator.
    Named(&'static Kind),
    Object(&'static Shape),
    /// Text, or a mapping.
    TextOr(&'static Shape),
    /// Text, or names chosen by the operator.
    TextOrNamed(&'static Kind),
}

/// A mapping with known keys.
pub(crate) struct Shape {
    pub(crate) fields: &'static [Field],
}

pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

/// Reports every unknown, missing and mistyped key below `node`.
pub(crate) fn check(cx: &Context, node: &Node, kind: &Kind, name: &str) {
    match (kind, &node.value) {
        (Kind::Text | Kind::TextOr(_) | Kind::TextOrNamed(_), Value::Scalar { .. }) => {}
        (Kind::Whole, Value::Scalar { text, plain: true }) if text.parse::<u64>().is_ok() => {}
        (Kind::Flag, Value::Scalar { text, plain: true }) if matches!(text.as_str(), "true" | "false") => {}
        (Kind::List(item) | Kind::OneOrList(item), Value::List(items)) => {
            for node in items {
                check(cx, node, item, name);
            }
        }
        (Kind::OneOrList(item), _) => check(cx, node, item, name),
        (Kind::Named(item) | Kind::TextOrNamed(item), Value::Map(entries)) => {
            for (key, node) in entries {
                check(cx, node, item, &key.text);
            }
        }
        (Kind::Object(shape) | Kind::TextOr(shape), Value::Map(_)) => check_fields(cx, node, shape, name),
        _ => cx.report(
            &diagnostics::WRONG_TYPE,
            node.span,
            format!("`{name}` takes {}, but this is {}", expected(kind), found(node)),
            format!("Write {} here.", expected(kind)),
        ),
    }
}

fn check_fields(cx: &Context, node: &Node, shape: &Shape, name: &str) {
    for (key, value) in node.entries() {
        if let Some(field) = shape.fields.iter().find(|field| field.key == key.text) {
            check(cx, value, &field.kind, field.key);
        } else {
            let help = match nearest(&key.text, shape) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => format!("Known here: {}.", listed(shape)),
            };
            cx.report(&diagnostics::UNKNOWN_KEY, key.span, format!("there is no key `{}` here", key.text), help);
        }
    }
    for field in shape.fields.iter().filter(|field| field.required && node.get(field.key).is_none()) {
        let message = format!("`{name}` lacks the key `{}`", field.key);
        cx.report(&diagnostics::MISSING_KEY, node.span, message, format!("Add `{}:`.", field.key));
    }
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Whole => "a whole number",
        Kind::Flag => "true or false",
        Kind::List(_) | Kind::OneOrList(_) => "a list",
        Kind::Named(_) | Kind::Object(_) => "a mapping of keys",
        Kind::TextOr(_) | Kind::TextOrNamed(_) => "text or a mapping of keys",
    }
}

fn found(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "empty",
        Value::Scalar { .. } => "other text",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping of keys",
    }
}

fn listed(shape: &Shape) -> String {
    shape.fields.iter().map(|field| format!("`{}`", field.key)).collect::<Vec<_>>().join(", ")
}

fn nearest(word: &str, shape: &Shape) -> Option<&'static str> {
    let near = shape.fields.iter().map(|field| (distance(word, field.key), field.key)).min()?;
    (near.0 <= 1 + word.len() / 4).then_some(near.1)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, over), up) in b.chars().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(0);
            next.push((over + usize::from(x != y)).min(up + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// The JSON Schema (2020-12) of the file, for editors.
pub fn schema() -> Json {
    let mut schema = object(&keys::FILE);
    if let Some(map) = schema.as_object_mut() {
        map.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        map.insert("title".into(), json!("Portcullis configuration"));
    }
    schema
}

fn of(kind: &Kind) -> Json {
    match kind {
        // YAML reads an unquoted 123 as a number; it is taken as the text that was written.
        Kind::Text => json!({ "type": ["string", "number", "boolean"] }),
        Kind::Whole => json!({ "type": "integer", "minimum": 0 }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::List(item) => json!({ "type": "array", "items": of(item) }),
        Kind::OneOrList(item) => json!({ "anyOf": [of(item), { "type": "array", "items": of(item) }] }),
        Kind::Named(item) => json!({ "type": "object", "additionalProperties": of(item) }),
        Kind::Object(shape) => object(shape),
        Kind::TextOrNamed(item) => {
            json!({ "anyOf": [{ "type": "string" }, { "type": "object", "additionalProperties": of(item) }] })
        }
        Kind::TextOr(shape) => json!({ "anyOf": [{ "type": "string" }, object(shape)] }),
    }
}

fn object(shape: &Shape) -> Json {
    let properties: Map<String, Json> = shape.fields.iter().map(|f| (f.key.to_owned(), of(&f.kind))).collect();
    let required: Vec<_> = shape.fields.iter().filter(|f| f.required).map(|f| f.key).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}
