//! The built-in authorization server: whether there is one, what it gives out, and what routes ask of it.

mod strangers;

use std::{collections::BTreeSet, time::Duration};

use crate::{Identity, IdentityLifetimes, Link, Registration, StepUp};

use super::{Change, Verdict, limits::time, rules::Difference};

pub(super) fn compare(old: Option<&Identity>, new: Option<&Identity>) -> Vec<Change> {
    match (old, new) {
        (None, None) => Vec::new(),
        (None, Some(new)) => {
            vec![change(Verdict::Opened, "issuer", "none".into(), new.issuer.clone(), "an authorization server is new")]
        }
        (Some(old), None) => {
            let why = "the authorization server is gone";
            vec![change(Verdict::Closed, "issuer", old.issuer.clone(), "none".into(), why)]
        }
        (Some(old), Some(new)) => both(old, new),
    }
}

fn both(old: &Identity, new: &Identity) -> Vec<Change> {
    // Every part is named, so that a new one cannot be forgotten here. Where users and keys are kept lets nobody in.
    let Identity {
        issuer: _,
        host: _,
        plaintext: _,
        lifetimes: _,
        fapi: _,
        opaque_access_tokens: _,
        registration: _,
        clients_by_url: _,
        backchannel_logout: _,
        scopes: _,
        templates: _,
        master_key: _,
        providers: _,
        password_minimum: _,
        rotate_keys: _,
    } = old;
    let mut changes = Vec::new();
    if old.issuer != new.issuer {
        let why = "clients know the authorization server by this";
        changes.push(change(Verdict::Moved, "issuer", old.issuer.clone(), new.issuer.clone(), why));
    }
    changes.extend(lifetimes(&old.lifetimes, &new.lifetimes));
    let fapi = Verdict::of_limit(&!old.fapi, &!new.fapi);
    changes.extend(fapi.map(|verdict| {
        change(verdict, "fapi", old.fapi.to_string(), new.fapi.to_string(), "FAPI 2.0 asks more of every client")
    }));
    let open = |identity: &Identity| identity.registration == Registration::InitialAccessToken;
    let text = |identity: &Identity| if open(identity) { "initial_access_token" } else { "off" }.to_owned();
    changes.extend(
        Verdict::of_limit(&open(old), &open(new))
            .map(|verdict| change(verdict, "registration", text(old), text(new), "who may register clients changed")),
    );
    let minimum = |identity: &Identity| identity.password_minimum;
    changes.extend(Verdict::of_limit(&minimum(new), &minimum(old)).map(|verdict| {
        let why = "the shortest password changed";
        change(verdict, "password.minimum", minimum(old).to_string(), minimum(new).to_string(), why)
    }));
    changes.extend(strangers::clients_by_url(old.clients_by_url.as_ref(), new.clients_by_url.as_ref()));
    changes.extend(strangers::reach("backchannel_logout", &old.backchannel_logout, &new.backchannel_logout));
    changes.extend(providers(old, new));
    changes
}

fn lifetimes(old: &IdentityLifetimes, new: &IdentityLifetimes) -> Vec<Change> {
    let IdentityLifetimes { access_token: _, refresh_token: _, session: _, session_idle: _ } = old;
    let told = |key: &str, old: Duration, new: Duration| {
        let verdict = Verdict::of_limit(&old, &new)?;
        Some(change(verdict, &format!("lifetimes.{key}"), time(old), time(new), "how long it is good changed"))
    };
    [
        told("access_token", old.access_token, new.access_token),
        told("refresh_token", old.refresh_token, new.refresh_token),
        told("session", old.session, new.session),
        told("session_idle", old.session_idle, new.session_idle),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Through whom users log in.
fn providers(old: &Identity, new: &Identity) -> Vec<Change> {
    let names: BTreeSet<&str> =
        [old, new].into_iter().flat_map(|one| &one.providers).map(|p| p.name.as_str()).collect();
    let text = |link: Link| match link {
        Link::Existing => "existing",
        Link::VerifiedEmail => "verified_email",
        Link::Create => "create",
    };
    let told = |name: &str| {
        let find = |identity: &Identity| identity.providers.iter().find(|one| one.name == name).cloned();
        let key = format!("providers.{name}");
        match (find(old), find(new)) {
            (None, Some(new)) => {
                let why = "users of this provider may log in";
                Some(change(Verdict::Opened, &key, "none".into(), new.issuer.clone(), why))
            }
            (Some(old), None) => {
                let why = "users of this provider may no longer log in";
                Some(change(Verdict::Closed, &key, old.issuer.clone(), "none".into(), why))
            }
            (Some(old), Some(new)) if (&old.issuer, &old.remote) != (&new.issuer, &new.remote) => {
                let why = "users of another provider may log in";
                Some(change(Verdict::Widened, &key, old.issuer.clone(), new.issuer.clone(), why))
            }
            (Some(old), Some(new)) => Verdict::of_limit(&old.link, &new.link).map(|verdict| {
                let why = "which account somebody gets changed";
                change(verdict, &format!("{key}.link"), text(old.link).into(), text(new.link).into(), why)
            }),
            (None, None) => None,
        }
    };
    names.into_iter().filter_map(told).collect()
}

/// What a route asks of its callers' log-in.
pub(super) fn step_up(old: Option<&StepUp>, new: Option<&StepUp>) -> Vec<Difference> {
    // What asks for nothing takes everything.
    let acr = |rule: Option<&StepUp>| -> Option<BTreeSet<String>> {
        rule.filter(|rule| !rule.acr.is_empty()).map(|rule| rule.acr.iter().cloned().collect())
    };
    let text = |set: &Option<BTreeSet<String>>| {
        set.as_ref().map_or("any".into(), |set| set.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
    };
    let (before, after) = (acr(old), acr(new));
    let (added, removed) = match (&before, &after) {
        (None, None) => (false, false),
        (Some(_), None) => (true, false),
        (None, Some(_)) => (false, true),
        (Some(before), Some(after)) => (!after.is_subset(before), !before.is_subset(after)),
    };
    let acr = Verdict::of_set(added, removed).map(|verdict| Difference {
        key: "acr",
        verdict,
        before: text(&before),
        after: text(&after),
    });
    let age = |rule: Option<&StepUp>| rule.and_then(|rule| rule.max_age);
    let shown = |rule: Option<&StepUp>| age(rule).map_or("any".into(), time);
    let most = |rule: Option<&StepUp>| age(rule).unwrap_or(Duration::MAX);
    let max_age = Verdict::of_limit(&most(old), &most(new)).map(|verdict| Difference {
        key: "max_age",
        verdict,
        before: shown(old),
        after: shown(new),
    });
    acr.chain(max_age).collect()
}

fn change(verdict: Verdict, key: &str, before: String, after: String, why: &str) -> Change {
    let subject = format!("identity.{key}");
    Change { verdict, subject, example: None, credential: None, before, after, why: why.into() }
}
