//! Limits as the configuration has them, made ready for each route.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use config::{Limit, Measure, Rate, SharedLimits, Subject};
use http::HeaderValue;
use limits::{Calendar, Gcra, MOST_DEMANDS, Quota};

use super::{fields, shared::SharedRule};

/// All limits that count the requests of one route.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(super) all: Vec<Rule>,
    /// What of a rate or quota one request takes.
    pub(super) cost: u32,
    /// Whether instances share one of them.
    pub(super) has_shared: bool,
    /// `RateLimit-Policy`.
    pub(super) policy: Option<HeaderValue>,
}

/// One limit.
#[derive(Debug)]
pub(super) struct Rule {
    /// As the configuration names it, in answers, logs and metrics.
    pub(super) name: Arc<str>,
    /// The same for the same limit in every worker and after every reload: it keeps its buckets.
    pub(super) id: u64,
    pub(super) per: Vec<Subject>,
    pub(super) measure: limits::Measure,
    /// Counted by all instances together.
    pub(super) shared: Option<SharedRule>,
}

impl Rules {
    /// Whether there is nothing to count.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The limits of a route, after those of its API.
    pub(crate) fn new(api: &config::Api, route: &config::Route, store: Option<&SharedLimits>) -> Self {
        let of_api = api.limits.iter().map(|limit| Rule::new(&api.name, "", limit, store));
        let of_route = route.limits.iter().map(|limit| Rule::new(&api.name, &route.name, limit, store));
        // The configuration has no more of them.
        let all: Vec<Rule> = of_api.chain(of_route).take(MOST_DEMANDS).collect();
        let policy = fields::policy(api.limits.iter().chain(&route.limits));
        let has_shared = all.iter().any(|rule| rule.shared.is_some());
        Self { all, cost: route.cost, has_shared, policy }
    }
}

impl Rule {
    fn new(api: &str, route: &str, limit: &Limit, store: Option<&SharedLimits>) -> Self {
        let store = store.filter(|_| limit.shared);
        let subjects: Vec<String> = limit.per.iter().map(ToString::to_string).collect();
        let mut hasher = DefaultHasher::new();
        (api, route, &limit.name, &subjects, format!("{:?}", limit.measure)).hash(&mut hasher);
        Self {
            name: limit.name.as_str().into(),
            id: hasher.finish(),
            per: limit.per.clone(),
            measure: measure(&limit.measure),
            shared: store.and_then(|store| SharedRule::new(&[api, route, &limit.name], limit, store.nodes.get())),
        }
    }
}

/// What a table counts.
pub(super) fn measure(measure: &Measure) -> limits::Measure {
    match measure {
        Measure::Rate { rate, burst } => limits::Measure::Rate(gcra(rate, *burst)),
        Measure::Quota { requests, period, carry_over } => limits::Measure::Quota(Quota {
            requests: *requests,
            period: match period {
                config::QuotaPeriod::Day => Calendar::Day,
                config::QuotaPeriod::Month => Calendar::Month,
            },
            carry_over: *carry_over,
        }),
        Measure::Concurrency(most) => limits::Measure::Places(*most),
    }
}

pub(super) fn gcra(rate: &Rate, burst: u64) -> Gcra {
    Gcra::new(rate.requests, nanoseconds(rate.period), burst)
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
