//! `limits` of APIs and routes.

use std::{collections::HashSet, time::Duration};

use http::HeaderName;

use super::{Context, every, some_items, values};
use crate::{Limit, Measure, QuotaPeriod, Rate, Route, Subject, codes::diagnostics, yaml::Node};

/// Limits that count one request, those of its API and of its route, at most.
const MOST: usize = 16;
/// A bucket may be ahead of the clock for so long at most, which its arithmetic rests on.
const LONGEST: Duration = Duration::from_hours(24 * 366 * 10);

/// The limits of an API or route, each by itself.
pub(super) fn of(cx: &Context, node: &Node, store: bool) -> Option<Vec<Limit>> {
    let Some(listed) = node.get("limits") else { return Some(Vec::new()) };
    every(some_items(cx, listed, "limits")?, |n| one(cx, n, store))
}

/// Requests that one counts as.
pub(super) fn cost(cx: &Context, node: &Node) -> Option<u32> {
    at_least_one(cx, node, "cost")
}

/// Limits that can count the same request must have names of their own, and let it pass.
pub(super) fn check_together(cx: &Context, node: &Node, of_api: &[Limit], routes: &[Route]) -> Option<()> {
    let mut fine = unique(cx, node, of_api, &[]);
    for (node, route) in node.get("routes").map(Node::items).unwrap_or_default().iter().zip(routes) {
        fine &= unique(cx, node, of_api, &route.limits);
        let all = || of_api.iter().chain(&route.limits);
        fine &= countable(cx, node, all());
        if all().count() > MOST {
            let message = format!("{} limits count the requests of `{}`", all().count(), route.name);
            cx.report(&diagnostics::OUT_OF_BOUNDS, node.span, message, format!("Keep at most {MOST} of them."));
            fine = false;
        }
        if let Some(limit) =
            all().find(|limit| at_once(&limit.measure).is_some_and(|most| most < u64::from(route.cost)))
        {
            let span = node.get("cost").map_or(node.span, |n| n.span);
            let message = format!("a request of `{}` costs more than the limit `{}` ever has", route.name, limit.name);
            let help = "Lower `cost`, or raise the limit's `burst` or `quota`.";
            cx.report(&diagnostics::OUT_OF_BOUNDS, span, message, help);
            fine = false;
        }
    }
    fine.then_some(())
}

/// A caller who writes another value into a field each time is never counted twice.
fn countable<'l>(cx: &Context, node: &Node, mut limits: impl Iterator<Item = &'l Limit> + Clone) -> bool {
    let chosen = |limit: &Limit| limit.per.iter().any(|subject| matches!(subject, Subject::Header(_)));
    let alone = limits.clone().next().is_some() && limits.all(chosen);
    if alone {
        let span = node.get("limits").map_or(node.span, |n| n.span);
        let help = "Add a limit without `header:`, such as `{ per: client, rate: 100/minute }`.";
        let message = "callers choose what is in a header field, and so whether they are counted together";
        cx.report(&diagnostics::HEADER_ALONE, span, message, help);
    }
    !alone
}

/// Requests that can pass at once.
fn at_once(measure: &Measure) -> Option<u64> {
    match measure {
        Measure::Rate { burst, .. } => Some(*burst),
        Measure::Quota { requests, .. } => Some(u64::from(*requests)),
        Measure::Concurrency(_) => None,
    }
}

fn unique(cx: &Context, node: &Node, of_api: &[Limit], of_route: &[Limit]) -> bool {
    let mut seen = HashSet::new();
    let twice = of_api.iter().chain(of_route).find(|limit| !seen.insert(limit.name.as_str()));
    if let Some(limit) = twice {
        let span = node.get("limits").map_or(node.span, |n| n.span);
        let message = format!("two limits of the same requests are named `{}`", limit.name);
        cx.report(&diagnostics::DUPLICATE_NAME, span, message, "Give one of them a `name`, or join them.");
    }
    twice.is_none()
}

fn one(cx: &Context, node: &Node, store: bool) -> Option<Limit> {
    let per = node.get("per").and_then(|n| subjects(cx, n));
    let measure = measure(cx, node);
    let shared = node.get("shared");
    let wants_store = shared.and_then(Node::text) == Some("true");
    if let (Some(shared), true, false) = (shared, wants_store, store) {
        let help = "Add `shared_limits: { store: \"redis://…\", nodes: 2 }` to the file, or remove `shared`.";
        cx.report(&diagnostics::NO_LIMIT_STORE, shared.span, "there is no store to share this limit through", help);
        return None;
    }
    let (per, measure) = (per?, measure?);
    let is_counted_elsewhere = !matches!(measure, Measure::Concurrency(_));
    if let (Some(shared), true, false) = (shared, wants_store, is_counted_elsewhere) {
        let help = "Remove `shared`; requests under way are counted by each instance.";
        cx.report(&diagnostics::EXCLUSIVE_KEYS, shared.span, "`concurrency` cannot be shared", help);
        return None;
    }
    // What instances can share they do, unless they are told otherwise: a limit holds for a caller, not for a machine.
    let shared = shared.map_or(store, |_| wants_store) && is_counted_elsewhere;
    let name = match node.get("name") {
        Some(given) => name(cx, given)?,
        None => format!("{}/{}", joined(&per), period_of(&measure)),
    };
    Some(Limit { name, per, measure, shared })
}

fn joined(per: &[Subject]) -> String {
    per.iter().map(Subject::to_string).collect::<Vec<_>>().join("+")
}

