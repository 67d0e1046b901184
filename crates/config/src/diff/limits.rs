//! Limits: of an API, and of everything.

use std::{fmt::Display, time::Duration};

use crate::{Api, FailedAuthentication, GlobalLimits, Limit, Measure, QuotaPeriod, Rate, Route};

use super::{Change, Verdict};

/// Limits of two APIs that take the same requests.
pub(super) fn of_apis(old: &Api, new: &Api) -> Vec<Change> {
    compare(&format!("rate limits of {}", apis(old, new)), &old.limits, &new.limits)
}

/// Limits of two routes that take the same requests, and what a request costs.
pub(super) fn of_routes(subject: &str, old: &Route, new: &Route) -> Vec<Change> {
    let mut changes = compare(&format!("rate limits of {subject}"), &old.limits, &new.limits);
    // A request that costs less leaves more of them.
    if let Some(verdict) = Verdict::of_limit(&new.cost, &old.cost) {
        changes.push(Change {
            verdict,
            subject: format!("cost of {subject}"),
            example: None,
            credential: None,
            before: old.cost.to_string(),
            after: new.cost.to_string(),
            why: why(verdict).into(),
        });
    }
    changes
}

fn compare(subject: &str, before: &[Limit], after: &[Limit]) -> Vec<Change> {
    // A limit is kept while some limit is at least as strict, for the same subject.
    let weaker = |these: &[Limit], those: &[Limit]| {
        these.iter().any(|limit| !those.iter().any(|other| at_least_as_strict(other, limit)))
    };
    let change = |verdict| Change {
        verdict,
        subject: subject.to_owned(),
        example: None,
        credential: None,
        before: texts(before),
        after: texts(after),
        why: why(verdict).into(),
    };
    Verdict::of_set(weaker(before, after), weaker(after, before)).map(change).collect()
}

fn why(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Opened | Verdict::Widened => "a caller may send more requests, at once or over time",
        Verdict::Moved => "requests are counted differently",
        Verdict::Narrowed | Verdict::Closed => "a caller may send fewer requests, at once or over time",
    }
}

/// Two APIs that take the same requests, most often one.
pub(super) fn apis(old: &Api, new: &Api) -> String {
    if old.name == new.name { format!("API {}", new.name) } else { format!("API {} (now {})", old.name, new.name) }
}

/// For the same subjects, nothing of it may be higher; and what all instances count together is stricter than what each
/// counts by itself.
fn at_least_as_strict(limit: &Limit, than: &Limit) -> bool {
    let speed = |of: &Rate, with: &Rate| u128::from(of.requests) * with.period.as_nanos();
    let measure = match (&limit.measure, &than.measure) {
        (Measure::Rate { rate, burst }, Measure::Rate { rate: other, burst: other_burst }) => {
            burst <= other_burst && speed(rate, other) <= speed(other, rate)
        }
        (
            Measure::Quota { requests, period, carry_over },
            Measure::Quota { requests: others, period: other, carry_over: carried },
        ) => period == other && requests <= others && carry_over <= carried,
        (Measure::Concurrency(one), Measure::Concurrency(other)) => one <= other,
        (Measure::Rate { .. } | Measure::Quota { .. } | Measure::Concurrency(_), _) => false,
    };
    limit.per == than.per && measure && (limit.shared || !than.shared)
}

fn texts(limits: &[Limit]) -> String {
    if limits.is_empty() { "none".into() } else { limits.iter().map(text).collect::<Vec<_>>().join(", ") }
}

fn text(limit: &Limit) -> String {
    let per = limit.per.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let measure = match &limit.measure {
        Measure::Rate { rate, burst } if *burst == rate.requests => rated(rate),
        Measure::Rate { rate, burst } => format!("{}, {burst} at once", rated(rate)),
        Measure::Quota { requests, period, carry_over } => {
            let period = match period {
                QuotaPeriod::Day => "day",
                QuotaPeriod::Month => "month",
            };
            let carried = if *carry_over > 0 { format!(" and {carry_over} of the one before") } else { String::new() };
            format!("{requests} in a calendar {period}{carried}")
        }
        Measure::Concurrency(most) => format!("{most} under way"),
    };
    let shared = if limit.shared { " on all instances" } else { "" };
    format!("{measure} per {per}{shared}")
}

