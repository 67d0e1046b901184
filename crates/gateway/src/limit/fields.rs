//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): structured fields (RFC 9651) that tell a caller
//! the limits of what was asked for, and how the closest one stands.

use std::fmt::Write;

use config::{Limit, Measure, QuotaPeriod};
use http::{HeaderMap, HeaderName, HeaderValue, header};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How a caller stands, for the fields of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(super) policy: Option<HeaderValue>,
    pub(super) name: std::sync::Arc<str>,
    pub(super) remaining: u64,
    pub(super) resets_in: u64,
}

impl State {
    /// The limit's name in the configuration.
    pub(crate) fn name(&self) -> &std::sync::Arc<str> {
        &self.name
    }

    /// Adds the fields; what an upstream says of limits of its own is replaced.
    pub(crate) fn add_fields(self, headers: &mut HeaderMap) {
        let mut text = String::with_capacity(self.name.len() + 32);
        // Writing to a string cannot fail; names hold nothing that a string must escape.
        let _ = write!(text, "\"{}\";r={}", self.name, self.remaining);
        if self.resets_in > 0 {
            let _ = write!(text, ";t={}", seconds(self.resets_in));
        }
        if let (Some(policy), Ok(state)) = (self.policy, HeaderValue::try_from(text)) {
            headers.insert(POLICY, policy);
            headers.insert(RATE_LIMIT, state);
        }
    }
}

/// `Retry-After` (RFC 9110 §10.2.3).
pub(crate) fn retry_after(headers: &mut HeaderMap, wait: u64) {
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait)));
}

/// Nanoseconds as seconds, and never too few of them.
fn seconds(nanoseconds: u64) -> u64 {
    nanoseconds.div_ceil(1_000_000_000).max(1)
}

/// The value of `RateLimit-Policy`; nothing without limits.
pub(super) fn policy<'l>(limits: impl Iterator<Item = &'l Limit>) -> Option<HeaderValue> {
    let all: Vec<String> = limits.map(item).collect();
    HeaderValue::try_from(all.join(", ")).ok().filter(|_| !all.is_empty())
}

fn item(limit: &Limit) -> String {
    let name = &limit.name;
    match limit.measure {
        Measure::Rate { rate, .. } => format!("\"{name}\";q={};w={}", rate.requests, rate.period.as_secs()),
        Measure::Quota { requests, period: QuotaPeriod::Day, .. } => format!("\"{name}\";q={requests};w=86400"),
        // Months differ; the longest is no promise that a shorter one breaks.
        Measure::Quota { requests, period: QuotaPeriod::Month, .. } => format!("\"{name}\";q={requests};w=2678400"),
        Measure::Concurrency(most) => format!("\"{name}\";q={most};qu=\"concurrent-requests\""),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use config::{Rate, Subject};

    use super::*;

    #[test]
    fn every_limit_is_told_and_the_closest_one_stands() {
        let limit =
            |name: &str, measure| Limit { name: name.into(), per: vec![Subject::Client], measure, shared: false };
        let rate = Rate { requests: 100, period: Duration::from_mins(1) };
        let all = [
            limit("client/minute", Measure::Rate { rate, burst: 20 }),
            limit("month", Measure::Quota { requests: 5, period: QuotaPeriod::Month, carry_over: 1 }),
            limit("at-once", Measure::Concurrency(4)),
        ];
        let state = State { policy: policy(all.iter()), name: "month".into(), remaining: 3, resets_in: 1_000_000_001 };
        let mut headers = HeaderMap::new();
        state.add_fields(&mut headers);
        let told = "\"client/minute\";q=100;w=60, \"month\";q=5;w=2678400, \"at-once\";q=4;qu=\"concurrent-requests\"";
        assert_eq!(headers[POLICY], told);
        assert_eq!(headers[RATE_LIMIT], "\"month\";r=3;t=2");
    }
}
