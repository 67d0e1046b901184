//! Policies: what roles, groups and named callers may do, who has which role, and which routes are decided at all.
//!
//! What policies permit is compared row by row (see [`policy::Difference`]), which is exact for a caller with one role and
//! errs towards a widening where only several together, or a condition, decide.

use std::collections::BTreeSet;

use policy::{CellChange, Effect, Kind};

use crate::{Binding, ClaimMapping, Config, MemberMapping, Policies, Route, RoutePolicy, Serves};

use super::{Change, Verdict, rules::Difference};

/// Everything but the routes' own rules. Policies that come or go are told by the routes that they decide over.
pub(super) fn compare(old: &Config, new: &Config) -> Vec<Change> {
    let (Some(before), Some(after)) = (&old.policies, &new.policies) else { return Vec::new() };
    let mut changes = Vec::new();
    let difference = policy::Difference::between(&before.engine, &after.engine);
    let began = judged_only_now(old, new);
    changes.extend(difference.changes.iter().filter(|one| !began.contains(one.action.as_str())).map(cell));
    changes.extend(difference.unseen.iter().filter(|one| !began.contains(one.action.as_str())).map(|one| Change {
        verdict: if one.widens { Verdict::Widened } else { Verdict::Narrowed },
        subject: format!("policies of {}", one.action),
        example: None,
        credential: Some("callers with several roles, or named".to_owned()),
        before: if one.is_new { "no such policy".to_owned() } else { one.policy.clone() },
        after: if one.is_new { one.policy.clone() } else { "no such policy".to_owned() },
        why: "no single role shows it".to_owned(),
    }));
    changes.extend(bindings(before, after));
    changes.extend(claims(before, after));
    changes
}

/// Bindings, mappings, and the routes that both files have under one name.
pub(super) fn of_facts_and_routes(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = match (&old.policies, &new.policies) {
        (Some(before), Some(after)) => bindings(before, after).into_iter().chain(claims(before, after)).collect(),
        (None, _) | (_, None) => Vec::new(),
    };
    for (api, route) in old.apis.iter().flat_map(|api| api.routes.iter().map(move |route| (api, route))) {
        let after = new.apis.iter().find(|one| one.name == api.name);
        let after = after.and_then(|api| api.routes.iter().find(|one| one.name == route.name));
        for Difference { key, verdict, before, after } in after.map(|after| of_routes(route, after)).unwrap_or_default()
        {
            let subject = format!("{} {}", api.name, route.name);
            changes.push(change(verdict, subject, format!("{key} {before}"), format!("{key} {after}")));
        }
    }
    changes
}

/// Actions of routes that were there before without policies: these now ask for more, whatever their policies permit.
fn judged_only_now<'n>(old: &Config, new: &'n Config) -> BTreeSet<&'n str> {
    let routes =
        |config: &'n Config| config.apis.iter().flat_map(|api| api.routes.iter().map(move |route| (api, route)));
    let was_open = |api: &str, name: &str| {
        let api = old.apis.iter().find(|one| one.name == api);
        api.is_some_and(|api| api.routes.iter().any(|route| route.name == name && route.policy.is_none()))
    };
    let now = routes(new).filter(|(api, route)| was_open(&api.name, &route.name));
    now.filter_map(|(_, route)| route.policy.as_ref().map(|policy| policy.action.as_str())).collect()
}

fn cell(change: &CellChange) -> Change {
    let verdict = match change.effect {
        Effect::Gains | Effect::MayGain | Effect::Differs => Verdict::Widened,
        Effect::Loses | Effect::MayLose => Verdict::Narrowed,
    };
    let policies = |cell: &policy::Cell| {
        let ids: Vec<&str> = cell.terms.iter().map(|term| term.rule.id.as_str()).collect();
        if ids.is_empty() { "no policy".to_owned() } else { ids.join(", ") }
    };
    Change {
        verdict,
        subject: format!("policies of {}", change.action),
        example: None,
        credential: Some(change.subject.to_string()),
        before: format!("{} by {}", change.old.outcome, policies(&change.old)),
        after: format!("{} by {}", change.new.outcome, policies(&change.new)),
        why: format!("{} {}", change.subject, change.effect),
    }
}

fn change(verdict: Verdict, subject: String, before: String, after: String) -> Change {
    let why = if verdict.is_more_permissive() { "more may follow from it" } else { "less can follow from it" };
    Change { verdict, subject, example: None, credential: None, before, after, why: why.to_owned() }
}

fn bindings(old: &Policies, new: &Policies) -> Vec<Change> {
    let callers: BTreeSet<(Kind, &str)> =
        old.bindings.all().chain(new.bindings.all()).map(|(kind, id, _)| (kind, id)).collect();
    let none = Binding::default();
    let mut changes = Vec::new();
    for (kind, id) in callers {
        let before = old.bindings.of(kind, id).unwrap_or(&none);
        let after = new.bindings.of(kind, id).unwrap_or(&none);
        let subject = format!("binding of {} {id}", kind.name());
        for verdict in sets(&before.roles, &after.roles) {
            changes.push(change(verdict, format!("{subject}, roles"), list(&before.roles), list(&after.roles)));
        }
        for (what, one, other) in [
            ("groups", list(&before.groups), list(&after.groups)),
            ("tenant", before.tenant.clone().unwrap_or_default(), after.tenant.clone().unwrap_or_default()),
            ("attributes", format!("{:?}", before.attributes), format!("{:?}", after.attributes)),
        ] {
            // What a policy makes of them is not known: they can permit as well as forbid.
            if one != other {
                changes.push(change(Verdict::Widened, format!("{subject}, {what}"), one, other));
            }
        }
    }
    changes
}

