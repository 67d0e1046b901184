//! What a route tells policies: `operation`, `reads`, `object`, `visible_to`; and `serves`.

use std::sync::Arc;

use http::Method;
use policy::{Attribute, Operation, ValueKind};

use super::{Reported, attributes};
use crate::{
    Access, Methods, ObjectRule, PathTemplate, Route, RoutePolicy, Segment, Serves, Visibility,
    codes::{diagnostics, policies as codes},
    decode::{Context, apis::Known, cors, every},
    yaml::Node,
};

/// Where a route stands.
pub(in crate::decode) struct Place<'p> {
    pub(in crate::decode) node: &'p Node,
    pub(in crate::decode) api: &'p Node,
    pub(in crate::decode) known: &'p Known<'p>,
    pub(in crate::decode) name: &'p str,
}

/// Credentials are not facts: policies see who they prove.
const CREDENTIALS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];

/// What policies are told of a route; nothing if they do not decide over it.
pub(in crate::decode) fn route(
    cx: &Context,
    place: &Place<'_>,
    matched: Option<&(Methods, PathTemplate)>,
    access: Option<&Access>,
) -> Result<Option<Arc<RoutePolicy>>, Reported> {
    let Place { node, api, known, .. } = place;
    let decides = match access.ok_or(Reported)? {
        Access::Public { .. } => false,
        Access::Authenticated { .. } => {
            known.roles.is_some() && api.get("policies").is_none() && node.get("serves").is_none()
        }
    };
    if decides {
        let (methods, template) = matched.ok_or(Reported)?;
        decided(cx, place, methods, template).map(|policy| Some(Arc::new(policy))).ok_or(Reported)
    } else if without_policies(cx, node) {
        Ok(None)
    } else {
        Err(Reported)
    }
}

fn decided(cx: &Context, place: &Place<'_>, methods: &Methods, template: &PathTemplate) -> Option<RoutePolicy> {
    let Place { node, api, known, name } = place;
    let reads = node.get("reads");
    let get = |key| reads.and_then(|reads| reads.get(key));
    let headers = every(get("headers").map(Node::items).unwrap_or_default(), |node| header(cx, node));
    let body = get("body").map_or(Some(Vec::new()), |node| attributes(cx, node));
    let parameters = parameters(cx, get("parameters"), template);
    let object = node.get("object").map(|node| object(cx, node, methods));
    let visible_to = node.get("visible_to").map_or(Some(Vec::new()), |node| visible_to(cx, node, known));
    let object = match object {
        None => None,
        Some(object) => Some(object?),
    };
    let headers = headers?;
    let mut operation = Operation {
        id: node.get("operation").and_then(Node::text).unwrap_or(name).to_owned(),
        method: name.split(' ').next().unwrap_or_default().to_owned(),
        path_template: template.text.clone(),
        read: only_reads(methods),
        parameters: parameters?,
        headers: headers.iter().map(|name| name.as_str().to_owned()).collect(),
        body: body?,
        ..Operation::default()
    };
    add_meanings(&mut operation, api, object.as_ref());
    let action = policy::action(api.get("name")?.text()?, &operation.id);
    let policy = RoutePolicy { action, operation, headers, object, visible_to: visible_to? };
    if policy.judges_answer()
        && let Some(websocket) = node.get("websocket")
    {
        let help = "Remove `websocket`, or `object` and `visible_to`.";
        cx.report(&codes::BAD_OBJECT, websocket.span, "what flows in a WebSocket is no answer to be judged", help);
        return None;
    }
    Some(policy)
}

/// Tenant and owner: parameters of the path, or members of the answer, which then count as parameters.
fn add_meanings(operation: &mut Operation, api: &Node, object: Option<&ObjectRule>) {
    let tenant = object.and_then(|rule| rule.tenant.as_ref());
    let owner = object.and_then(|rule| rule.owner.as_ref());
    operation.tenant = meaning(api, "tenant", operation, tenant);
    operation.owner = meaning(api, "owner", operation, owner);
    for (name, _) in [("tenant", tenant), ("owner", owner)].into_iter().filter(|(_, member)| member.is_some()) {
        operation.parameters.push(Attribute::new(name, ValueKind::String));
    }
}

