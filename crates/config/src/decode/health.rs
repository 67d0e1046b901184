//! `ejection` and `health` of an upstream.

use std::{ops::RangeInclusive, time::Duration};

use http::uri::PathAndQuery;

use super::{Context, reason, values};
use crate::{Ejection, EjectionRules, HealthCheck, codes::diagnostics, yaml::Node};

/// Servers and their logs are not to be flooded with checks, nor a server forgotten for days.
const TIMES: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_hours(1);
const IN_A_ROW: RangeInclusive<u64> = 1..=1_000;

/// When a server that fails is ejected. On by default.
pub(super) fn ejection(cx: &Context, node: Option<&Node>) -> Option<Ejection> {
    let get = |key| node.and_then(|node| node.get(key));
    if let (Some(node), Some(off)) = (node, get("off")) {
        if node.entries().len() > 1 {
            let message = "`off` leaves nothing for the other keys to say";
            cx.report(&diagnostics::EXCLUSIVE_KEYS, off.span, message, "Keep `off`, or the others.");
            return None;
        }
        return Some(Ejection::Off { reason: reason(cx, off, "off")? });
    }
    let failures = number(cx, get("failures"), "failures", 5, IN_A_ROW);
    let share = number(cx, get("share"), "share", 50, 1..=100);
    let time = time(cx, get("time"), "time", Duration::from_secs(10));
    let longest = self::time(cx, get("longest"), "longest", Duration::from_mins(5));
    let (failures, share, time, longest) = (failures?, share?, time?, longest?);
    if let (true, Some(at)) = (longest < time, get("longest").or_else(|| get("time"))) {
        let message = "the longest ejection is shorter than the first one";
        cx.report(&diagnostics::TIMES_CONTRADICT, at.span, message, "Raise `longest`, or lower `time`.");
        return None;
    }
    Some(Ejection::On(EjectionRules {
        failures: u32::try_from(failures).ok()?,
        time,
        longest,
        share: u8::try_from(share).ok()?,
        gateway_errors: get("gateway_errors").and_then(Node::text) == Some("true"),
    }))
}

/// How servers are asked how they are.
pub(super) fn check(cx: &Context, node: &Node) -> Option<HealthCheck> {
    let path = node.get("path").and_then(|path| path_of(cx, path));
    let every = time(cx, node.get("every"), "every", Duration::from_secs(5));
    let timeout = time(cx, node.get("timeout"), "timeout", Duration::from_secs(1).min(every.unwrap_or(Duration::MAX)));
    let healthy = number(cx, node.get("healthy"), "healthy", 2, IN_A_ROW);
    let unhealthy = number(cx, node.get("unhealthy"), "unhealthy", 3, IN_A_ROW);
    let (every, timeout) = (every?, timeout?);
    if timeout > every {
        let at = node.get("timeout").unwrap_or(node);
        let message = "a check may take longer than the time to the next one";
        cx.report(&diagnostics::TIMES_CONTRADICT, at.span, message, "Keep `timeout` at or below `every`.");
        return None;
    }
    let (healthy, unhealthy) = (u32::try_from(healthy?).ok()?, u32::try_from(unhealthy?).ok()?);
    Some(HealthCheck { path: path?, every, timeout, healthy, unhealthy })
}

fn path_of(cx: &Context, node: &Node) -> Option<PathAndQuery> {
    let text = node.text()?;
    let path = text.parse().ok().filter(|_| text.starts_with('/') && !text.contains('#'));
    if path.is_none() {
        let help = "Write what follows the host, such as `/healthz`.";
        cx.report(&diagnostics::BAD_HEALTH_PATH, node.span, format!("`{text}` is not a path"), help);
    }
    path
}

fn time(cx: &Context, node: Option<&Node>, key: &str, default: Duration) -> Option<Duration> {
    let Some(node) = node else { return Some(default) };
    let time = values::duration(cx, node)?;
    if !TIMES.contains(&time) {
        let message = format!("`{key}` is not from 100ms to 1h");
        cx.report(&diagnostics::OUT_OF_BOUNDS, node.span, message, "Write a time between them, or leave it out.");
        return None;
    }
    Some(time)
}

/// A whole number in bounds.
pub(super) fn number(
    cx: &Context,
    node: Option<&Node>,
    key: &str,
    default: u64,
    bounds: RangeInclusive<u64>,
) -> Option<u64> {
    let Some(node) = node else { return Some(default) };
    // What is no number was reported when the shape was checked.
    let number = node.text()?.parse().ok()?;
    if !bounds.contains(&number) {
        let message = format!("`{key}` is not from {} to {}", bounds.start(), bounds.end());
        cx.report(&diagnostics::OUT_OF_BOUNDS, node.span, message, "Write a number between them, or leave it out.");
        return None;
    }
    Some(number)
}
