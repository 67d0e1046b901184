//! `claims`: what an issuer's tokens say of their callers.

use std::collections::{BTreeMap, BTreeSet};

use super::{Declared, reason};
use crate::{
    ClaimMapping, ClaimPath, IssuerName, MemberMapping, TenantSource,
    codes::{diagnostics, policies as codes},
    decode::Context,
    yaml::{Key, Node},
};

pub(super) fn all(
    cx: &Context,
    node: Option<&Node>,
    issuers: &BTreeSet<IssuerName>,
    declared: &Declared<'_>,
) -> Option<BTreeMap<IssuerName, ClaimMapping>> {
    let entries = node.map(Node::entries).unwrap_or_default();
    tell_apart(cx, node, issuers, entries);
    let decoded: Vec<_> = entries.iter().map(|(key, node)| one(cx, key, node, issuers, declared)).collect();
    decoded.into_iter().collect()
}

fn one(
    cx: &Context,
    key: &Key,
    node: &Node,
    issuers: &BTreeSet<IssuerName>,
    declared: &Declared<'_>,
) -> Option<(IssuerName, ClaimMapping)> {
    let name = IssuerName(key.text.clone());
    let is_known = issuers.contains(&name);
    if !is_known {
        let help = policy::did_you_mean(&name.0, issuers.iter().map(|issuer| issuer.0.as_str()));
        cx.report(&diagnostics::UNKNOWN_ISSUER, key.span, format!("there is no issuer `{}`", name.0), help);
    }
    let roles = node.get("roles").map(|node| members(cx, node, |node| declared.role(cx, node)));
    let groups = node.get("groups").map(|node| members(cx, node, |node| declared.group(cx, node)));
    let tenant = node.get("tenant").map(|node| tenant(cx, node));
    let attributes: Vec<_> = node.get("attributes").map(Node::entries).unwrap_or_default().iter().collect();
    let attributes = attributes.into_iter().map(|(key, node)| {
        let attribute = declared.attribute(cx, &key.text, key.span)?;
        Some((attribute.clone(), claim(cx, node)?))
    });
    let attributes: Vec<_> = attributes.collect();
    let id_prefix = node.get("id_prefix").and_then(Node::text).unwrap_or_default().to_owned();
    let mapping = ClaimMapping {
        id_prefix,
        roles: optional(roles)?,
        groups: optional(groups)?,
        tenant: optional(tenant)?,
        attributes: attributes.into_iter().collect::<Option<_>>()?,
    };
    is_known.then_some((name, mapping))
}

/// What is absent is no mistake; what is there must be right.
#[expect(clippy::option_option, reason = "absent, wrong and right are three things")]
fn optional<T>(decoded: Option<Option<T>>) -> Option<Option<T>> {
    match decoded {
        None => Some(None),
        Some(one) => one.map(Some),
    }
}

fn members(cx: &Context, node: &Node, declared: impl Fn(&Node) -> Option<String>) -> Option<MemberMapping> {
    let path = node.get("claim").and_then(|node| claim(cx, node));
    let values = node.get("values").map(Node::entries).unwrap_or_default().iter().map(|(value, node)| {
        let names: Vec<_> = node.items().iter().map(&declared).collect();
        Some((value.text.clone(), names.into_iter().collect::<Option<Vec<_>>>()?))
    });
    let values: Vec<_> = values.collect();
    Some(MemberMapping { claim: path?, values: values.into_iter().collect::<Option<_>>()? })
}

fn tenant(cx: &Context, node: &Node) -> Option<TenantSource> {
    match node.get("is") {
        Some(fixed) => Some(TenantSource::Fixed(fixed.text()?.to_owned())),
        None => claim(cx, node).map(TenantSource::Claim),
    }
}

fn claim(cx: &Context, node: &Node) -> Option<ClaimPath> {
    let text = node.text()?;
    if !text.starts_with('/') {
        return Some(ClaimPath::Name(text.to_owned()));
    }
    super::route::pointer(cx, node).map(ClaimPath::Pointer)
}

/// Whether the ids of callers of several issuers differ: none may begin as all of another's do. An issuer may also be
/// said to have its users from the same place as the others.
fn tell_apart(cx: &Context, node: Option<&Node>, issuers: &BTreeSet<IssuerName>, entries: &[(Key, Node)]) {
    let Some(span) = node.map(|node| node.span) else { return };
    let of = |issuer: &IssuerName| entries.iter().find(|(key, _)| key.text == issuer.0);
    let mut apart: Vec<(&IssuerName, &str)> = Vec::new();
    for issuer in issuers {
        let (span, mapping) = of(issuer).map_or((span, None), |(key, node)| (key.span, Some(node)));
        if let Some(shared) = mapping.and_then(|mapping| mapping.get("shared_subjects")) {
            reason(cx, shared, "shared_subjects");
            continue;
        }
        let prefix = mapping.and_then(|mapping| mapping.get("id_prefix")).and_then(Node::text).unwrap_or_default();
        let clash = apart.iter().find(|(_, other)| prefix.starts_with(other) || other.starts_with(prefix));
        if let Some((other, _)) = clash {
            let message = format!("a `sub` of `{}` could be the id of a caller of `{}`", issuer.0, other.0);
            let help = format!(
                "Give both an `id_prefix`, such as `{}:`, or say `shared_subjects: \"why\"` if they have their users \
                 from one place.",
                issuer.0
            );
            cx.report(&codes::SAME_SUBJECTS, span, message, help);
        }
        apart.push((issuer, prefix));
    }
}
