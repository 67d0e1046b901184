//! `limits`, `monitoring`, `workers`.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{Context, reason, values};
use crate::{
    AccessLog, FailedAuthentication, GlobalLimits, Monitoring, Rate, TraceContext, Traces, codes::diagnostics,
    yaml::Node,
};

const MAX_WORKERS: usize = 1024;

/// Limits, or their defaults. What is wrong is reported and then keeps its default.
pub(super) fn limits(cx: &Context, node: Option<&Node>) -> GlobalLimits {
    let read = Limits { cx, node };
    GlobalLimits {
        header_count: read.count("header_count", 100, 1_000),
        header_bytes: read.size("header_bytes", 32 << 10, 1 << 20),
        target_bytes: read.size("target_bytes", 8 << 10, 64 << 10),
        handshake_timeout: read.time("handshake_timeout", 10, 60),
        header_timeout: read.time("header_timeout", 10, 60),
        body_minimum_rate: read.count("body_minimum_rate", 500, 1 << 30),
        keep_alive: read.time("keep_alive", 60, 600),
        stream_idle: read.time("stream_idle", 300, 3_600),
        connections: read.count("connections", 10_000, 1_000_000),
        connections_per_address: read.count("connections_per_address", 256, 100_000),
        http2_streams: read.count("http2_streams", 100, 1_000),
        token_bytes: read.size("token_bytes", 8 << 10, 64 << 10),
        buckets: read.count("buckets", 1 << 20, 1 << 26),
        memory: read.get("memory").and_then(|n| values::size(cx, n)),
        held_bodies: read.get("held_bodies").and_then(|n| values::size(cx, n)),
        failed_authentication: failed_authentication(cx, node.and_then(|node| node.get("failed_authentication"))),
    }
}

/// What is wrong is reported and then keeps its default.
fn failed_authentication(cx: &Context, node: Option<&Node>) -> FailedAuthentication {
    let rate = |key: &str, requests, seconds| {
        let given = node.and_then(|node| node.get(key)).and_then(|n| values::rate(cx, n));
        given.unwrap_or(Rate { requests, period: Duration::from_secs(seconds) })
    };
    FailedAuthentication {
        per_address: rate("per_address", 60, 60),
        per_credential: rate("per_credential", 10, 60),
        ban_after: rate("ban_after", 300, 3_600),
        ban: Limits { cx, node }.time("ban", 300, 86_400),
    }
}

struct Limits<'c> {
    cx: &'c Context,
    node: Option<&'c Node>,
}

impl Limits<'_> {
    fn get(&self, key: &str) -> Option<&Node> {
        self.node.and_then(|node| node.get(key))
    }

    fn count<T: TryFrom<u64>>(&self, key: &str, default: T, most: u64) -> T {
        let value = self.get(key).and_then(|n| Some((n, n.text()?.parse().ok()?)));
        value.and_then(|(n, value)| self.bounded(n, key, value, 1, most, most)?.try_into().ok()).unwrap_or(default)
    }

    fn size(&self, key: &str, default: usize, most: u64) -> usize {
        let value = self.get(key).and_then(|n| Some((n, values::size(self.cx, n)?)));
        let most_shown = format!("{}KiB", most >> 10);
        value
            .and_then(|(n, value)| self.bounded(n, key, value, 64, most, most_shown)?.try_into().ok())
            .unwrap_or(default)
    }

    fn time(&self, key: &str, default: u64, most: u64) -> Duration {
        let most = Duration::from_secs(most);
        let value = self.get(key).and_then(|n| Some((n, values::duration(self.cx, n)?)));
        let shown = format!("{}s", most.as_secs());
        let value = value.and_then(|(n, time)| self.bounded(n, key, time, Duration::from_millis(1), most, shown));
        value.unwrap_or(Duration::from_secs(default))
    }

    fn bounded<T: PartialOrd + Copy>(
        &self,
        n: &Node,
        key: &str,
        value: T,
        least: T,
        most: T,
        shown: impl Display,
    ) -> Option<T> {
        if value < least {
            let message = format!("`{key}` is so small that no request passes");
            self.cx.report(&diagnostics::OUT_OF_BOUNDS, n.span, message, "Raise it, or leave it out.");
            return None;
        }
        if value > most {
            let message = format!("`{key}` is above {shown}, where it protects nothing");
            self.cx.report(&diagnostics::OUT_OF_BOUNDS, n.span, message, format!("Write at most {shown}."));
            return None;
        }
        Some(value)
    }
}

