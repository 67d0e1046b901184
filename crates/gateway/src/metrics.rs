//! What happened, in numbers: counted by each worker for itself, added up when somebody asks.
//!
//! Names follow the OpenTelemetry conventions for HTTP servers, in the Prometheus text format 0.0.4. Labels are routes
//! as they are written in the configuration, never paths of requests, so strangers cannot make series.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
    hash::{BuildHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{Method, StatusCode};

use crate::{contract::Sides, refusal::Reason, route::Route};

/// Upper bounds of the duration buckets in seconds, as the conventions advise.
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The same in microseconds, for the hot path.
const BOUNDS_MICROS: [u64; 14] = [
    5_000, 10_000, 25_000, 50_000, 75_000, 100_000, 250_000, 500_000, 750_000, 1_000_000, 2_500_000, 5_000_000,
    7_500_000, 10_000_000,
];

/// One worker's numbers. They outlive configurations.
#[derive(Debug, Default)]
pub(crate) struct Metrics(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    durations: HashMap<Answered, Histogram, foldhash::fast::RandomState>,
    refusals: HashMap<Refused, u64, foldhash::fast::RandomState>,
    shadows: HashMap<Shadowed, u64, foldhash::fast::RandomState>,
    differences: HashMap<Differing, u64, foldhash::fast::RandomState>,
    walks: HashMap<Arc<Labels>, u64, foldhash::fast::RandomState>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Differing {
    route: RouteLabels,
    side: &'static str,
}

/// Labels of a route. Routes of one name are one series.
type RouteLabels = Option<Arc<Labels>>;

/// What a route is called in metrics.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Labels {
    /// Of the names, so that they are not hashed again for each request.
    hash: u64,
    api: String,
    route: String,
}

impl Hash for Labels {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Answered {
    route: RouteLabels,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Refused {
    route: RouteLabels,
    code: &'static str,
    reason: Option<Reason>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Shadowed {
    route: RouteLabels,
    outcome: &'static str,
}

#[derive(Debug, Clone, Copy, Default)]
struct Histogram {
    /// Each counts what its bound takes and the one before does not; the last takes the rest.
    buckets: [u64; BOUNDS.len() + 1],
    micros: u64,
}

/// One request that ended.
pub(crate) struct Observation<'a> {
    /// `None` for a request that no route took.
    pub(crate) route: Option<&'a Route>,
    pub(crate) method: &'a Method,
    pub(crate) status: Option<StatusCode>,
    /// Code and reason of a refusal.
    pub(crate) refusal: Option<(&'static str, Option<&'a Reason>)>,
    /// Which messages were not as the API's contract says.
    pub(crate) differs: Option<Sides>,
    pub(crate) duration: Duration,
}

impl Labels {
    pub(crate) fn new(api: &str, route: &str) -> Arc<Self> {
        // Labels of one name are equal in all configurations, and so must their hashes be.
        let hash = foldhash::fast::FixedState::default().hash_one((api, route));
        Arc::new(Self { hash, api: api.to_owned(), route: route.to_owned() })
    }

    /// The API, and the template if it says what was asked for; one that takes the rest of a path does not.
    pub(crate) fn exact(&self) -> Option<(&str, &str)> {
        let (_, template) = self.route.split_once(' ')?;
        let template = template.trim();
        (!template.ends_with("*}")).then_some((self.api.as_str(), template))
    }
}

impl Metrics {
    /// Shows each route's methods and statuses, and how often there were.
    pub(crate) fn each_answered(&self, mut show: impl FnMut(Option<&Labels>, &'static str, u16, u64)) {
        let numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (Answered { route, method, status }, histogram) in &numbers.durations {
            show(route.as_deref(), method, *status, histogram.buckets.iter().sum());
        }
    }

    /// Counts a caller that walks through the objects of others.
    pub(crate) fn walked(&self, route: &Arc<Labels>) {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *numbers.walks.entry(Arc::clone(route)).or_default() += 1;
    }

    pub(crate) fn observe(&self, seen: &Observation<'_>) {
        let route = seen.route.map(|route| Arc::clone(&route.labels));
        let micros = u64::try_from(seen.duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = seen.refusal {
            let refused = Refused { route: route.clone(), code, reason: reason.cloned() };
            *numbers.refusals.entry(refused).or_default() += 1;
        }
        let sides = seen.differs.unwrap_or_default();
        for (_, side) in [(sides.request, "request"), (sides.answer, "answer")].into_iter().filter(|(is, _)| *is) {
            *numbers.differences.entry(Differing { route: route.clone(), side }).or_default() += 1;
        }
        let answered = Answered { route, method: known(seen.method), status: seen.status.map_or(499, |s| s.as_u16()) };
        let histogram = numbers.durations.entry(answered).or_default();
        histogram.micros = histogram.micros.saturating_add(micros);
        if let Some(count) = histogram.buckets.get_mut(bucket) {
            *count += 1;
        }
    }
}

impl Metrics {
    /// Counts what a candidate for the policies in force would have decided: the same, or more, or less.
    pub(crate) fn observe_shadow(&self, route: &Route, widens: Option<bool>) {
        let outcome = match widens {
            None => "agrees",
            Some(true) => "would_allow",
            Some(false) => "would_deny",
        };
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shadowed = Shadowed { route: Some(Arc::clone(&route.labels)), outcome };
        *numbers.shadows.entry(shadowed).or_default() += 1;
    }
}

/// A method that exists, or `_OTHER`: strangers can write any token there.
pub(crate) fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::CONNECT => "CONNECT",
        Method::TRACE => "TRACE",
        _ => "_OTHER",
    }
}

/// Adds the workers' numbers up and writes them.
pub(crate) fn render<'m>(workers: impl Iterator<Item = &'m Metrics>, gauges: &[(&str, &str, f64)]) -> String {
    let (mut durations, mut refusals) = (BTreeMap::<Answered, Histogram>::new(), BTreeMap::<Refused, u64>::new());
    let mut shadows = BTreeMap::<Shadowed, u64>::new();
    let (mut differences, mut walks) = (BTreeMap::<Differing, u64>::new(), BTreeMap::<Arc<Labels>, u64>::new());
    for worker in workers {
        let numbers = worker.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (labels, one) in &numbers.durations {
            let sum = durations.entry(labels.clone()).or_default();
            sum.micros = sum.micros.saturating_add(one.micros);
            sum.buckets.iter_mut().zip(one.buckets).for_each(|(sum, one)| *sum += one);
        }
        for (labels, count) in &numbers.refusals {
            *refusals.entry(labels.clone()).or_default() += count;
        }
        for (labels, count) in &numbers.shadows {
            *shadows.entry(labels.clone()).or_default() += count;
        }
        for (labels, count) in &numbers.differences {
            *differences.entry(labels.clone()).or_default() += count;
        }
        for (labels, count) in &numbers.walks {
            *walks.entry(Arc::clone(labels)).or_default() += count;
        }
    }
    let mut page = String::new();
    // Writing to a string cannot fail.
    let _ = write_durations(&mut page, &durations)
        .and_then(|()| write_refusals(&mut page, &refusals))
        .and_then(|()| write_shadows(&mut page, &shadows))
        .and_then(|()| write_differences(&mut page, &differences))
        .and_then(|()| write_walks(&mut page, &walks))
        .and_then(|()| write_gauges(&mut page, gauges));
    page
}

fn write_durations(page: &mut String, durations: &BTreeMap<Answered, Histogram>) -> std::fmt::Result {
    const NAME: &str = "http_server_request_duration_seconds";
    writeln!(page, "# HELP {NAME} Time from a request's head to the end of its answer.\n# TYPE {NAME} histogram")?;
    for (labels, histogram) in durations {
        let Answered { route, method, status } = labels;
        let labels = format!(
            "{}http_request_method=\"{method}\",http_response_status_code=\"{status}\"",
            route_labels(route.as_deref())
        );
        let mut sum = 0;
        for (bound, count) in BOUNDS.iter().zip(histogram.buckets) {
            sum += count;
            writeln!(page, "{NAME}_bucket{{{labels},le=\"{bound}\"}} {sum}")?;
        }
        let all: u64 = histogram.buckets.iter().sum();
        let seconds = Duration::from_micros(histogram.micros).as_secs_f64();
        writeln!(page, "{NAME}_bucket{{{labels},le=\"+Inf\"}} {all}")?;
        writeln!(page, "{NAME}_sum{{{labels}}} {seconds}\n{NAME}_count{{{labels}}} {all}")?;
    }
    Ok(())
}

fn write_refusals(page: &mut String, refusals: &BTreeMap<Refused, u64>) -> std::fmt::Result {
    const NAME: &str = "portcullis_refusals_total";
    writeln!(page, "# HELP {NAME} Requests that were refused, by code and failed check.\n# TYPE {NAME} counter")?;
    for (Refused { route, code, reason }, count) in refusals {
        let reason = reason.as_ref().map(Reason::as_str).unwrap_or_default();
        writeln!(page, "{NAME}{{{}code=\"{code}\",reason=\"{reason}\"}} {count}", route_labels(route.as_deref()))?;
    }
    Ok(())
}

/// Only where there is a candidate.
fn write_shadows(page: &mut String, shadows: &BTreeMap<Shadowed, u64>) -> std::fmt::Result {
    const NAME: &str = "portcullis_policy_shadow_total";
    if !shadows.is_empty() {
        writeln!(
            page,
            "# HELP {NAME} Decisions of the candidate policies against those in force.\n# TYPE {NAME} counter"
        )?;
    }
    for (Shadowed { route, outcome }, count) in shadows {
        writeln!(page, "{NAME}{{{}outcome=\"{outcome}\"}} {count}", route_labels(route.as_deref()))?;
    }
    Ok(())
}

fn write_differences(page: &mut String, differences: &BTreeMap<Differing, u64>) -> std::fmt::Result {
    const NAME: &str = "portcullis_contract_differences_total";
    if differences.is_empty() {
        return Ok(());
    }
    writeln!(
        page,
        "# HELP {NAME} Requests whose request or answer was not as the API's contract says.\n# TYPE {NAME} counter"
    )?;
    for (Differing { route, side }, count) in differences {
        writeln!(page, "{NAME}{{{}side=\"{side}\"}} {count}", route_labels(route.as_deref()))?;
    }
    Ok(())
}

fn write_walks(page: &mut String, walks: &BTreeMap<Arc<Labels>, u64>) -> std::fmt::Result {
    const NAME: &str = "portcullis_object_walks_total";
    if walks.is_empty() {
        return Ok(());
    }
    writeln!(page, "# HELP {NAME} Callers that went through the objects of others.\n# TYPE {NAME} counter")?;
    for (route, count) in walks {
        let (api, route) = (escaped(&route.api), escaped(&route.route));
        writeln!(page, "{NAME}{{portcullis_api=\"{api}\",http_route=\"{route}\"}} {count}")?;
    }
    Ok(())
}

fn write_gauges(page: &mut String, gauges: &[(&str, &str, f64)]) -> std::fmt::Result {
    for (name, help, value) in gauges {
        writeln!(page, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}")?;
    }
    Ok(())
}

/// A label's value as the format wants it.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn route_labels(route: Option<&Labels>) -> String {
    route.map_or_else(String::new, |labels| {
        format!("portcullis_api=\"{}\",http_route=\"{}\",", escaped(&labels.api), escaped(&labels.route))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(method: &Method, micros: u64) -> Observation<'_> {
        let refusal = Some(("PC-0108", None));
        Observation {
            route: None,
            method,
            status: Some(StatusCode::NOT_FOUND),
            refusal,
            differs: None,
            duration: Duration::from_micros(micros),
        }
    }

    #[test]
    fn workers_are_added_up_and_buckets_accumulate() {
        let (one, other) = (Metrics::default(), Metrics::default());
        one.observe(&observation(&Method::GET, 5_000));
        one.observe(&observation(&Method::GET, 5_001));
        other.observe(&observation(&Method::GET, 20_000_000));
        let page = render([&one, &other].into_iter(), &[("up", "Up.", 1.0)]);
        let labels = "http_request_method=\"GET\",http_response_status_code=\"404\"";
        for line in [
            &format!("http_server_request_duration_seconds_bucket{{{labels},le=\"0.005\"}} 1\n"),
            &format!("http_server_request_duration_seconds_bucket{{{labels},le=\"0.01\"}} 2\n"),
            &format!("http_server_request_duration_seconds_bucket{{{labels},le=\"10\"}} 2\n"),
            &format!("http_server_request_duration_seconds_bucket{{{labels},le=\"+Inf\"}} 3\n"),
            &format!("http_server_request_duration_seconds_count{{{labels}}} 3\n"),
            "portcullis_refusals_total{code=\"PC-0108\",reason=\"\"} 3\n",
            "# TYPE up gauge\nup 1\n",
        ] {
            assert!(page.contains(line), "{line} is not in\n{page}");
        }
    }

    #[test]
    fn strangers_cannot_make_series() {
        let metrics = Metrics::default();
        for number in 0..100 {
            let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap_or_default();
            metrics.observe(&observation(&method, 1));
        }
        assert_eq!(render(std::iter::once(&metrics), &[]).matches("_count{").count(), 1);
    }

    #[test]
    fn names_of_routes_are_escaped() {
        let labels = Labels::new("a\"b", "GET /x\\y\n");
        assert_eq!(route_labels(Some(&labels)), "portcullis_api=\"a\\\"b\",http_route=\"GET /x\\\\y\\n\",");
    }
}
