//! `upstreams`, and upstreams written as a URL in an API.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Context, balance, every, files, health, some_items, values};
use crate::{Balance, Certificate, Server, Upstream, UpstreamProtocol, UpstreamTls, codes::diagnostics, yaml::Node};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3); // limits: upstream connect
const MAX_IDLE: usize = 64;
const MAX_REQUESTS: u64 = 1_024; // limits: requests of an upstream
const MOST_REQUESTS: u64 = 1_000_000;
const MAX_WAITING: u64 = 128; // limits: requests that wait for an upstream
const MOST_WAITING: u64 = 10_000;
const MAX_WAIT: Duration = Duration::from_millis(250); // limits: longest wait for an upstream
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// By name; `None` for one whose mistakes were reported.
pub(super) type Upstreams = BTreeMap<String, Option<Arc<Upstream>>>;

pub(super) fn all(cx: &Context, node: Option<&Node>) -> Upstreams {
    let entries = node.map(Node::entries).unwrap_or_default();
    entries.iter().map(|(key, value)| (key.text.clone(), one(cx, &key.text, value).map(Arc::new))).collect()
}

fn one(cx: &Context, name: &str, node: &Node) -> Option<Upstream> {
    let list = node.get("servers")?;
    let servers = some_items(cx, list, "servers").and_then(|items| every(items, |item| server(cx, item)));
    let protocol = node.get("protocol").map_or(Some(UpstreamProtocol::Http1), |n| protocol(cx, n));
    let timeout = node.get("connect_timeout").map_or(Some(CONNECT_TIMEOUT), |n| values::duration(cx, n));
    let ca = node.get("ca").map(|ca| files::certificates(cx, ca));
    let max_idle = node.get("max_idle").map_or(Some(MAX_IDLE), |n| n.text()?.parse().ok());
    let max_requests = health::number(cx, node.get("max_requests"), "max_requests", MAX_REQUESTS, 1..=MOST_REQUESTS);
    let max_waiting = health::number(cx, node.get("max_waiting"), "max_waiting", MAX_WAITING, 0..=MOST_WAITING);
    let max_wait = node.get("max_wait").map_or(Some(MAX_WAIT), |n| wait(cx, n));
    let balance = node.get("balance").map_or(Some(Balance::LeastRequests), |n| balance::balance(cx, n));
    let ejection = health::ejection(cx, node.get("ejection"));
    let health = node.get("health").map(|check| health::check(cx, check));
    let client = node.get("tls").map(|tls| client_certificate(cx, tls));
    let server_name = node.get("server_name").and_then(Node::text).map(str::to_owned);
    let servers = servers?;
    let secure = servers.first()?.0;
    if servers.iter().any(|(tls, _)| *tls != secure) {
        let message = "some servers are https and some are http";
        cx.report(&diagnostics::MIXED_SERVERS, list.span, message, "Use one scheme for all of them.");
        return None;
    }
    let settings = ["ca", "server_name", "tls"];
    if let (false, Some(setting)) = (secure, settings.iter().find_map(|key| node.get(key))) {
        let message = "`ca`, `server_name` and `tls` have no effect on http servers";
        cx.report(&diagnostics::MIXED_SERVERS, setting.span, message, "Write https:// for the servers.");
        return None;
    }
    let (ca, client, health) = (decoded(ca)?, decoded(client)?, decoded(health)?);
    Some(Upstream {
        name: name.to_owned(),
        servers: servers.into_iter().map(|(_, server)| server).collect(),
        protocol: protocol?,
        balance: balance?,
        tls: secure.then_some(UpstreamTls { ca, server_name, client }),
        connect_timeout: timeout?,
        max_idle: max_idle?,
        max_requests: usize::try_from(max_requests?).ok()?,
        max_waiting: usize::try_from(max_waiting?).ok()?,
        max_wait: max_wait?,
        ejection: ejection?,
        health,
    })
}

