//! `apis`: each by itself, then against each other.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    Context, addresses, catch_alls, contracts, cors,
    identity::Origin,
    limits, policies, routes, some_items, template, tokens,
    upstreams::{self, Upstreams},
};
use crate::{
    Api, Contract, HostPattern, IssuerName, Methods, PathTemplate, Route, Segment, codes::diagnostics, yaml::Node,
};

/// What APIs can refer to.
pub(super) struct Known<'k> {
    pub(super) issuers: &'k BTreeSet<IssuerName>,
    pub(super) upstreams: &'k Upstreams,
    pub(super) certificates: bool,
    /// Names of roles; `None` without policies.
    pub(super) roles: Option<&'k BTreeSet<String>>,
    /// Whether limits can be shared.
    pub(super) store: bool,
    /// Whether countries of addresses are known.
    pub(super) countries: bool,
    /// The address under which clients know the gateway, if it can be told.
    pub(super) origin: Option<&'k Origin>,
}

pub(super) fn all(cx: &Context, node: &Node, known: &Known<'_>) -> Option<Vec<Api>> {
    let items = some_items(cx, node, "apis")?;
    let decoded: Vec<_> = items.iter().map(|item| one(cx, item, known)).collect();
    let placed: Vec<_> = items.iter().zip(&decoded).filter_map(|(n, api)| Some((n, api.as_ref()?))).collect();
    for (at, (node, api)) in placed.iter().enumerate() {
        for (_, earlier) in placed.iter().take(at) {
            same_place(cx, node, api, earlier);
        }
        for (_, other) in placed.iter().filter(|(_, other)| other.host == api.host) {
            shadowed(cx, node, api, other);
        }
    }
    catch_alls::check(cx, &placed);
    decoded.into_iter().collect()
}

fn one(cx: &Context, node: &Node, known: &Known<'_>) -> Option<Api> {
    let host = node.get("host").map_or(Some(HostPattern::Any), |n| host(cx, n));
    let prefix = node.get("path").map_or(Some("/".into()), |n| prefix(cx, n));
    let upstream = node.get("upstream").and_then(|n| upstreams::of_api(cx, n, known.upstreams));
    let limits = limits::of(cx, node, known.store);
    let addresses = addresses::rules(cx, node.get("addresses"), known.countries);
    let cors = node.get("cors").map(|n| cors::rules(cx, n));
    let policies_off = node.get("policies").map(|n| policies::off(cx, n, known));
    let contract = match (node.get("contract"), &prefix) {
        (None, _) => Some(None),
        (Some(node), Some(prefix)) => contracts::one(cx, node, prefix).map(Some),
        (Some(_), None) => None,
    };
    let nodes = route_nodes(cx, node, contract.as_ref()?.as_ref(), known)?;
    let routes: Vec<_> = nodes.iter().map(|n| routes::one(cx, n, node, known)).collect();
    let resource = tokens::resource(cx, node.get("resource"), host.as_ref(), prefix.as_deref(), known.origin);
    let path = prefix?;
    for (at, (node, route)) in nodes.iter().zip(&routes).enumerate() {
        let Some(route) = route else { continue };
        outside(cx, node, route, &path);
        if let Some(twin) = routes.iter().take(at).flatten().find(|earlier| overlap(earlier, route)) {
            let message = format!("`{}` takes the same requests as `{}`", route.name, twin.name);
            let help = "Join the two, or give them different methods.";
            cx.report(&diagnostics::AMBIGUOUS_ROUTES, match_span(node), message, help);
        }
    }
    policies::check_parameters(cx, node, routes.iter().flatten());
    let name = node.get("name")?.text()?.to_owned();
    let routes: Option<Vec<Route>> = routes.into_iter().collect();
    let (limits, routes) = (limits?, routes?);
    let resource = resource.ok()?;
    tokens::check_mcp(cx, node, &routes, resource.as_ref());
    limits::check_together(cx, node, &limits, &routes)?;
    let cors = match cors {
        None => None,
        Some(cors) => Some(cors?),
    };
    let policies_off = match policies_off {
        None => None,
        Some(reason) => Some(reason?),
    };
    Some(Api {
        name,
        host: host?,
        path,
        upstream: upstream?,
        routes,
        addresses: addresses?,
        limits,
        cors,
        contract: contract?,
        policies_off,
        resource,
        mcp: node.get("mcp").and_then(Node::text) == Some("true"),
    })
}

/// Routes of the file, then those that the document stands for.
fn route_nodes(cx: &Context, node: &Node, contract: Option<&Contract>, known: &Known<'_>) -> Option<Vec<Node>> {
    let listed = match node.get("routes") {
        Some(routes) => some_items(cx, routes, "routes")?.to_vec(),
        None if contracts::makes_routes(node) => Vec::new(),
        None => {
            let help = "Add `routes:`, or `contract: { openapi: FILE }` to have those of a document.";
            cx.report(&diagnostics::MISSING_KEY, node.span, "the API has no routes", help);
            return None;
        }
    };
    let made = match contract {
        Some(contract) if contracts::makes_routes(node) => contracts::routes(cx, node, contract, &listed, known),
        Some(_) | None => Vec::new(),
    };
    Some([listed, made].concat())
}

