//! `routes` of an API.

use std::time::Duration;

use super::{Context, apis::Known, cors, every, limits, policies, reason, some_items, template, tokens, values};
use crate::{
    Access, Identity, IssuerName, Method, Methods, PathTemplate, Route, WebSocket,
    codes::{diagnostics, identity as codes},
    yaml::Node,
};

const MAX_BODY: u64 = 1 << 20; // limits: body
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30); // limits: response head
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// One route, with what it does not say itself taken from its API.
pub(super) fn one(cx: &Context, node: &Node, api: &Node, known: &Known<'_>) -> Option<Route> {
    let matched = node.get("match").and_then(|n| parse_match(cx, n));
    let access = access(cx, node, api, known);
    let body = node.get("body").or_else(|| api.get("body")).map_or(Some(MAX_BODY), |n| values::size(cx, n));
    let timeout = node.get("response_timeout").or_else(|| api.get("response_timeout"));
    let timeout = timeout.map_or(Some(RESPONSE_TIMEOUT), |n| positive(cx, n));
    let websocket = node.get("websocket").map(|n| websocket(cx, n));
    let serves = policies::serves(cx, node, known, matched.as_ref().map(|(methods, _)| methods), access.as_ref());
    let name = node.get("match")?.text()?.to_owned();
    let policy =
        policies::route(cx, &policies::Place { node, api, known, name: &name }, matched.as_ref(), access.as_ref());
    let limits = limits::of(cx, node, known.store);
    let cost = node.get("cost").map_or(Some(1), |n| limits::cost(cx, n));
    let step_up = tokens::step_up(cx, node, access.as_ref());
    let (methods, template) = matched?;
    Some(Route {
        name,
        methods,
        template,
        access: access?,
        max_body: body?,
        response_timeout: timeout?,
        encoded_slashes: node.get("encoded_slashes").and_then(Node::text) == Some("true"),
        websocket: match websocket {
            None => None,
            Some(rules) => Some(rules?),
        },
        policy: policy.ok()?,
        serves: serves?,
        limits: limits?,
        cost: cost?,
        step_up: step_up.ok()?,
    })
}

fn websocket(cx: &Context, node: &Node) -> Option<WebSocket> {
    let origins = cors::origins(cx, node.get("origins")?)?;
    Some(WebSocket { origins })
}

fn positive(cx: &Context, node: &Node) -> Option<Duration> {
    let time = values::duration(cx, node)?;
    if time.is_zero() {
        cx.report(&diagnostics::OUT_OF_BOUNDS, node.span, "a time of zero lets nothing pass", "Write `30s`.");
        return None;
    }
    Some(time)
}

fn parse_match(cx: &Context, node: &Node) -> Option<(Methods, PathTemplate)> {
    let text = node.text()?;
    let Some((methods, path)) = text.split_once(' ') else {
        let message = format!("`{text}` is not methods and a path");
        cx.report(&diagnostics::BAD_MATCH, node.span, message, "Write `GET /path`, `GET,POST /path` or `* /path`.");
        return None;
    };
    let methods = parse_methods(cx, node, methods);
    let template = template::parse(path.trim());
    if let Err(message) = &template {
        let help = "Write a canonical path, such as `/orders/{id}` or `/files/{rest*}`.";
        cx.report(&diagnostics::BAD_PATH, node.span, message, help);
    }
    Some((methods?, template.ok()?))
}

fn parse_methods(cx: &Context, node: &Node, text: &str) -> Option<Methods> {
    if text == "*" {
        return Some(Methods::Any);
    }
    let mut methods = Vec::new();
    for name in text.split(',') {
        let Some(method) = METHODS.iter().find(|known| **known == name).and_then(|m| m.parse().ok()) else {
            let help = format!("Use {}, or `*` for all of them.", METHODS.join(", "));
            cx.report(&diagnostics::BAD_METHOD, node.span, format!("the method `{name}` cannot be served"), help);
            return None;
        };
        methods.push(method);
    }
    if methods.contains(&http::Method::GET) {
        methods.push(http::Method::HEAD);
    }
    methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    methods.dedup();
    Some(Methods::These(methods))
}

fn access(cx: &Context, node: &Node, api: &Node, known: &Known<'_>) -> Option<Access> {
    let own = node.get("authenticate");
    if let Some(public) = node.get("public") {
        if let Some(rule) = own.or_else(|| node.get("scopes")) {
            let message = "a public route asks nobody for scopes or credentials";
            let help = "Remove `public`, or remove `scopes` and `authenticate`.";
            cx.report(&diagnostics::PUBLIC_AND_RULE, rule.span, message, help);
            return None;
        }
        return Some(Access::Public { reason: reason(cx, public, "public")? });
    }
    let scopes = values::scopes(cx, node.get("scopes"));
    let Some(list) = own.or_else(|| api.get("authenticate")) else {
        let span = node.get("match").map_or(node.span, |n| n.span);
        let help = "Add `authenticate: [api_key]` to the route or its API, or `public: \"why\"`.";
        cx.report(&diagnostics::NO_RULE, span, "nothing says who may use this route", help);
        return None;
    };
    let by = some_items(cx, list, "authenticate").and_then(|items| every(items, |n| method(cx, n, known)));
    Some(Access::Authenticated { by: by?, scopes: scopes? })
}

/// One entry of `authenticate`.
fn method(cx: &Context, node: &Node, known: &Known<'_>) -> Option<Method> {
    if let Some(issuer) = node.get("jwt") {
        let name = IssuerName(issuer.text()?.to_owned());
        if known.issuers.contains(&name) {
            return Some(Method::Jwt(name));
        }
        let names: Vec<_> = known.issuers.iter().map(|n| n.0.as_str()).collect();
        let help = format!("Add it to `issuers`. Known now: {}.", names.join(", "));
        cx.report(&diagnostics::UNKNOWN_ISSUER, issuer.span, format!("there is no issuer `{}`", name.0), help);
        return None;
    }
    match node.text()? {
        "api_key" => Some(Method::ApiKey),
        "identity" if known.issuers.contains(&Identity::issuer_name()) => Some(Method::Jwt(Identity::issuer_name())),
        "identity" => {
            let help = "Add `identity: {}` to the file.";
            let message = "no authorization server is built in here whose tokens could be taken";
            cx.report(&codes::NO_IDENTITY, node.span, message, help);
            None
        }
        "client_certificate" if known.certificates => Some(Method::ClientCertificate),
        "client_certificate" => {
            let help = "Add `client_certificates: { ca: PATH }` to the `tls` of a listener.";
            let message = "no listener has an authority for client certificates";
            cx.report(&diagnostics::NO_CLIENT_CERTIFICATES, node.span, message, help);
            None
        }
        other => {
            let help = "Write `identity`, `jwt: ISSUER`, `api_key` or `client_certificate`.";
            let message = format!("`{other}` is not a way to authenticate");
            cx.report(&diagnostics::BAD_CHOICE, node.span, message, help);
            None
        }
    }
}
