//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): structured fields (RFC 9651) that tell a caller
//! the limits of what was asked for, and how the closest one stands.

use config::{Limit, Measure, QuotaPeriod};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::http1::Output;

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

    /// Takes away what an upstream says of limits of its own, where these are told.
    pub(crate) fn replace(&self, headers: &mut HeaderMap) {
        let is_told = |name: &HeaderName| self.policy.is_some() && (*name == RATE_LIMIT || *name == POLICY);
        if headers.keys().any(is_told) {
            headers.remove(RATE_LIMIT);
            headers.remove(POLICY);
        }
    }

    /// Writes the lines of HTTP/1.1.
    pub(crate) fn write(&self, output: &mut Output) {
        if let Some(policy) = &self.policy {
            output.field(&POLICY, policy.as_bytes());
            output.field(&RATE_LIMIT, &self.value());
        }
    }

    /// Puts them into a table.
    pub(crate) fn spell_out(&self, headers: &mut HeaderMap) {
        if let (Some(policy), Ok(state)) = (&self.policy, HeaderValue::try_from(self.value())) {
            headers.insert(POLICY, policy.clone());
            headers.insert(RATE_LIMIT, state);
        }
    }

    /// Names hold nothing that a string of structured fields must escape.
    fn value(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.name.len() + 48);
        let mut number = itoa::Buffer::new();
        text.push(b'"');
        text.extend_from_slice(self.name.as_bytes());
        text.extend_from_slice(b"\";r=");
        text.extend_from_slice(number.format(self.remaining).as_bytes());
        if self.resets_in > 0 {
            text.extend_from_slice(b";t=");
            text.extend_from_slice(number.format(seconds(self.resets_in)).as_bytes());
        }
        text
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
#[allow(clippy::unwrap_used)]
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
        let (mut headers, mut output) = (HeaderMap::new(), Output::default());
        headers.append(POLICY, HeaderValue::from_static("the upstream's"));
        headers.append(RATE_LIMIT, HeaderValue::from_static("the upstream's"));
        state.replace(&mut headers);
        assert!(headers.is_empty(), "they would be written twice");
        state.spell_out(&mut headers);
        let told = "\"client/minute\";q=100;w=60, \"month\";q=5;w=2678400, \"at-once\";q=4;qu=\"concurrent-requests\"";
        assert_eq!(headers[POLICY], told);
        assert_eq!(headers[RATE_LIMIT], "\"month\";r=3;t=2");
        state.write(&mut output);
        let lines = format!("ratelimit-policy: {told}\r\nratelimit: \"month\";r=3;t=2\r\n");
        assert_eq!(std::str::from_utf8(output.lines()).unwrap(), lines);
    }
}