fn match_span(node: &Node) -> crate::Span {
    node.get("match").map_or(node.span, |n| n.span)
}

fn host(cx: &Context, node: &Node) -> Option<HostPattern> {
    let text = node.text()?;
    let host = host_name(text).map(HostPattern::Exact);
    if host.is_none() {
        let help = "Write a name such as `api.example.com`, without scheme, port, path or `*`.";
        cx.report(&diagnostics::BAD_HOST, node.span, format!("`{text}` is not a host"), help);
    }
    host
}

/// A DNS name (RFC 1123) or an IP literal, in canonical form; IPv6 keeps its brackets.
pub(super) fn host_name(text: &str) -> Option<String> {
    if let Some(literal) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return literal.parse::<std::net::Ipv6Addr>().ok().map(|ip| format!("[{ip}]"));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return ip.is_ipv4().then(|| ip.to_string());
    }
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // A last label of digits would be read as an IPv4 address by some (WHATWG URL).
    let numeric = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    (name.len() <= 253 && !numeric && name.split('.').all(label)).then_some(name)
}

fn prefix(cx: &Context, node: &Node) -> Option<String> {
    let text = node.text()?;
    let message = match template::parse(text) {
        Ok(path) if path.segments.iter().all(|s| matches!(s, Segment::Literal(_))) => return Some(text.to_owned()),
        Ok(_) => "the path of an API has no parameters".to_owned(),
        Err(message) => message,
    };
    cx.report(&diagnostics::BAD_PATH, node.span, message, "Write a canonical prefix, such as `/orders`.");
    None
}

fn outside(cx: &Context, node: &Node, route: &Route, prefix: &str) {
    if !under(&route.template, prefix) {
        let message = format!("`{}` does not lie under the API's path `{prefix}`", route.template.text);
        let help = format!("Write the whole path, which starts with `{prefix}`.");
        cx.report(&diagnostics::ROUTE_OUTSIDE, match_span(node), message, help);
    }
}

fn under(template: &PathTemplate, prefix: &str) -> bool {
    let prefix: Vec<_> = prefix.split('/').filter(|s| !s.is_empty()).collect();
    let same = template.segments.iter().zip(&prefix).all(|(s, p)| matches!(s, Segment::Literal(l) if l == p));
    same && template.segments.len() >= prefix.len()
}

/// Same template up to the names of parameters, and a method in common.
fn overlap(a: &Route, b: &Route) -> bool {
    let same = |pair: (&Segment, &Segment)| match pair {
        (Segment::Literal(x), Segment::Literal(y)) => x == y,
        (Segment::Parameter(_), Segment::Parameter(_)) | (Segment::Rest(_), Segment::Rest(_)) => true,
        (Segment::Literal(_) | Segment::Parameter(_) | Segment::Rest(_), _) => false,
    };
    let (x, y) = (&a.template.segments, &b.template.segments);
    let methods = match (&a.methods, &b.methods) {
        (Methods::Any, _) | (_, Methods::Any) => true,
        (Methods::These(x), Methods::These(y)) => x.iter().any(|method| y.contains(method)),
    };
    methods && x.len() == y.len() && x.iter().zip(y).all(same)
}

fn same_place(cx: &Context, node: &Node, api: &Api, earlier: &Api) {
    if api.host == earlier.host && api.path == earlier.path {
        let message = format!("`{}` and `{}` have the same host and path", earlier.name, api.name);
        let help = "Join them, or give them different paths or hosts.";
        cx.report(&diagnostics::DUPLICATE_API, node.span, message, help);
    }
    if api.name == earlier.name {
        let span = node.get("name").map_or(node.span, |n| n.span);
        let message = format!("two APIs are named `{}`", api.name);
        cx.report(&diagnostics::DUPLICATE_NAME, span, message, "Give each its own name.");
    }
}

/// The API with the longest path takes a request, so a route under another API's longer path is never reached.
fn shadowed(cx: &Context, node: &Node, api: &Api, other: &Api) {
    if other.path.len() <= api.path.len() {
        return;
    }
    let listed = node.get("routes").map(Node::items).unwrap_or_default();
    // Behind those of the file are those of the document.
    let made = node.get("contract").and_then(|contract| contract.get("openapi"));
    let nodes = listed.iter().chain(std::iter::repeat(made.unwrap_or(node)));
    for (node, route) in nodes.zip(&api.routes).filter(|(_, route)| under(&route.template, &other.path)) {
        let message = format!("requests of `{}` go to the API `{}` at `{}`", route.name, other.name, other.path);
        let help = format!("Move the route to `{}`.", other.name);
        cx.report(&diagnostics::ROUTE_SHADOWED, match_span(node), message, help);
    }
}
