//! What a schema is composed of: all that speaks of the same value.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::pointer::{follow, of_reference};

/// A schema, and what it is composed of by `$ref`, `allOf` and the like, each once.
fn all<'d>(document: &'d Value, schema: &'d Value) -> Vec<&'d Value> {
    let mut seen: HashSet<usize> = HashSet::new();
    let (mut found, mut next) = (Vec::new(), vec![schema]);
    while let Some(schema) = next.pop() {
        if !seen.insert(std::ptr::from_ref(schema).addr()) {
            continue;
        }
        found.push(schema);
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|text| of_reference(text).ok());
        next.extend(target.and_then(|target| document.pointer(&target)));
        let lists = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
        let single = ["if", "then", "else"].into_iter().filter_map(|key| schema.get(key));
        let named = schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(Map::values);
        next.extend(lists.chain(single).chain(named));
    }
    found
}

/// Whether a schema, with all that it is composed of, names members.
pub(super) fn declare_members(document: &Value, schema: &Value) -> bool {
    let named = |part: &Value| part.get("properties").and_then(Value::as_object).is_some_and(|map| !map.is_empty());
    all(document, schema).into_iter().any(named)
}

/// Members that are marked by a keyword such as `readOnly`, here or where their schemas lead.
pub(super) fn marked_members<'d>(document: &'d Value, schema: &'d Value, keyword: &str) -> HashSet<&'d str> {
    let is_marked = |member: &Value| {
        let target = follow(document, "", member).map_or(member, |(_, target)| target);
        [member, target].iter().any(|schema| schema.get(keyword) == Some(&Value::Bool(true)))
    };
    let parts = all(document, schema).into_iter();
    let members = parts.filter_map(|part| part.get("properties")?.as_object()).flatten();
    members.filter(|(_, member)| is_marked(member)).map(|(name, _)| name.as_str()).collect()
}
