//! `roles` and `links`: a file of their own, or written out.

use policy::{Link, Match, Permission, Role, RoleFile};

use super::{pass_on, source};
use crate::{
    codes::diagnostics,
    decode::{Context, every},
    yaml::{Key, Node},
};

pub(super) fn all(cx: &Context, node: Option<&Node>) -> Option<RoleFile> {
    let Some(node) = node else { return Some(RoleFile::default()) };
    if node.text().is_none() {
        let roles: Vec<Option<Role>> = node.entries().iter().map(|(name, node)| role(cx, name, node)).collect();
        return Some(RoleFile { roles: roles.into_iter().collect::<Option<_>>()?, links: Vec::new() });
    }
    let file = source(cx, node)?;
    RoleFile::parse(&file.name, &file.text).map_err(|report| pass_on(cx, &report, node.span)).ok()
}

fn role(cx: &Context, name: &Key, node: &Node) -> Option<Role> {
    let inherits = texts(cx, node.get("inherits"));
    let permissions = node.get("permissions").map(Node::items).unwrap_or_default();
    let permissions = every(permissions, |node| permission(cx, node))?;
    Some(Role { name: cx.located(name.span, &name.text), inherits, permissions })
}

fn permission(cx: &Context, node: &Node) -> Option<Permission> {
    let conditions = node.get("where").map(Node::items).unwrap_or_default();
    let matching = every(conditions, |node| matching(cx, node))?;
    Some(Permission { operations: texts(cx, node.get("operations")), matching })
}

fn matching(cx: &Context, node: &Node) -> Option<Match> {
    match node.text()? {
        "tenant" => Some(Match::Tenant),
        "owner" => Some(Match::Owner),
        other => {
            let message = format!("`{other}` is nothing that callers and objects have in common");
            let help = "Write `tenant` or `owner`; other conditions are policies in Cedar.";
            cx.report(&diagnostics::BAD_CHOICE, node.span, message, help);
            None
        }
    }
}

pub(super) fn links(cx: &Context, node: Option<&Node>) -> Option<Vec<Link>> {
    every(node.map(Node::items).unwrap_or_default(), |node| {
        let text = |key: &str| node.get(key).and_then(|node| Some(cx.located(node.span, node.text()?)));
        Some(Link {
            template: text("template")?,
            id: text("id")?,
            principal: text("principal"),
            resource: text("resource"),
        })
    })
}

fn texts(cx: &Context, node: Option<&Node>) -> Vec<policy::Located<String>> {
    let items = node.map(Node::items).unwrap_or_default();
    items.iter().filter_map(|node| Some(cx.located(node.span, node.text()?))).collect()
}