fn claims(old: &Policies, new: &Policies) -> Vec<Change> {
    let issuers: BTreeSet<_> = old.claims.keys().chain(new.claims.keys()).collect();
    let none = ClaimMapping::default();
    let mut changes = Vec::new();
    for issuer in issuers {
        let (before, after) = (old.claims.get(issuer).unwrap_or(&none), new.claims.get(issuer).unwrap_or(&none));
        let subject = format!("claims of issuer {}", issuer.0);
        let (roles, now) = (pairs(before.roles.as_ref()), pairs(after.roles.as_ref()));
        for verdict in sets(&roles, &now) {
            changes.push(change(verdict, format!("{subject}, roles"), list(&roles), list(&now)));
        }
        let rest = |one: &ClaimMapping| {
            format!("{:?}", (&one.id_prefix, pairs(one.groups.as_ref()), &one.tenant, &one.attributes))
        };
        if rest(before) != rest(after) {
            let (before, after) = ("groups, tenant, attributes as before".to_owned(), "others".to_owned());
            changes.push(change(Verdict::Widened, subject, before, after));
        }
    }
    changes
}

/// Each value of the claim with what it gives.
fn pairs(mapping: Option<&MemberMapping>) -> Vec<String> {
    let Some(MemberMapping { claim, values }) = mapping else { return Vec::new() };
    let one = |(value, names): (&String, &Vec<String>)| {
        names.iter().map(|name| format!("{claim:?} {value} -> {name}")).collect::<Vec<_>>()
    };
    values.iter().flat_map(one).collect()
}

fn sets(old: &[String], new: &[String]) -> impl Iterator<Item = Verdict> {
    let (old, new): (BTreeSet<&String>, BTreeSet<&String>) = (old.iter().collect(), new.iter().collect());
    Verdict::of_set(!new.is_subset(&old), !old.is_subset(&new))
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// What policies are told of two routes that take the same requests.
pub(super) fn of_routes(old: &Route, new: &Route) -> Vec<Difference> {
    let told = |key, verdict, before: &str, after: &str| Difference {
        key,
        verdict,
        before: before.to_owned(),
        after: after.to_owned(),
    };
    let mut differences = Vec::new();
    match (&old.policy, &new.policy) {
        (None, None) => {}
        (Some(_), None) => differences.push(told("policies", Verdict::Widened, "decide", "do not decide")),
        (None, Some(_)) => differences.push(told("policies", Verdict::Narrowed, "do not decide", "decide")),
        (Some(before), Some(after)) => differences.extend(of_facts(before, after)),
    }
    let serves = |route: &Route| match route.serves {
        Serves::Upstream => "the upstream",
        Serves::Evaluation => "evaluation",
        Serves::Resident(_) => "identity",
        Serves::ResourceMetadata => "metadata",
    };
    if old.serves != new.serves {
        differences.push(told("serves", Verdict::Moved, serves(old), serves(new)));
    }
    differences
}

fn of_facts(old: &RoutePolicy, new: &RoutePolicy) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |key, before: String, after: String, verdict| {
        if before != after {
            differences.push(Difference { key, verdict, before, after });
        }
    };
    let object = |one: &RoutePolicy| match &one.object {
        None => "none".to_owned(),
        Some(rule) => {
            let member = |name: &str, at: &Option<String>| at.as_ref().map(|at| format!("{name} {at}"));
            [member("tenant", &rule.tenant), member("owner", &rule.owner)]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", ")
        }
    };
    let gone = if old.object.is_none() { Verdict::Narrowed } else { Verdict::Widened };
    compare("object", object(old), object(new), gone);
    let meaning = |one: &RoutePolicy| format!("{:?} {:?}", one.operation.tenant, one.operation.owner);
    compare("tenant and owner", meaning(old), meaning(new), Verdict::Widened);
    let seen = |one: &RoutePolicy| {
        let each = one.visible_to.iter().map(|one| format!("/{} {}", one.path.join("/"), one.roles.join(" ")));
        let mut each: Vec<String> = each.collect();
        each.sort();
        if each.is_empty() { "no rules".to_owned() } else { each.join(", ") }
    };
    compare(
        "visible_to",
        seen(old),
        seen(new),
        if hides_as_much(old, new) { Verdict::Narrowed } else { Verdict::Widened },
    );
    differences
}

/// Whether `new` hides everything from everybody that `old` does.
fn hides_as_much(old: &RoutePolicy, new: &RoutePolicy) -> bool {
    old.visible_to.iter().all(|before| {
        let same = new.visible_to.iter().filter(|after| after.path == before.path);
        same.into_iter().any(|after| after.roles.iter().all(|role| before.roles.contains(role)))
    })
}
