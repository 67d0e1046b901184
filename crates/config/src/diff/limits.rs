//! Limits: of an API, and of everything.

use std::{fmt::Display, time::Duration};

use crate::{Api, GlobalLimits, RateLimit, RateSubject};

use super::{Change, Verdict};

/// Rate limits of two APIs that take the same requests.
pub(super) fn of_apis(old: &Api, new: &Api) -> Vec<Change> {
    let (before, after) = (&old.rate_limits, &new.rate_limits);
    // A limit is kept while some limit is at least as strict, for the same subject.
    let weaker = |these: &[RateLimit], those: &[RateLimit]| {
        these.iter().any(|limit| !those.iter().any(|other| at_least_as_strict(other, limit)))
    };
    let change = |verdict| Change {
        verdict,
        subject: format!("rate limits of {}", apis(old, new)),
        example: None,
        credential: None,
        before: rates(before),
        after: rates(after),
        why: match verdict {
            Verdict::Opened | Verdict::Widened => "a caller may send more requests, at once or over time".into(),
            Verdict::Moved => "requests are counted differently".into(),
            Verdict::Narrowed | Verdict::Closed => "a caller may send fewer requests, at once or over time".into(),
        },
    };
    Verdict::of_set(weaker(before, after), weaker(after, before)).map(change).collect()
}

/// Two APIs that take the same requests, most often one.
pub(super) fn apis(old: &Api, new: &Api) -> String {
    if old.name == new.name { format!("API {}", new.name) } else { format!("API {} (now {})", old.name, new.name) }
}

/// A limit is a burst and a rate; neither may be higher.
fn at_least_as_strict(limit: &RateLimit, than: &RateLimit) -> bool {
    let rate = |requests: u64, period: Duration| u128::from(requests) * period.as_nanos();
    limit.per == than.per
        && limit.requests <= than.requests
        && rate(limit.requests, than.period) <= rate(than.requests, limit.period)
}

fn rates(limits: &[RateLimit]) -> String {
    let one = |limit: &RateLimit| {
        let per = match limit.per {
            RateSubject::Client => "client",
            RateSubject::Address => "address",
        };
        format!("{} in {} per {per}", limit.requests, time(limit.period))
    };
    if limits.is_empty() { "none".into() } else { limits.iter().map(one).collect::<Vec<_>>().join(", ") }
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
    } = old;
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
pub(super) fn time(time: Duration) -> String {
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