fn rated(rate: &Rate) -> String {
    format!("{} in {}", rate.requests, time(rate.period))
}

/// Limits that hold for every connection and request.
pub(super) fn global(old: &GlobalLimits, new: &GlobalLimits) -> Vec<Change> {
    // Every field is named, so that a new one cannot be forgotten here.
    let GlobalLimits {
        header_count,
        header_bytes,
        target_bytes,
        handshake_timeout,
        header_timeout,
        body_minimum_rate,
        keep_alive,
        stream_idle,
        connections,
        connections_per_address,
        http2_streams,
        token_bytes,
        buckets,
        // They let nobody in, nor more of them.
        memory: _,
        held_bodies: _,
        failed_authentication: FailedAuthentication { per_address, per_credential, ban_after, ban },
    } = old;
    let failures = &new.failed_authentication;
    [
        count("header_count", header_count, &new.header_count),
        count("header_bytes", header_bytes, &new.header_bytes),
        count("target_bytes", target_bytes, &new.target_bytes),
        duration("handshake_timeout", *handshake_timeout, new.handshake_timeout),
        duration("header_timeout", *header_timeout, new.header_timeout),
        // The one that allows more the lower it is.
        count("body_minimum_rate", body_minimum_rate, &new.body_minimum_rate).map(reversed),
        duration("keep_alive", *keep_alive, new.keep_alive),
        duration("stream_idle", *stream_idle, new.stream_idle),
        count("connections", connections, &new.connections),
        count("connections_per_address", connections_per_address, &new.connections_per_address),
        count("http2_streams", http2_streams, &new.http2_streams),
        count("token_bytes", token_bytes, &new.token_bytes),
        // The fewer there are, the sooner newcomers count together: fewer allow less.
        count("buckets", buckets, &new.buckets),
        rate("failed_authentication.per_address", per_address, &failures.per_address),
        rate("failed_authentication.per_credential", per_credential, &failures.per_credential),
        rate("failed_authentication.ban_after", ban_after, &failures.ban_after),
        duration("failed_authentication.ban", *ban, failures.ban).map(reversed),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn count<T: PartialOrd + Display>(key: &str, old: &T, new: &T) -> Option<Change> {
    Verdict::of_limit(old, new).map(|verdict| limit(verdict, key, old.to_string(), new.to_string()))
}

fn duration(key: &str, old: Duration, new: Duration) -> Option<Change> {
    Verdict::of_limit(&old, &new).map(|verdict| limit(verdict, key, time(old), time(new)))
}

/// Both its burst and its speed count.
fn rate(key: &str, old: &Rate, new: &Rate) -> Option<Change> {
    let speed = |of: &Rate, with: &Rate| u128::from(of.requests) * with.period.as_nanos();
    let faster = |one: &Rate, than: &Rate| one.requests > than.requests || speed(one, than) > speed(than, one);
    let verdict = match (faster(new, old), faster(old, new)) {
        (true, _) => Verdict::Widened,
        (false, true) => Verdict::Narrowed,
        (false, false) => return None,
    };
    Some(limit(verdict, key, rated(old), rated(new)))
}

fn reversed(change: Change) -> Change {
    let (verdict, why) = match change.verdict {
        Verdict::Narrowed => (Verdict::Widened, LOOSER),
        Verdict::Widened => (Verdict::Narrowed, STRICTER),
        other @ (Verdict::Opened | Verdict::Moved | Verdict::Closed) => (other, STRICTER),
    };
    Change { verdict, why: why.into(), ..change }
}

const LOOSER: &str = "a limit on every request is looser";
const STRICTER: &str = "a limit on every request is stricter";

fn limit(verdict: Verdict, key: &str, before: String, after: String) -> Change {
    let why = if verdict.is_more_permissive() { LOOSER } else { STRICTER };
    Change {
        verdict,
        subject: format!("limits.{key}"),
        example: None,
        credential: None,
        before,
        after,
        why: why.into(),
    }
}

/// A time as a file has it.
pub(crate) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match (time.subsec_millis(), seconds) {
        (0, 0) => "0s".into(),
        (0, _) if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        (0, _) if seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        (0, _) if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        (0, _) => format!("{seconds}s"),
        _ => format!("{}ms", time.as_millis()),
    }
}
