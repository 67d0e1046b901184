//! `bindings`: what the configuration says of single callers.

use std::collections::HashMap;

use policy::{Fact, Kind, ValueKind};

use super::Declared;
use crate::{
    Binding, Bindings,
    codes::policies as codes,
    decode::{Context, every},
    report::Span,
    yaml::{Key, Node},
};

const KINDS: [(&str, Kind); 4] =
    [("user", Kind::User), ("client", Kind::Client), ("api_key", Kind::ApiKey), ("workload", Kind::Workload)];

pub(super) fn all(cx: &Context, node: Option<&Node>, declared: &Declared<'_>) -> Option<Bindings> {
    let mut bindings: HashMap<Kind, HashMap<String, Binding>> = HashMap::new();
    let decoded = every(node.map(Node::items).unwrap_or_default(), |node| {
        let caller = caller(cx, node);
        let binding = one(cx, node, declared);
        let ((kind, id, span), binding) = (caller?, binding?);
        if bindings.entry(kind).or_default().insert(id.clone(), binding).is_some() {
            let message = format!("`{id}` is bound twice");
            cx.report(&codes::BAD_BINDING, span, message, "Put both into one.");
            return None;
        }
        Some(())
    });
    decoded.map(|_| Bindings(bindings))
}

fn caller(cx: &Context, node: &Node) -> Option<(Kind, String, Span)> {
    let given: Vec<_> = KINDS.iter().filter_map(|(key, kind)| Some((*kind, node.get(key)?))).collect();
    match given.as_slice() {
        [(kind, node)] => {
            let id = node.text()?.to_owned();
            if id.is_empty() {
                cx.report(&codes::BAD_BINDING, node.span, "nobody has an empty name", "Write whom you mean.");
                return None;
            }
            Some((*kind, id, node.span))
        }
        [] => {
            let help = "Add `user`, `client`, `api_key` (the owner of keys) or `workload` (a client's certificate).";
            cx.report(&codes::BAD_BINDING, node.span, "this binding names nobody", help);
            None
        }
        [_, (_, second), ..] => {
            cx.report(&codes::BAD_BINDING, second.span, "this binding names two callers", "Write one for each.");
            None
        }
    }
}

fn one(cx: &Context, node: &Node, declared: &Declared<'_>) -> Option<Binding> {
    let list = |key: &str| node.get(key).map(Node::items).unwrap_or_default();
    let roles = every(list("roles"), |node| declared.role(cx, node));
    let groups = every(list("groups"), |node| declared.group(cx, node));
    let attributes: Vec<_> = node.get("attributes").map(Node::entries).unwrap_or_default().iter().collect();
    let attributes: Vec<_> = attributes.into_iter().map(|(key, node)| attribute(cx, key, node, declared)).collect();
    Some(Binding {
        roles: roles?,
        groups: groups?,
        tenant: node.get("tenant").and_then(Node::text).map(str::to_owned),
        attributes: attributes.into_iter().collect::<Option<_>>()?,
    })
}

fn attribute(cx: &Context, key: &Key, node: &Node, declared: &Declared<'_>) -> Option<(String, Fact)> {
    let attribute = declared.attribute(cx, &key.text, key.span)?;
    let texts = || super::super::values::texts(Some(node));
    let fact = match (attribute.kind, node.text()) {
        (ValueKind::String, Some(text)) => Some(Fact::String(text.to_owned())),
        (ValueKind::Long, Some(text)) => text.parse().ok().map(Fact::Long),
        (ValueKind::Bool, Some(text)) => text.parse().ok().map(Fact::Bool),
        (ValueKind::Strings, _) => Some(Fact::Strings(texts())),
        (ValueKind::String | ValueKind::Long | ValueKind::Bool, None) => None,
    };
    if fact.is_none() {
        let message = format!("`{}` is declared to be of another type", key.text);
        cx.report(&codes::BAD_FACT, node.span, message, "Write what `policies.attributes` declares, or change that.");
    }
    fact.map(|fact| (key.text.clone(), fact))
}