/// What only policies read would be a protection that is none.
fn without_policies(cx: &Context, node: &Node) -> bool {
    let keys = ["reads", "object", "visible_to"];
    let said: Vec<_> = node.entries().iter().filter(|(key, _)| keys.contains(&key.text.as_str())).collect();
    for (key, _) in &said {
        let message = format!("no policies decide over this route, so `{}` has no effect", key.text);
        let help = "Remove it, or let policies decide: add `policies:` to the file, and no `off` or `public` here.";
        cx.report(&codes::NEEDS_POLICIES, key.span, message, help);
    }
    said.is_empty()
}

fn only_reads(methods: &Methods) -> bool {
    match methods {
        Methods::Any => false,
        Methods::These(list) => list.iter().all(|one| matches!(*one, Method::GET | Method::HEAD | Method::OPTIONS)),
    }
}

/// The parameter that is the tenant or owner. A member of the answer counts before the path.
fn meaning(api: &Node, name: &str, operation: &Operation, member: Option<&String>) -> Option<String> {
    if member.is_some() {
        return Some(name.to_owned());
    }
    let parameter = api.get(name)?.text()?;
    let has = operation.parameters.iter().any(|one| one.name == parameter && one.kind == ValueKind::String);
    has.then(|| parameter.to_owned())
}

/// Reports a tenant or owner that is a parameter of no route.
pub(in crate::decode) fn check_parameters<'r>(cx: &Context, api: &Node, routes: impl Iterator<Item = &'r Route>) {
    let segments = routes.flat_map(|route| &route.template.segments);
    let names: Vec<&str> = segments.filter_map(parameter_name).collect();
    for node in ["tenant", "owner"].into_iter().filter_map(|key| api.get(key)) {
        let Some(text) = node.text().filter(|text| !names.contains(text)) else { continue };
        let message = format!("no route has the path parameter `{text}`");
        let help = policy::did_you_mean(text, names.iter().copied());
        cx.report(&codes::UNKNOWN_PARAMETER, node.span, message, help);
    }
}

fn parameter_name(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Literal(_) => None,
        Segment::Parameter(name) | Segment::Rest(name) => Some(name),
    }
}

/// The path's parameters, with the types that are declared; others are texts.
fn parameters(cx: &Context, declared: Option<&Node>, template: &PathTemplate) -> Option<Vec<Attribute>> {
    let names: Vec<&str> = template.segments.iter().filter_map(parameter_name).collect();
    let entries = declared.map(Node::entries).unwrap_or_default();
    let mut is_good = true;
    for (key, _) in entries.iter().filter(|(key, _)| !names.contains(&key.text.as_str())) {
        let message = format!("the path has no parameter `{}`", key.text);
        let help = policy::did_you_mean(&key.text, names.iter().copied());
        cx.report(&codes::UNKNOWN_PARAMETER, key.span, message, help);
        is_good = false;
    }
    let typed = declared.map_or(Some(Vec::new()), |node| attributes(cx, node))?;
    let kind = |name: &str| typed.iter().find(|one| one.name == name).map_or(ValueKind::String, |one| one.kind);
    is_good.then(|| names.into_iter().map(|name| Attribute::new(name, kind(name))).collect())
}

fn header(cx: &Context, node: &Node) -> Option<http::HeaderName> {
    let name = cors::name(cx, node)?;
    if CREDENTIALS.contains(&name.as_str()) {
        let message = format!("`{name}` carries a credential, which is no fact for policies");
        cx.report(&diagnostics::BAD_FIELD, node.span, message, "Policies see whom it proves, as `principal`.");
        return None;
    }
    Some(name)
}

