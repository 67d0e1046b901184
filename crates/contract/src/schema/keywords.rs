//! Keywords that hold no other schema: what they become, or why they cannot be held to.

use serde_json::{Map, Value, json};

use super::{Language, formats, is_linear_pattern};
use crate::problem::Problems;

/// Takes an assertion over; whether the keyword is one.
pub(super) fn assertion(
    problems: &mut Problems,
    language: Language,
    at: &str,
    key: &str,
    value: &Value,
    out: &mut Map<String, Value>,
) -> bool {
    let is_31 = language == Language::OpenApi31;
    match key {
        "type" if !is_31 && !value.is_string() => {
            let help = "Write `nullable: true` beside it for null.";
            problems.invalid(at, "in OpenAPI 3.0 `type` is one word", help);
        }
        "type" | "enum" | "minimum" | "maximum" | "multipleOf" | "minLength" | "maxLength" | "minItems"
        | "maxItems" | "uniqueItems" | "minProperties" | "maxProperties" | "required" => {
            drop(out.insert(key.into(), value.clone()));
        }
        "const" | "dependentRequired" | "minContains" | "maxContains" | "exclusiveMinimum" | "exclusiveMaximum"
            if is_31 =>
        {
            out.insert(key.into(), value.clone());
        }
        // Translated by `of_30`, together with what they change.
        "exclusiveMinimum" | "exclusiveMaximum" | "nullable" if !is_31 => {
            if !value.is_boolean() {
                let message = format!("in OpenAPI 3.0 `{key}` is true or false");
                problems.invalid(at, message, format!("Write `{key}: true`, and a bound as `minimum` or `maximum`."));
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
            _ => {
                let help = "Use `base64`, `base64url` or a `pattern`.";
                problems.unsupported(at, "this content encoding cannot be checked", help);
            }
        },
        _ => return false,
    }
    true
}

/// What OpenAPI 3.0 writes in its own way.
pub(super) fn of_30(map: &Map<String, Value>, out: &mut Map<String, Value>) {
    bounds_of_30(map, out);
    if map.get("nullable") == Some(&Value::Bool(true))
        && let Some(kind) = out.get("type").cloned()
    {
        out.insert("type".into(), json!([kind, "null"]));
    }
}

/// `exclusiveMinimum: true` of 3.0 turns `minimum` into an exclusive one.
fn bounds_of_30(map: &Map<String, Value>, out: &mut Map<String, Value>) {
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if map.get(exclusive) == Some(&Value::Bool(true))
            && let Some(value) = out.remove(bound)
        {
            out.insert(exclusive.into(), value);
        }
    }
}

/// A format of numbers is a pair of bounds.
pub(super) fn number_format(map: &Map<String, Value>, out: &mut Map<String, Value>) {
    let Some(formats::Format::Within(least, most)) = map.get("format").and_then(Value::as_str).and_then(formats::known)
    else {
        return;
    };
    let within = json!({ "minimum": least, "maximum": most });
    let has_bounds =
        ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"].iter().any(|key| out.contains_key(*key));
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

/// Reports a pattern that does not run in linear time.
pub(super) fn linear(problems: &mut Problems, at: &str, pattern: &str) {
    if !is_linear_pattern(pattern) {
        let message = "this pattern is wrong, too large, or looks back or ahead, which takes more than linear time";
        problems.unsupported(
            at,
            message,
            "Write it without look-around and back-references, and in fewer repetitions.",
        );
    }
}

/// The one dialect that is read.
pub(super) fn is_2020_12(uri: &str) -> bool {
    ["https://json-schema.org/draft/2020-12/schema", "https://spec.openapis.org/oas/3.1/dialect/base"].contains(&uri)
}

/// Words that describe and check nothing.
pub(super) fn is_annotation(key: &str) -> bool {
    matches!(
        key,
        "title"
            | "description"
            | "summary"
            | "default"
            | "example"
            | "examples"
            | "deprecated"
            | "externalDocs"
            | "xml"
            | "$comment"
            | "contentMediaType"
    ) || key.starts_with("x-")
}

/// A keyword that is not known, or not supported.
pub(super) fn unknown(problems: &mut Problems, at: &str, key: &str, language: Language) {
    let unsupported = ["$schema", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "contentSchema"];
    if language == Language::OpenApi31 && unsupported.contains(&key) {
        let help = "Refer to schemas of this document by `$ref: \"#/…\"`.";
        return problems.unsupported(at, format!("`{key}` is not supported"), help);
    }
    let only_31 = [
        "const",
        "prefixItems",
        "if",
        "then",
        "else",
        "contains",
        "propertyNames",
        "patternProperties",
        "dependentSchemas",
        "dependentRequired",
        "unevaluatedProperties",
        "unevaluatedItems",
        "$defs",
    ];
    let help = if language == Language::OpenApi30 && only_31.contains(&key) {
        "It comes with OpenAPI 3.1: write `openapi: 3.1.0`, or say it in another way.".to_owned()
    } else {
        "Correct its spelling, remove it, or begin it with `x-` if it only describes.".to_owned()
    };
    problems.invalid(at, format!("there is no keyword `{key}` in schemas here"), help);
}
