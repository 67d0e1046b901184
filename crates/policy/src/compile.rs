//! Roles become Cedar policies, one a permission.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fmt::Write,
};

use crate::{
    catalogue::Catalogue,
    names::{ROLE, quote},
    report::{Findings, Located, Problem},
    roles::{Match, Permission, Role},
    suggest::did_you_mean,
};

/// A policy that a permission became.
#[derive(Debug, Clone)]
pub(crate) struct Compiled {
    pub(crate) id: String,
    pub(crate) text: String,
    /// What it permits to whichever role: policies of one shape differ in their role and annotations only.
    pub(crate) shape: String,
}

/// The policies of all roles, in the order of the roles and their permissions.
pub(crate) fn policies(roles: &[Role], catalogue: &Catalogue, findings: &mut Findings) -> Vec<Compiled> {
    check_names(roles, findings);
    let mut out = Vec::new();
    for role in roles {
        for (at, permission) in role.permissions.iter().enumerate() {
            let id = format!("role:{}#{}", role.name.value, at + 1);
            let actions = actions(permission, catalogue, findings);
            if !actions.is_empty() {
                let shape = format!("{actions:?} {:?}", permission.matching);
                out.push(Compiled { text: policy(&id, &role.name.value, &actions, permission), id, shape });
            }
        }
    }
    out
}

/// For each role, itself and every role whose permissions it has by inheritance.
pub(crate) fn closures(roles: &[Role]) -> BTreeMap<String, BTreeSet<String>> {
    let parents: BTreeMap<&str, &[Located<String>]> =
        roles.iter().map(|role| (role.name.value.as_str(), role.inherits.as_slice())).collect();
    let closure = |name: &str| {
        let mut seen = BTreeSet::from([name.to_owned()]);
        let mut open = vec![name.to_owned()];
        while let Some(name) = open.pop() {
            for parent in parents.get(name.as_str()).copied().unwrap_or_default() {
                if seen.insert(parent.value.clone()) {
                    open.push(parent.value.clone());
                }
            }
        }
        seen
    };
    roles.iter().map(|role| (role.name.value.clone(), closure(&role.name.value))).collect()
}

fn check_names(roles: &[Role], findings: &mut Findings) {
    let mut seen = HashSet::new();
    for role in roles {
        if !seen.insert(&role.name.value) {
            let message = format!("the role `{}` is there twice", role.name.value);
            findings.add(Problem::Duplicate, role.name.place.as_ref(), message, "Put both into one.");
        }
    }
    let closures = closures(roles);
    for role in roles {
        for parent in &role.inherits {
            let Some(above) = closures.get(&parent.value) else {
                let help = did_you_mean(&parent.value, closures.keys().map(String::as_str));
                let message = format!("`{}` inherits from `{}`, which is no role", role.name.value, parent.value);
                findings.add(Problem::UnknownRole, parent.place.as_ref(), message, help);
                continue;
            };
            if above.contains(&role.name.value) {
                let message = format!("`{}` inherits from `{}`, which inherits from it", role.name.value, parent.value);
                let help = "Roles in a circle are one role: take one of the `inherits` away.";
                findings.add(Problem::Circle, parent.place.as_ref(), message, help);
            }
        }
    }
}

/// The Cedar actions and groups that a permission names.
fn actions(permission: &Permission, catalogue: &Catalogue, findings: &mut Findings) -> Vec<String> {
    permission.operations.iter().filter_map(|pattern| action(pattern, permission, catalogue, findings)).collect()
}

fn action(
    pattern: &Located<String>,
    permission: &Permission,
    catalogue: &Catalogue,
    findings: &mut Findings,
) -> Option<String> {
    let mut meant = catalogue.of_pattern(&pattern.value);
    let (action, operations) = if meant.len() > 1 {
        let ids: Vec<String> = meant.into_iter().map(|(id, _)| format!("`{id}`")).collect();
        let message = format!("`{}` is an operation of several APIs", pattern.value);
        let help = format!("Write {}.", ids.join(" or "));
        findings.add(Problem::UnknownOperation, pattern.place.as_ref(), message, help);
        return None;
    } else if let Some(one) = meant.pop() {
        one
    } else {
        let help = if pattern.value.contains('*') {
            "There is no wildcard. Name the operation, or `API`, `API.read` or `API.write`.".to_owned()
        } else {
            did_you_mean(&pattern.value, catalogue.patterns())
        };
        let message = format!("no API has an operation `{}`", pattern.value);
        findings.add(Problem::UnknownOperation, pattern.place.as_ref(), message, help);
        return None;
    };
    let lacking = permission.matching.iter().filter(|one| !has_match(**one, pattern, &operations, catalogue, findings));
    if lacking.count() > 0 {
        return None;
    }
    Some(action)
}

/// A permission that asks for a tenant of an operation without one would never allow, or would need to allow too much.
fn has_match(
    matching: Match,
    pattern: &Located<String>,
    operations: &[usize],
    catalogue: &Catalogue,
    findings: &mut Findings,
) -> bool {
    let word = match matching {
        Match::Tenant => "tenant",
        Match::Owner => "owner",
    };
    let entries = operations.iter().filter_map(|at| catalogue.entries.get(*at));
    let without = entries.filter(|entry| match matching {
        Match::Tenant => entry.operation.tenant.is_none(),
        Match::Owner => entry.operation.owner.is_none(),
    });
    let without: Vec<&str> = without.map(|entry| entry.action.as_str()).collect();
    if without.is_empty() {
        return true;
    }
    let message = format!(
        "`where: [{word}]`, but {} {} no {word}",
        without.join(", "),
        if without.len() == 1 { "has" } else { "have" }
    );
    let help = format!("Say which path parameter is the {word}, or permit these operations without it.");
    findings.add(Problem::NothingToMatch, pattern.place.as_ref(), message, help);
    false
}

fn policy(id: &str, role: &str, actions: &[String], permission: &Permission) -> String {
    let list: Vec<String> = actions.iter().map(|action| format!("Action::{}", quote(action))).collect();
    let matching: BTreeSet<Match> = permission.matching.iter().copied().collect();
    let mut reason = format!("role {role} may call {}", actions.join(", "));
    let mut conditions = Vec::new();
    for one in matching {
        let (words, condition) = match one {
            Match::Tenant => (" of its own tenant", "principal has tenant && resource.tenant == principal.tenant"),
            Match::Owner => (" of what it owns", "resource.owner == principal.id"),
        };
        reason.push_str(words);
        conditions.push(condition);
    }
    let mut out = format!("@id({})\n@reason({})\npermit (\n", quote(id), quote(&reason));
    let _ =
        write!(out, "    principal in {ROLE}::{},\n    action in [{}],\n    resource\n)", quote(role), list.join(", "));
    for condition in conditions {
        let _ = write!(out, "\nwhen {{ {condition} }}");
    }
    out.push(';');
    out
}