fn object(cx: &Context, node: &Node, methods: &Methods) -> Option<ObjectRule> {
    let (message, help) = match methods {
        Methods::These(list) if list.iter().all(|one| matches!(*one, Method::GET | Method::HEAD)) => {
            let given: Vec<_> = ["tenant", "owner"].into_iter().filter_map(|key| node.get(key)).collect();
            if !given.is_empty() {
                every_pointer(cx, &given)?;
                let member = |key| node.get(key).and_then(Node::text).map(str::to_owned);
                return Some(ObjectRule { tenant: member("tenant"), owner: member("owner") });
            }
            ("this object rule looks at nothing", "Add `owner: /POINTER`, `tenant: /POINTER`, or both.")
        }
        Methods::Any | Methods::These(_) => (
            "only an answer to GET can be judged before anything happens",
            "Give GET a route of its own; for other methods, take tenant and owner from the path.",
        ),
    };
    cx.report(&codes::BAD_OBJECT, node.span, message, help);
    None
}

fn every_pointer(cx: &Context, nodes: &[&Node]) -> Option<()> {
    let checked: Vec<_> = nodes.iter().map(|node| pointer(cx, node)).collect();
    checked.iter().all(Option::is_some).then_some(())
}

/// A JSON pointer to a member.
pub(super) fn pointer(cx: &Context, node: &Node) -> Option<String> {
    let text = node.text()?;
    let escapes = |text: &str| text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if text.starts_with('/') && text.len() > 1 && escapes(text) {
        return Some(text.to_owned());
    }
    let help = "Write `/member`, or `/outer/inner`; `~1` is a slash in a name, `~0` a tilde.";
    cx.report(&codes::BAD_POINTER, node.span, format!("`{text}` is not a JSON pointer to a member"), help);
    None
}

fn visible_to(cx: &Context, node: &Node, known: &Known<'_>) -> Option<Vec<Visibility>> {
    let roles = known.roles?;
    let one = |(key, node): &(crate::yaml::Key, Node)| {
        let written =
            Node { span: key.span, value: crate::yaml::Value::Scalar { text: key.text.clone(), plain: false } };
        let path = pointer(cx, &written);
        let named = every(node.items(), |node| {
            let name = node.text()?;
            if !roles.contains(name) {
                let help = policy::did_you_mean(name, roles.iter().map(String::as_str));
                cx.report(&codes::UNKNOWN_ROLE, node.span, format!("there is no role `{name}`"), help);
                return None;
            }
            Some(name.to_owned())
        });
        let steps = path?.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        Some(Visibility { path: steps, roles: named? })
    };
    let all: Vec<_> = node.entries().iter().map(one).collect();
    all.into_iter().collect()
}

/// Who answers a route's requests. Whoever may ask for decisions learns who may do what, so that it takes a scope.
pub(in crate::decode) fn serves(
    cx: &Context,
    node: &Node,
    known: &Known<'_>,
    methods: Option<&Methods>,
    access: Option<&Access>,
) -> Option<Serves> {
    let Some(served) = node.get("serves") else { return Some(Serves::Upstream) };
    if served.text()? != "evaluation" {
        let message = "this is nothing that the gateway serves";
        cx.report(&diagnostics::BAD_CHOICE, served.span, message, "Write `evaluation`, or leave it out.");
        return None;
    }
    if known.roles.is_none() {
        let message = "there are no `policies` whose decisions could be served";
        cx.report(&codes::NEEDS_POLICIES, served.span, message, "Add `policies:` to the file.");
        return None;
    }
    let is_post = *methods? == Methods::These(vec![Method::POST]);
    let asks = match access? {
        Access::Public { .. } => false,
        Access::Authenticated { scopes, .. } => !scopes.is_empty(),
    };
    if is_post && asks {
        return Some(Serves::Evaluation);
    }
    let help = "Write `{ match: \"POST /access/v1/evaluation\", scopes: [policy:evaluate], serves: evaluation }`.";
    cx.report(&codes::BAD_EVALUATION, served.span, "decisions are served to POST with a scope only", help);
    None
}