/// Worker threads.
pub(super) fn workers(cx: &Context, node: &Node) -> Option<usize> {
    let workers: usize = node.text()?.parse().ok()?;
    if (1..=MAX_WORKERS).contains(&workers) {
        return Some(workers);
    }
    let help = "Write the number of cores to use, or leave it out.";
    cx.report(&diagnostics::OUT_OF_BOUNDS, node.span, format!("`workers` is not from 1 to {MAX_WORKERS}"), help);
    None
}

/// Logs and numbers.
pub(super) fn monitoring(cx: &Context, node: Option<&Node>) -> Monitoring {
    let get = |key| node.and_then(|node| node.get(key));
    Monitoring {
        address: get("address").and_then(|address| monitoring_address(cx, address)),
        access_log: get("access_log").and_then(|log| access_log(cx, log)).unwrap_or(AccessLog::Stdout),
        traces: get("traces").and_then(|traces| self::traces(cx, traces)),
        trace_context: get("trace_context").map_or(TraceContext::TrustedProxies, |n| trace_context(cx, n)),
    }
}

fn trace_context(cx: &Context, node: &Node) -> TraceContext {
    match node.text() {
        Some("anyone") => TraceContext::Anyone,
        Some("trusted_proxies") | None => TraceContext::TrustedProxies,
        Some(other) => {
            let message = format!("`{other}` is not whose traces go on");
            cx.report(&diagnostics::BAD_CHOICE, node.span, message, "Write `trusted_proxies` or `anyone`.");
            TraceContext::TrustedProxies
        }
    }
}

fn traces(cx: &Context, node: &Node) -> Option<Traces> {
    let endpoint = node.get("endpoint").and_then(|n| endpoint(cx, n));
    let sample = node.get("sample").and_then(|n| sample(cx, n));
    Some(Traces { endpoint: endpoint?, sample_millionths: sample? })
}

fn endpoint(cx: &Context, node: &Node) -> Option<http::Uri> {
    let text = node.text()?;
    let is_loopback = |host: &str| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    let endpoint = text.parse::<http::Uri>().ok().filter(|uri| match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(_)) => true,
        (Some("http"), Some(host)) => is_loopback(host),
        _ => false,
    });
    if endpoint.is_none() {
        let help = "Write an address of https, or of http on loopback: `http://127.0.0.1:4318/v1/traces`.";
        let message = format!("`{text}` is not where spans may be sent");
        cx.report(&diagnostics::BAD_TRACES, node.span, message, help);
    }
    endpoint
}

/// `1%`, `0.1%`: of a million, how many.
fn sample(cx: &Context, node: &Node) -> Option<u32> {
    let text = node.text()?;
    // Whole percent and four places after the point, without floating point.
    let parsed = text.strip_suffix('%').and_then(|share| {
        let (whole, part) = share.split_once('.').unwrap_or((share, ""));
        let digits = part.len() <= 4 && part.bytes().all(|byte| byte.is_ascii_digit());
        let part: u32 = digits.then(|| format!("{part:0<4}").parse().ok())??;
        whole.parse::<u32>().ok()?.checked_mul(10_000)?.checked_add(part)
    });
    let sample = parsed.filter(|share| (1..=1_000_000).contains(share));
    if sample.is_none() {
        let help = "Write a share of the requests, such as `1%` or `0.05%`.";
        cx.report(&diagnostics::BAD_TRACES, node.span, format!("`{text}` is not a share"), help);
    }
    sample
}

/// Numbers tell of an API's callers, and nobody authenticates here: only this machine may ask.
fn monitoring_address(cx: &Context, node: &Node) -> Option<SocketAddr> {
    let text = node.text()?;
    let help = "Write a loopback address with a port, such as `127.0.0.1:9901`.";
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Some(address),
        Ok(_) => {
            let message = format!("`{text}` is not a loopback address");
            cx.report(&diagnostics::MONITORING_EXPOSED, node.span, message, help);
            None
        }
        Err(_) => {
            cx.report(&diagnostics::BAD_ADDRESS, node.span, format!("`{text}` is not an address"), help);
            None
        }
    }
}

fn access_log(cx: &Context, node: &Node) -> Option<AccessLog> {
    if let Some(off) = node.get("off") {
        return Some(AccessLog::Off { reason: reason(cx, off, "off")? });
    }
    match node.text()? {
        "stdout" => Some(AccessLog::Stdout),
        path => Some(AccessLog::File(cx.base.join(path))),
    }
}
