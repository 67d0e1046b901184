//! Policies that read everything that can be read, in every way that the footprint has to know.

#![allow(dead_code, reason = "each test uses its part")]

use std::fmt::Write;

use policy::{Link, Source, Sources};

use crate::{dice::Dice, orders};

const PRINCIPALS: [&str; 18] = [
    "principal",
    "principal",
    "principal",
    "principal",
    "principal",
    "principal",
    "principal",
    "principal",
    "principal in Role::\"reader\"",
    "principal in Role::\"clerk\"",
    "principal in Role::\"admin\"",
    "principal in Group::\"staff\"",
    "principal is Client",
    "principal is User in Role::\"member\"",
    "principal is Workload in Group::\"auditors\"",
    "principal == User::\"alice\"",
    "principal == Client::\"bob\"",
    "principal in User::\"carol\"",
];

const ACTIONS: [&str; 11] = [
    "action",
    "action",
    "action",
    "action",
    "action",
    "action in Action::\"orders\"",
    "action in Action::\"orders.read\"",
    "action in [Action::\"orders.write\", Action::\"profiles.read\"]",
    "action == Action::\"orders.getOrder\"",
    "action == Action::\"profiles.getProfile\"",
    "action in [Action::\"orders.createOrder\", Action::\"profiles.PUT /profiles/{subject}\"]",
];

const RESOURCES: [&str; 7] = [
    "resource",
    "resource",
    "resource",
    "resource",
    "resource is orders::getOrder",
    "resource is orders::createOrder",
    "resource == orders::getOrder::\"/acme/orders/42\"",
];

/// Conditions that hold to the schema for every operation.
const ATOMS: [&str; 51] = [
    "(resource has tenant && principal has tenant && resource.tenant == principal.tenant)",
    "(resource has owner && resource.owner == principal.id)",
    "(resource has number && resource.number < 10)",
    "(resource has number && resource.number * 9223372036854775807 > 0)",
    "(resource has subject && resource.subject like \"a*\")",
    "(resource is orders::getOrder && resource == orders::getOrder::\"/acme/orders/42\")",
    "(resource is profiles::getProfile && resource in profiles::getProfile::\"/profiles/alice\")",
    "resource is orders::listOrders",
    "[resource].contains(resource)",
    "principal has tenant",
    "(principal has tenant && principal.tenant == \"acme\")",
    "(principal has department && principal.department == \"finance\")",
    "(principal has level && principal.level > 2)",
    "(principal has level && principal.level + 1 > 2)",
    "(principal has level && -principal.level < -2)",
    "(principal has regions && principal.regions.contains(\"eu\"))",
    "(principal has regions && principal.regions.isEmpty())",
    "(principal has regions && principal.regions.containsAny(context.scopes))",
    "principal.id == \"alice\"",
    "principal == User::\"alice\"",
    "principal in User::\"bob\"",
    "principal in [User::\"bob\", User::\"carol\"]",
    "principal is Client",
    "principal is User in Group::\"staff\"",
    "principal in Role::\"reader\"",
    "principal in [Role::\"clerk\", Role::\"admin\"]",
    "principal in (if context.mtls then Role::\"member\" else Role::\"admin\")",
    "(if context.mtls then principal else principal) in Role::\"clerk\"",
    "(if context.mtls then principal else principal).id == \"bob\"",
    "{\"who\": principal.id}.who == \"alice\"",
    "{\"all\": context}.all.mtls",
    "Role::\"clerk\" in Role::\"reader\"",
    "Role::\"reader\" in Role::\"clerk\"",
    "action == Action::\"orders.createOrder\"",
    "action in Action::\"orders.read\"",
    "action in [Action::\"profiles\", Action::\"orders.write\"]",
    "context.mtls",
    "context.scopes.contains(\"read\")",
    "context.scopes.containsAll([\"read\", \"write\"])",
    "context.scopes == [\"audit\"]",
    "context.auth.method == \"jwt\"",
    "(context.auth has acr && context.auth.acr == \"mfa\")",
    "context has auth.age",
    "(context has auth.age && context.auth.age < 100)",
    "context.address.isInRange(ip(\"10.0.0.0/8\"))",
    "context.address.isLoopback()",
    "context.address == ip(\"2001:db8::1\")",
    "context.time < datetime(\"2026-11-24T12:00:00.001Z\")",
    "context.time.toTime() == duration(\"12h\")",
    "(action == Action::\"orders.createOrder\" && context.headers has \"x-region\" && context.headers[\"x-region\"] == \"eu\")",
    "(action == Action::\"orders.createOrder\" && context.body has amount && context.body.amount > 10000)",
];

