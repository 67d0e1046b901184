//! `contract` of an API: its OpenAPI document.

mod document;

use std::{collections::BTreeSet, sync::Arc};

use contract::{Operation, Options, Security};
use http::Method;

use super::{Context, apis::Known, reason, template, values};
use crate::{
    Contract, ContractMode, ResponseMode, Span,
    codes::{contracts as codes, diagnostics},
    yaml::{Key, Node, Value},
};

/// The contract of an API under a path.
pub(super) fn one(cx: &Context, node: &Node, prefix: &str) -> Option<Contract> {
    let mode = node.get("mode").map_or(Some(ContractMode::Enforce), |node| mode(cx, node));
    let named = node.get("operations").map(Node::entries).unwrap_or_default();
    let named: Vec<_> = named.iter().map(|(key, node)| (key, self::mode(cx, node))).collect();
    let responses = node.get("responses").map_or(Some(ResponseMode::Off), |node| responses(cx, node));
    let base = node.get("base").map(|node| base(cx, node));
    let file = node.get("openapi")?;
    let (mode, responses) = (mode?, responses?);
    let options = Options {
        strict_objects: node.get("strict_objects").and_then(Node::text) != Some("false"),
        strict_query: node.get("strict_query").and_then(Node::text) != Some("false"),
        base: match base {
            None => None,
            Some(base) => Some(base?),
        },
        opaque: values::texts(node.get("opaque")),
        off: off(&mode, &named),
        responses: responses != ResponseMode::Off,
    };
    let path = file.text()?;
    let (document, digest) = document::read(cx, file, path, &options)?;
    if let Some(operation) = document.operations().iter().find(|operation| is_outside(operation, prefix)) {
        let message = format!("`{}` of the document does not lie under the API's path `{prefix}`", operation.name());
        let help = "Correct the API's `path`, or what stands before the document's paths: `contract.base`.";
        cx.report(&diagnostics::ROUTE_OUTSIDE, file.span, message, help);
    }
    let modes = modes(cx, &mode, named, document.operations())?;
    let gzip = node.get("gzip").and_then(Node::text) == Some("true");
    let Options { strict_objects, strict_query, .. } = options;
    let (document, path) = (Arc::new(document), cx.base.join(path));
    Some(Contract { document, path, mode, modes, responses, strict_objects, strict_query, digest, gzip })
}

/// `enforce`, `monitor`, or `{ off: "why" }`.
fn mode(cx: &Context, node: &Node) -> Option<ContractMode> {
    if let Some(off) = node.get("off") {
        return Some(ContractMode::Off { reason: reason(cx, off, "off")? });
    }
    match node.text()? {
        "enforce" => Some(ContractMode::Enforce),
        "monitor" => Some(ContractMode::Monitor),
        other => {
            let message = format!("`{other}` is no way to hold requests to a contract");
            cx.report(
                &diagnostics::BAD_CHOICE,
                node.span,
                message,
                "Write `enforce`, `monitor` or `{ off: \"why\" }`.",
            );
            None
        }
    }
}

fn responses(cx: &Context, node: &Node) -> Option<ResponseMode> {
    match node.text()? {
        "off" => Some(ResponseMode::Off),
        "monitor" => Some(ResponseMode::Monitor),
        "enforce" => Some(ResponseMode::Enforce),
        "filter" => Some(ResponseMode::Filter),
        other => {
            let help = "Write `off`, `monitor`, `enforce` or `filter`.";
            cx.report(&diagnostics::BAD_CHOICE, node.span, format!("`{other}` is nothing to do with answers"), help);
            None
        }
    }
}

fn base(cx: &Context, node: &Node) -> Option<String> {
    let text = node.text()?;
    let parsed =
        template::parse(text).map(|path| path.segments.iter().all(|s| matches!(s, crate::Segment::Literal(_))));
    let message = match parsed {
        Ok(true) => return Some(text.to_owned()),
        Ok(false) => "the base of a document has no parameters".to_owned(),
        Err(message) => message,
    };
    cx.report(
        &diagnostics::BAD_PATH,
        node.span,
        message,
        "Write what stands before the document's paths, such as `/v1`.",
    );
    None
}

/// Names of operations whose parts are not even read.
fn off(mode: &ContractMode, named: &[(&Key, Option<ContractMode>)]) -> BTreeSet<String> {
    let is_off = |mode: &ContractMode| matches!(mode, ContractMode::Off { .. });
    let named_off = named.iter().filter(|(_, mode)| mode.as_ref().is_some_and(is_off));
    let mut off: BTreeSet<String> = named_off.map(|(key, _)| key.text.clone()).collect();
    if is_off(mode) && named.iter().all(|(_, mode)| mode.as_ref().is_some_and(is_off)) {
        off.insert("*".into());
    }
    off
}

