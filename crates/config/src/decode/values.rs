//! Values with a form of their own: durations, sizes, rates, networks, scopes.

use std::time::Duration;

use ipnet::IpNet;

use super::Context;
use crate::{Rate, Scope, codes::diagnostics, yaml::Node};

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(at);
    Some((digits.parse().ok()?, unit.trim()))
}

/// `500ms`, `30s`, `5m`, `1h`, `1d`; more than zero.
pub(super) fn duration(cx: &Context, node: &Node) -> Option<Duration> {
    let text = node.text()?;
    let parsed = number_and_unit(text).and_then(|(number, unit)| {
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(millis).map(Duration::from_millis)
    });
    if parsed.is_none() {
        let help = "Write a whole number with ms, s, m, h or d, such as `30s`.";
        cx.report(&diagnostics::BAD_DURATION, node.span, format!("`{text}` is not a duration"), help);
    }
    parsed
}

/// `512B`, `64KiB`, `1MiB`, `1GiB`, in bytes.
pub(super) fn size(cx: &Context, node: &Node) -> Option<u64> {
    let text = node.text()?;
    let parsed = number_and_unit(text).and_then(|(number, unit)| {
        let bytes = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        number.checked_mul(bytes)
    });
    if parsed.is_none() {
        let help = "Write a whole number with B, KiB, MiB or GiB, such as `1MiB`.";
        cx.report(&diagnostics::BAD_SIZE, node.span, format!("`{text}` is not a size"), help);
    }
    parsed
}

/// Requests a second at most: past it a nanosecond is too coarse to count by.
const FASTEST: u64 = 1_000_000;

/// `100/minute`.
pub(super) fn rate(cx: &Context, node: &Node) -> Option<Rate> {
    let text = node.text()?;
    let Some(rate) = parse_rate(text) else {
        let help = "Write requests in a period, such as `100/minute` (second, minute, hour, day).";
        cx.report(&diagnostics::BAD_RATE, node.span, format!("`{text}` is not a rate"), help);
        return None;
    };
    if rate.requests / rate.period.as_secs().max(1) > FASTEST {
        let help = format!("Write at most {FASTEST} a second, or leave the limit out.");
        cx.report(&diagnostics::OUT_OF_BOUNDS, node.span, format!("`{text}` limits nothing"), help);
        return None;
    }
    Some(rate)
}

fn parse_rate(text: &str) -> Option<Rate> {
    let (requests, period) = text.split_once('/')?;
    let requests = requests.parse().ok().filter(|n| *n > 0)?;
    let seconds = match period {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    Some(Rate { requests, period: Duration::from_secs(seconds) })
}

/// A list of CIDR networks; absent means none. Those that are wrong are reported.
pub(super) fn networks(cx: &Context, node: Option<&Node>) -> Vec<IpNet> {
    let items = node.map(Node::items).unwrap_or_default();
    items.iter().filter_map(|item| network(cx, item)).collect()
}

fn network(cx: &Context, node: &Node) -> Option<IpNet> {
    let text = node.text()?;
    let (message, help) = match text.parse::<IpNet>() {
        Ok(net) if net.trunc() == net => return Some(net),
        Ok(net) => (format!("`{text}` has bits set past its prefix"), format!("Write `{}`.", net.trunc())),
        Err(_) => (format!("`{text}` is not a network"), "Write an address and a prefix: `10.0.0.0/8`.".into()),
    };
    cx.report(&diagnostics::BAD_CIDR, node.span, message, help);
    None
}

/// Scope tokens (RFC 6749 §3.3); absent means none.
pub(super) fn scopes(cx: &Context, node: Option<&Node>) -> Option<Vec<Scope>> {
    super::every(node.map(Node::items).unwrap_or_default(), |item| scope(cx, item))
}

pub(super) fn scope(cx: &Context, node: &Node) -> Option<Scope> {
    let text = node.text()?;
    let valid = !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    if !valid {
        let help = "Use printable ASCII without spaces, `\"` and `\\`; two scopes are two entries of the list.";
        cx.report(&diagnostics::BAD_SCOPE, node.span, format!("`{text}` is not a scope"), help);
        return None;
    }
    Some(Scope(text.to_owned()))
}

/// Texts of a list; absent means none.
pub(super) fn texts(node: Option<&Node>) -> Vec<String> {
    node.map(Node::items).unwrap_or_default().iter().filter_map(|n| n.text().map(str::to_owned)).collect()
}
