//! `shared_limits`: the store through which instances share.

use std::{net::IpAddr, num::NonZeroU64};

use zeroize::Zeroizing;

use super::{Context, files, reason};
use crate::{SharedLimits, StoreAddress, StoreFailure, StoreTls, codes::diagnostics, yaml::Node};

const PORT: u16 = 6379;
/// More instances than that share a caller's limit by hardly a request each.
const MOST_NODES: u64 = 10_000;

pub(super) fn store(cx: &Context, node: &Node) -> Option<SharedLimits> {
    let store = node.get("store").and_then(|n| address(cx, node, n));
    let nodes = node.get("nodes").and_then(|n| nodes(cx, n));
    let password = node.get("password").map(|n| password(cx, n));
    let on_store_failure = node.get("on_store_failure").map_or(Some(StoreFailure::LocalShare), |n| failure(cx, n));
    let password = match password {
        None => None,
        Some(password) => Some(password?),
    };
    let username = node.get("username").and_then(Node::text).map(str::to_owned);
    Some(SharedLimits { store: store?, username, password, nodes: nodes?, on_store_failure: on_store_failure? })
}

/// `redis://HOST:PORT/DATABASE`, or `rediss://` with TLS.
fn address(cx: &Context, whole: &Node, node: &Node) -> Option<StoreAddress> {
    let text = node.text()?;
    let Some((secure, host, port, database)) = parse(text) else {
        let help = "Write `rediss://HOST:PORT` (TLS) or `redis://127.0.0.1:6379`, with `/NUMBER` for another database. The \
                    password goes into `password: file:PATH`.";
        cx.report(&diagnostics::BAD_STORE, node.span, "this is not the address of a store", help);
        return None;
    };
    let ca = whole.get("ca").map(|n| files::certificates(cx, n));
    let ca = match ca {
        None => None,
        Some(ca) => Some(ca?),
    };
    let tls = secure.then_some(StoreTls { ca });
    if tls.is_none() && !is_loopback(&host) {
        let Some(plaintext) = whole.get("plaintext") else {
            let help = "Write `rediss://`, or `plaintext: \"why\"` beside it.";
            cx.report(&diagnostics::PLAINTEXT, node.span, "whoever is on the way reads and changes counts", help);
            return None;
        };
        reason(cx, plaintext, "plaintext")?;
    }
    Some(StoreAddress { host, port, database, tls })
}

fn parse(text: &str) -> Option<(bool, String, u16, i64)> {
    let (secure, rest) = match text.split_once("://")? {
        ("rediss", rest) => (true, rest),
        ("redis", rest) => (false, rest),
        _ => return None,
    };
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let database = if database.is_empty() { 0 } else { database.parse::<u16>().ok()?.into() };
    // A password here would be one in the file.
    let authority = Some(authority).filter(|text| !text.contains('@'))?.parse::<http::uri::Authority>().ok()?;
    let host = super::apis::host_name(authority.host())?;
    let port = if authority.as_str().ends_with(':') { None } else { Some(authority.port_u16().unwrap_or(PORT)) };
    Some((secure, host.trim_matches(['[', ']']).to_owned(), port.filter(|port| *port > 0)?, database))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn nodes(cx: &Context, node: &Node) -> Option<NonZeroU64> {
    let nodes = node.text()?.parse::<NonZeroU64>().ok().filter(|nodes| nodes.get() <= MOST_NODES);
    if nodes.is_none() {
        let help = format!("Write how many instances share, from 1 to {MOST_NODES}.");
        cx.report(&diagnostics::OUT_OF_BOUNDS, node.span, "`nodes` is not such a number", help);
    }
    nodes
}

fn password(cx: &Context, node: &Node) -> Option<Zeroizing<String>> {
    let bytes = files::secret(cx, node)?;
    let text =
        std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
    let text = text.filter(|text| !text.is_empty());
    if text.is_none() {
        cx.report(&diagnostics::BAD_STORE, node.span, "there is no password in it", "Give one line of UTF-8 text.");
    }
    text
}

fn failure(cx: &Context, node: &Node) -> Option<StoreFailure> {
    if let Some(allow) = node.get("allow") {
        return Some(StoreFailure::Allow { reason: reason(cx, allow, "allow")? });
    }
    match node.text()? {
        "local_share" => Some(StoreFailure::LocalShare),
        "deny" => Some(StoreFailure::Deny),
        other => {
            let help = "Write `local_share`, `deny` or `{ allow: \"why\" }`.";
            let message = format!("`{other}` is nothing to do while the store is gone");
            cx.report(&diagnostics::BAD_CHOICE, node.span, message, help);
            None
        }
    }
}
