//! `balance` of an upstream.

use super::Context;
use crate::{Balance, HashBy, codes::diagnostics, yaml::Node};

/// `round_robin`, `least_requests`, or `{ hash: client }`, `{ hash: address }`, `{ hash: header NAME }`.
pub(super) fn balance(cx: &Context, node: &Node) -> Option<Balance> {
    if let Some(by) = node.get("hash") {
        return hash_by(cx, by).map(Balance::Hash);
    }
    match node.text()? {
        "round_robin" => Some(Balance::RoundRobin),
        "least_requests" => Some(Balance::LeastRequests),
        other => {
            let message = format!("`{other}` is no way to choose a server");
            let help = "Write `least_requests`, `round_robin` or `{ hash: client }`.";
            cx.report(&diagnostics::BAD_CHOICE, node.span, message, help);
            None
        }
    }
}

fn hash_by(cx: &Context, node: &Node) -> Option<HashBy> {
    let text = node.text()?;
    let help = "Write the name of one request field after it, such as `{ hash: header X-Tenant }`.";
    match text.split_once(' ').unwrap_or((text, "")) {
        ("client", "") => Some(HashBy::Client),
        ("address", "") => Some(HashBy::Address),
        ("header", "") => {
            cx.report(&diagnostics::HASH_WITHOUT_HEADER, node.span, "`hash: header` names no header", help);
            None
        }
        ("header", name) => {
            let header = name.trim().parse().ok().map(HashBy::Header);
            if header.is_none() {
                let message = format!("`{name}` is not the name of a header");
                cx.report(&diagnostics::HASH_WITHOUT_HEADER, node.span, message, help);
            }
            header
        }
        _ => {
            let message = format!("`{text}` is nothing that requests are told apart by");
            cx.report(&diagnostics::BAD_CHOICE, node.span, message, "Write `client`, `address` or `header NAME`.");
            None
        }
    }
}