fn period_of(measure: &Measure) -> &'static str {
    match measure {
        Measure::Rate { rate, .. } => match rate.period.as_secs() {
            1 => "second",
            60 => "minute",
            3_600 => "hour",
            _ => "day",
        },
        Measure::Quota { period: QuotaPeriod::Day, .. } => "calendar-day",
        Measure::Quota { period: QuotaPeriod::Month, .. } => "calendar-month",
        Measure::Concurrency(_) => "at-once",
    }
}

/// It stands in a field of answers as a string (RFC 9651 §3.3.3), and in labels.
fn name(cx: &Context, node: &Node) -> Option<String> {
    let text = node.text()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./:+".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(fits) {
        return Some(text.to_owned());
    }
    let help = "Use up to 64 letters, digits and `-_./:+`.";
    cx.report(&diagnostics::BAD_CHOICE, node.span, format!("`{text}` is not a name for a limit"), help);
    None
}

fn subjects(cx: &Context, node: &Node) -> Option<Vec<Subject>> {
    let mut per = every(some_items(cx, node, "per")?, |n| subject(cx, n))?;
    per.sort_by_cached_key(Subject::to_string);
    per.dedup();
    Some(per)
}

fn subject(cx: &Context, node: &Node) -> Option<Subject> {
    let text = node.text()?;
    // It stands in answers and labels, which need no escapes then.
    let printable = |name: &str| name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\,".contains(&byte));
    let claim =
        |name: &str| ((1..=64).contains(&name.len()) && printable(name)).then(|| Subject::Claim(name.to_owned()));
    let subject = match text {
        "api" => Some(Subject::Api),
        "route" => Some(Subject::Route),
        "client" => Some(Subject::Client),
        "api_key" => Some(Subject::ApiKey),
        "user" => Some(Subject::User),
        "tenant" => Some(Subject::Tenant),
        "address" => Some(Subject::Address),
        _ => match text.split_once(':') {
            Some(("claim", name)) => claim(name),
            Some(("header", name)) => HeaderName::try_from(name).ok().map(Subject::Header),
            _ => None,
        },
    };
    if subject.is_none() {
        let help = "Write `client`, `api_key`, `user`, `tenant`, `address`, `route`, `api`, `claim:NAME` or `header:NAME`, \
                    or a list of them.";
        let message = format!("`{text}` is nothing that requests are counted by");
        cx.report(&diagnostics::BAD_CHOICE, node.span, message, help);
    }
    subject
}

fn measure(cx: &Context, node: &Node) -> Option<Measure> {
    let (rate, quota, places) = (node.get("rate"), node.get("quota"), node.get("concurrency"));
    let lone = |key: &str, partner: Option<&Node>, name: &str| match (node.get(key), partner) {
        (Some(alone), None) => {
            let message = format!("`{key}` says something of `{name}` only");
            cx.report(&diagnostics::EXCLUSIVE_KEYS, alone.span, message, format!("Remove it, or use `{name}`."));
            true
        }
        _ => false,
    };
    if lone("burst", rate, "rate") || lone("carry_over", quota, "quota") {
        return None;
    }
    match (rate, quota, places) {
        (Some(rate), None, None) => rated(cx, node, values::rate(cx, rate)?),
        (None, Some(quota), None) => quota_of(cx, node, quota),
        (None, None, Some(places)) => at_least_one(cx, places, "concurrency").map(Measure::Concurrency),
        _ => {
            let message = "a limit has exactly one of `rate`, `quota` and `concurrency`";
            let help = "Keep one of them; another limit can have another.";
            cx.report(&diagnostics::EXCLUSIVE_KEYS, node.span, message, help);
            None
        }
    }
}

fn rated(cx: &Context, node: &Node, rate: Rate) -> Option<Measure> {
    let Some(given) = node.get("burst") else { return Some(Measure::Rate { rate, burst: rate.requests }) };
    let burst = u64::from(at_least_one(cx, given, "burst")?);
    let full_again = u128::from(burst) * rate.period.as_nanos() / u128::from(rate.requests);
    if full_again > LONGEST.as_nanos() {
        let message = "such a burst takes longer than ten years to come again";
        cx.report(&diagnostics::OUT_OF_BOUNDS, given.span, message, "Lower `burst`, or raise `rate`.");
        return None;
    }
    Some(Measure::Rate { rate, burst })
}

fn quota_of(cx: &Context, node: &Node, quota: &Node) -> Option<Measure> {
    let text = quota.text()?;
    let parsed = text.split_once('/').and_then(|(requests, period)| {
        let period = match period {
            "day" => QuotaPeriod::Day,
            "month" => QuotaPeriod::Month,
            _ => return None,
        };
        Some((requests.parse().ok().filter(|n| *n > 0)?, period))
    });
    let Some((requests, period)) = parsed else {
        let help = "Write requests of a day or a month, such as `10000/month`.";
        cx.report(&diagnostics::BAD_RATE, quota.span, format!("`{text}` is not a quota"), help);
        return None;
    };
    let carry_over = node.get("carry_over").map_or(Some(0), |n| at_least_one(cx, n, "carry_over"))?;
    Some(Measure::Quota { requests, period, carry_over })
}

fn at_least_one(cx: &Context, node: &Node, name: &str) -> Option<u32> {
    let count = node.text()?.parse::<u32>().ok().filter(|count| *count > 0);
    if count.is_none() {
        let help = format!("Write a whole number from 1 to {}.", u32::MAX);
        cx.report(&diagnostics::OUT_OF_BOUNDS, node.span, format!("`{name}` is not such a number"), help);
    }
    count
}
