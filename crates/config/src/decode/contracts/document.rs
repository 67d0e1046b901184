//! An OpenAPI document from its file, and its problems at their lines.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use contract::{Kind, Options, Problem};
use policy::Source;
use serde_json::{Map, Number, Value as Json};

use super::super::{Context, files};
use crate::{
    codes::contracts as codes,
    report::{Finding, Span},
    yaml::{self, Bounds, Node, Value},
};

/// Larger documents are split.
const BOUNDS: Bounds = Bounds { nodes: 1_000_000, depth: 100 };
const MAX_BYTES: usize = 16 << 20;

/// Reads and compiles a document of YAML or JSON.
pub(super) fn read(cx: &Context, node: &Node, path: &str, options: &Options) -> Option<(contract::Contract, u64)> {
    let bytes = files::read(cx, node, path)?;
    let Some(text) = str::from_utf8(&bytes).ok().filter(|text| text.len() <= MAX_BYTES) else {
        let message = format!("`{path}` is not a text of at most {} MiB", MAX_BYTES >> 20);
        cx.report(&codes::BAD_DOCUMENT, node.span, message, "Name an OpenAPI document in YAML or JSON.");
        return None;
    };
    let source = Source::new(path, text);
    let mut findings = Vec::new();
    let tree = yaml::parse_within(text, BOUNDS, &mut findings);
    let is_clean = findings.is_empty();
    cx.attach(&source, findings);
    let tree = tree.filter(|_| is_clean)?;
    match contract::compile(&to_json(&tree), options) {
        Ok(contract) => Some((contract, digest(text))),
        Err(problems) => {
            cx.attach(&source, problems.iter().map(|problem| finding(&tree, problem, &source)).collect());
            None
        }
    }
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn finding(tree: &Node, problem: &Problem, source: &Arc<Source>) -> Finding {
    let code = match problem.kind {
        Kind::Invalid => &codes::BAD_DOCUMENT,
        Kind::Unsupported => &codes::UNSUPPORTED,
    };
    Finding {
        code,
        file: Some(Arc::clone(source)),
        span: span_of(tree, &problem.pointer),
        message: problem.message.clone(),
        help: problem.help.clone(),
    }
}

/// The place of a JSON pointer: the key that it ends with, or the item.
fn span_of(tree: &Node, pointer: &str) -> Span {
    let (mut node, mut span) = (tree, tree.span);
    for token in pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")) {
        let next = match &node.value {
            Value::Map(entries) => {
                entries.iter().find(|(key, _)| key.text == token).map(|(key, node)| (key.span, node))
            }
            Value::List(items) => token.parse().ok().and_then(|at: usize| items.get(at)).map(|node| (node.span, node)),
            Value::Null | Value::Scalar { .. } => None,
        };
        let Some((place, below)) = next else { break };
        (span, node) = (place, below);
    }
    span
}

/// The value that YAML's core schema gives (YAML 1.2.2 §10.3); JSON is a part of it.
fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Scalar { text, plain: false } => Json::String(text.clone()),
        Value::Scalar { text, plain: true } => plain(text),
        Value::List(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Map(entries) => {
            let members: Map<String, Json> =
                entries.iter().map(|(key, node)| (key.text.clone(), to_json(node))).collect();
            Json::Object(members)
        }
    }
}

fn plain(text: &str) -> Json {
    match text {
        "true" | "True" | "TRUE" => return Json::Bool(true),
        "false" | "False" | "FALSE" => return Json::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Json::String(text.to_owned()), Json::Number)
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') || digits == "." {
        return None;
    }
    let prefixed =
        |prefix: &str, radix| text.strip_prefix(prefix).and_then(|rest| u64::from_str_radix(rest, radix).ok());
    if let Some(whole) = prefixed("0x", 16).or_else(|| prefixed("0o", 8)) {
        return Some(whole.into());
    }
    if !digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b)) {
        return None;
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let whole = unsigned.parse::<u64>().map(Number::from).or_else(|_| unsigned.parse::<i64>().map(Number::from));
    whole.ok().or_else(|| unsigned.parse::<f64>().ok().and_then(Number::from_f64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json_of(text: &str) -> Json {
        to_json(&yaml::parse_within(text, BOUNDS, &mut Vec::new()).unwrap())
    }

    #[test]
    fn yaml_means_what_its_core_schema_says() {
        let text = "a: [1, -2, 3.5, 1e3, 0x1F, +7, .5]\nb: [true, False, yes, ~, null, \"1\", 2024-01-01, 1.2.3, 10s, -]\n\"200\": x\n300: y";
        let expected = json!({
            "a": [1, -2, 3.5, 1000.0, 31, 7, 0.5],
            "b": [true, false, "yes", null, null, "1", "2024-01-01", "1.2.3", "10s", "-"],
            "200": "x", "300": "y"
        });
        assert_eq!(json_of(&text.replace(", -]", ", \"-\"]")), expected);
        assert_eq!(
            json_of(&json!({ "x": [1, { "y": "z" }], "n": 1.5 }).to_string()),
            json!({ "x": [1, { "y": "z" }], "n": 1.5 })
        );
    }

    #[test]
    fn a_pointer_has_a_place() {
        let text = "paths:\n  /a/b:\n    get:\n      - one\n      - two\n";
        let tree = yaml::parse_within(text, BOUNDS, &mut Vec::new()).unwrap();
        let at = |pointer: &str| &text[span_of(&tree, pointer).start..][..3];
        assert_eq!((at("/paths/~1a~1b"), at("/paths/~1a~1b/get"), at("/paths/~1a~1b/get/1")), ("/a/", "get", "two"));
        assert_eq!(at("/paths/~1a~1b/post/x"), "/a/");
    }
}
