//! Clients that nobody registered, and where the authorization server goes for them.

use std::collections::BTreeSet;

use super::change;
use crate::{
    ClientsByUrl, Reach,
    diff::{Change, Verdict, anchors},
};

const KEY: &str = "clients_by_url";

pub(super) fn clients_by_url(old: Option<&ClientsByUrl>, new: Option<&ClientsByUrl>) -> Vec<Change> {
    let scopes = |rules: &ClientsByUrl| rules.scopes.iter().map(|scope| scope.0.clone()).collect::<BTreeSet<_>>();
    match (old, new) {
        (None, None) => Vec::new(),
        (None, Some(new)) => {
            let why = "clients that nobody registered may ask users";
            vec![change(Verdict::Opened, KEY, "none".into(), text(&scopes(new)), why)]
        }
        (Some(old), None) => {
            let why = "clients must be registered";
            vec![change(Verdict::Closed, KEY, text(&scopes(old)), "none".into(), why)]
        }
        (Some(old), Some(new)) => {
            // Every part is named, so that a new one cannot be forgotten here.
            let ClientsByUrl { hosts: _, scopes: _, reach: _ } = old;
            let mut changes = hosts(&old.hosts, &new.hosts);
            let why = "what clients that nobody registered may ask for changed";
            changes.extend(sets("scopes", &scopes(old), &scopes(new), why));
            changes.extend(reach(KEY, &old.reach, &new.reach));
            changes
        }
    }
}

/// Networks and authorities.
pub(super) fn reach(key: &str, old: &Reach, new: &Reach) -> Vec<Change> {
    let Reach { ca: _, allow_networks: _ } = old;
    let why = "where the authorization server goes changed";
    let (before, after) = (old.ca.as_deref(), new.ca.as_deref());
    let authorities = anchors::compare(before, after).into_iter();
    let mut changes: Vec<Change> = authorities
        .map(|verdict| change(verdict, &format!("{key}.ca"), anchors::text(before), anchors::text(after), why))
        .collect();
    let networks = |reach: &Reach| reach.allow_networks.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    changes.extend(of_sets(&format!("{key}.allow_networks"), &networks(old), &networks(new), why));
    changes
}

/// Where none is named, all are let in.
fn hosts(old: &[String], new: &[String]) -> Vec<Change> {
    let set = |hosts: &[String]| hosts.iter().cloned().collect::<BTreeSet<_>>();
    let (before, after) = (set(old), set(new));
    let (added, removed) = match (before.is_empty(), after.is_empty()) {
        (true, true) => (false, false),
        (false, true) => (true, false),
        (true, false) => (false, true),
        (false, false) => (!after.is_subset(&before), !before.is_subset(&after)),
    };
    let told = |set: &BTreeSet<String>| if set.is_empty() { "any".into() } else { text(set) };
    let why = "whose documents are taken changed";
    let key = format!("{KEY}.hosts");
    Verdict::of_set(added, removed).map(|verdict| change(verdict, &key, told(&before), told(&after), why)).collect()
}

fn sets(key: &str, old: &BTreeSet<String>, new: &BTreeSet<String>, why: &str) -> Vec<Change> {
    of_sets(&format!("{KEY}.{key}"), old, new, why)
}

fn of_sets(key: &str, old: &BTreeSet<String>, new: &BTreeSet<String>, why: &str) -> Vec<Change> {
    let ways = Verdict::of_set(!new.is_subset(old), !old.is_subset(new));
    ways.map(|verdict| change(verdict, key, text(old), text(new), why)).collect()
}

fn text(set: &BTreeSet<String>) -> String {
    if set.is_empty() { "none".to_owned() } else { set.iter().map(String::as_str).collect::<Vec<_>>().join(" ") }
}