/// The example's roles with random policies and links.
pub(crate) fn sources(dice: &mut Dice) -> Sources {
    let count = 1 + dice.below(8);
    // Few conditions a set: otherwise one reads what the footprint of another has left out.
    let atoms: Vec<&str> = (0..=dice.below(4)).map(|_| dice.pick(&ATOMS)).collect();
    let mut texts: Vec<String> = (0..count).map(|at| policy(at, &atoms, dice)).collect();
    let mut links = Vec::new();
    if dice.one_in(3) {
        let condition = condition(&atoms, dice, 1);
        texts.push(format!("@id(\"t\") permit (principal in ?principal, action, resource) when {{ {condition} }};"));
        let entities = ["Group::\"staff\"", "Role::\"member\"", "User::\"alice\""];
        links.extend(dice.some(&entities).into_iter().map(|entity| Link {
            template: "t".into(),
            id: entity.into(),
            principal: Some(entity.into()),
            resource: None,
        }));
    }
    let mut sources = orders::sources();
    if dice.one_in(2) {
        sources.roles.clear();
        sources.roles.extend(["reader", "clerk", "admin", "member"].map(|name| policy::Role {
            name: name.into(),
            inherits: if name == "clerk" { vec!["reader".into()] } else { Vec::new() },
            permissions: Vec::new(),
        }));
    }
    sources.files = vec![Source::new("random.cedar", texts.join("\n"))];
    sources.links = links;
    sources
}

/// The same with one policy gone, or one condition more or less.
pub(crate) fn change(sources: &Sources, dice: &mut Dice) -> Sources {
    let mut lines: Vec<String> = sources.files[0].text.lines().map(str::to_owned).collect();
    let at = dice.below(lines.len());
    let is_template = lines[at].contains("?principal");
    let line = lines[at].trim_end_matches(';').to_owned();
    match dice.below(4) {
        0 if !is_template => drop(lines.remove(at)),
        1 => lines[at] = format!("{line} when {{ {} }};", dice.pick(&ATOMS)),
        2 => lines[at] = format!("{line} unless {{ {} }};", dice.pick(&ATOMS)),
        _ => lines[at] = line.split_once(") when {").map_or(line.clone(), |(scope, _)| format!("{scope})")) + ";",
    }
    Sources { files: vec![Source::new("changed.cedar", lines.join("\n"))], ..sources.clone() }
}

fn policy(at: usize, atoms: &[&str], dice: &mut Dice) -> String {
    let effect = if dice.one_in(4) { "forbid" } else { "permit" };
    let scope = [dice.pick(&PRINCIPALS), dice.pick(&ACTIONS), dice.pick(&RESOURCES)].join(", ");
    let mut text = format!("@id(\"p{at}\") {effect} ({scope})");
    for _ in 0..dice.below(3) {
        let keyword = if dice.one_in(4) { "unless" } else { "when" };
        write!(text, " {keyword} {{ {} }}", condition(atoms, dice, 2)).unwrap();
    }
    text + ";"
}

fn condition(atoms: &[&str], dice: &mut Dice, depth: usize) -> String {
    if depth == 0 || dice.one_in(3) {
        return dice.pick(atoms).to_owned();
    }
    let (one, other) = (condition(atoms, dice, depth - 1), condition(atoms, dice, depth - 1));
    match dice.below(4) {
        0 => format!("({one} && {other})"),
        1 => format!("({one} || {other})"),
        2 => format!("!({one})"),
        _ => format!("(if {one} then {other} else {})", condition(atoms, dice, depth - 1)),
    }
}