/// The mode of each operation.
fn modes(
    cx: &Context,
    default: &ContractMode,
    named: Vec<(&Key, Option<ContractMode>)>,
    operations: &[Operation],
) -> Option<Vec<ContractMode>> {
    let mut modes = vec![default.clone(); operations.len()];
    let mut known = true;
    for (key, mode) in named {
        let is_it = |operation: &Operation| operation.id.as_ref() == Some(&key.text) || operation.name() == key.text;
        let place = operations.iter().position(is_it).and_then(|at| modes.get_mut(at));
        if let Some(place) = place {
            *place = mode?;
            continue;
        }
        known = false;
        let ids = operations.iter().take(12).map(|operation| operation.id.clone().unwrap_or(operation.name()));
        let ids: Vec<String> = ids.collect();
        let message = format!("the document has no operation `{}`", key.text);
        cx.report(&codes::UNKNOWN_OPERATION, key.span, message, format!("It has {}.", ids.join(", ")));
    }
    known.then_some(modes)
}

fn is_outside(operation: &Operation, prefix: &str) -> bool {
    let below = operation.template.text.strip_prefix(prefix.trim_end_matches('/'));
    !below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether operations without a route of their own become routes.
pub(super) fn makes_routes(api: &Node) -> bool {
    let said = api.get("contract").and_then(|contract| contract.get("routes")).and_then(Node::text);
    match said {
        Some(said) => said == "true",
        None => api.get("contract").is_some() && api.get("routes").is_none(),
    }
}

/// Routes as the file would have them, for operations that it has none for.
pub(super) fn routes(cx: &Context, api: &Node, contract: &Contract, listed: &[Node], known: &Known<'_>) -> Vec<Node> {
    let span = api.get("contract").and_then(|node| node.get("openapi")).map_or(api.span, |node| node.span);
    let operations = contract.document.operations().iter();
    operations
        .filter(|operation| !listed.iter().any(|node| takes(node, operation)))
        .filter_map(|operation| route(cx, span, operation, known))
        .collect()
}

/// Whether a listed route has the path and the method of an operation.
fn takes(route: &Node, operation: &Operation) -> bool {
    let Some((methods, path)) = route.get("match").and_then(Node::text).and_then(|text| text.split_once(' ')) else {
        return false;
    };
    let method = operation.method.as_str();
    let listed = |name: &str| name == method || (name == "GET" && operation.method == Method::HEAD);
    let shape =
        |path: &str| path.split('/').map(|s| if s.starts_with('{') { "{}" } else { s }).collect::<Vec<_>>().join("/");
    (methods == "*" || methods.split(',').any(listed)) && shape(path.trim()) == shape(&operation.template.text)
}

fn route(cx: &Context, span: Span, operation: &Operation, known: &Known<'_>) -> Option<Node> {
    let scopes = match &operation.security {
        Security::Scopes(scopes) => scopes,
        Security::Alternatives => {
            let message = format!("`{}` may be called with one of several sets of scopes", operation.name());
            let help = format!("Give it a route that says which: `match: \"{}\"`.", operation.name());
            cx.report(&codes::NOT_A_ROUTE, span, message, help);
            return None;
        }
        Security::Anonymous => {
            let message = format!("the document lets anyone call `{}`", operation.name());
            let help = format!("Give it a route: `{{ match: \"{}\", public: \"why\" }}`.", operation.name());
            cx.report(&codes::NOT_A_ROUTE, span, message, help);
            return None;
        }
    };
    let text = |text: &str| Node { span, value: Value::Scalar { text: text.to_owned(), plain: false } };
    let mut entries = vec![("match", text(&matched(operation)))];
    if !scopes.is_empty() {
        entries.push(("scopes", Node { span, value: Value::List(scopes.iter().map(|scope| text(scope)).collect()) }));
    }
    if let (true, Some(id)) = (known.roles.is_some(), &operation.id) {
        entries.push(("operation", text(id)));
    }
    let entries = entries.into_iter().map(|(name, node)| (Key { span, text: name.to_owned() }, node)).collect();
    Some(Node { span, value: Value::Map(entries) })
}

/// Parameters of routes have names of letters, digits and `_`.
fn matched(operation: &Operation) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let segment = |segment: &contract::Segment| match segment {
        contract::Segment::Literal(text) => text.clone(),
        contract::Segment::Parameter(name) => format!("{{{}}}", name.chars().map(plain).collect::<String>()),
    };
    let path: Vec<String> = operation.template.segments.iter().map(segment).collect();
    format!("{} /{}", operation.method, path.join("/"))
}