/// A queue in which requests wait for longer helps nobody: their clients have given up.
fn wait(cx: &Context, node: &Node) -> Option<Duration> {
    let wait = values::duration(cx, node)?;
    if wait > LONGEST_WAIT {
        let help = "Write a shorter time, such as `250ms`, or leave it out.";
        cx.report(&diagnostics::OUT_OF_BOUNDS, node.span, "`max_wait` is longer than 10s", help);
        return None;
    }
    Some(wait)
}

/// What an absent or a valid setting comes to; `None` for one whose mistakes were reported.
#[allow(clippy::option_option)]
fn decoded<T>(setting: Option<Option<T>>) -> Option<Option<T>> {
    match setting {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}

/// What the gateway shows to servers. A shape that lacks one of the two was reported.
fn client_certificate(cx: &Context, node: &Node) -> Option<Arc<Certificate>> {
    files::certificate(cx, node.get("certificate")?, node.get("key")?).map(Arc::new)
}

fn protocol(cx: &Context, node: &Node) -> Option<UpstreamProtocol> {
    match node.text()? {
        "http1" => Some(UpstreamProtocol::Http1),
        "http2" => Some(UpstreamProtocol::Http2),
        other => {
            let message = format!("`{other}` is not a protocol");
            cx.report(&diagnostics::BAD_CHOICE, node.span, message, "Write `http1` or `http2`.");
            None
        }
    }
}

/// The upstream of an API: a URL, or a name.
pub(super) fn of_api(cx: &Context, node: &Node, known: &Upstreams) -> Option<Arc<Upstream>> {
    let text = node.text()?;
    if let Some(upstream) = known.get(text) {
        return upstream.clone();
    }
    if !text.contains("://") {
        let message = format!("there is no upstream `{text}`");
        let names: Vec<_> = known.keys().map(String::as_str).collect();
        let help = if names.is_empty() {
            "Write a URL, such as `http://127.0.0.1:9000`.".to_owned()
        } else {
            format!("Write a URL, or one of: {}.", names.join(", "))
        };
        cx.report(&diagnostics::UNKNOWN_UPSTREAM, node.span, message, help);
        return None;
    }
    let (secure, server) = server(cx, node)?;
    Some(Arc::new(Upstream {
        name: text.to_owned(),
        servers: vec![server],
        protocol: UpstreamProtocol::Http1,
        balance: Balance::LeastRequests,
        tls: secure.then_some(UpstreamTls { ca: None, server_name: None, client: None }),
        connect_timeout: CONNECT_TIMEOUT,
        max_idle: MAX_IDLE,
        max_requests: usize::try_from(MAX_REQUESTS).ok()?,
        max_waiting: usize::try_from(MAX_WAITING).ok()?,
        max_wait: MAX_WAIT,
        ejection: health::ejection(cx, None)?,
        health: None,
    }))
}

/// Whether it speaks TLS, and where it is.
fn server(cx: &Context, node: &Node) -> Option<(bool, Server)> {
    let text = node.text()?;
    let parsed = parse_server(text);
    if parsed.is_none() {
        let message = "this is not http:// or https:// with a host and an optional port only";
        let help = "Write `https://HOST:PORT`, without user, path or query.";
        // Userinfo may hold a password, which must not be shown.
        let code = if text.contains('@') { &diagnostics::LITERAL_SECRET } else { &diagnostics::BAD_UPSTREAM_URL };
        cx.report(code, node.span, message, help);
    }
    parsed
}

fn parse_server(text: &str) -> Option<(bool, Server)> {
    let (secure, rest) = match text.split_once("://")? {
        ("https", rest) => (true, rest),
        ("http", rest) => (false, rest),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let authority = rest.parse::<http::uri::Authority>().ok()?;
    let host = super::apis::host_name(authority.host())?;
    let port = match rest.get(authority.host().len()..)?.strip_prefix(':') {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None if rest.len() == authority.host().len() => {
            if secure {
                443
            } else {
                80
            }
        }
        None => return None,
    };
    Some((secure, Server { host: host.trim_matches(['[', ']']).to_owned(), port }))
}
