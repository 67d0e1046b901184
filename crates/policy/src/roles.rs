//! Roles: who may do what, without a word of Cedar.

use serde::Deserialize;
use serde_saphyr::Spanned;

use std::{collections::HashMap, sync::Arc};

use crate::{
    report::{Findings, Located, Place, Problem, Report, Source},
    suggest::did_you_mean,
};

/// A named set of permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The name that credentials and other roles use.
    pub name: Located<String>,
    /// Roles whose permissions this one has as well.
    pub inherits: Vec<Located<String>>,
    /// What the role may do; each is one Cedar policy with the id `role:NAME#1`, counted from 1.
    pub permissions: Vec<Permission>,
}

/// Operations that a role may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Each is an operation (`getOrder`, or `orders.getOrder` where two APIs have it), `API`, `API.read` or `API.write`.
    /// There is no wildcard over APIs: a role lists what it may do.
    pub operations: Vec<Located<String>>,
    /// What must match; all of it.
    pub matching: Vec<Match>,
}

/// A condition that needs no Cedar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// The tenant of the caller is the tenant in the path.
    Tenant,
    /// The id of the caller is the owner in the path.
    Owner,
}

/// A template of a policy file, filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The id of the template.
    pub template: Located<String>,
    /// The id of the policy that it makes.
    pub id: Located<String>,
    /// What stands for `?principal`, such as `Group::"staff"`.
    pub principal: Option<Located<String>>,
    /// What stands for `?resource`, such as `orders::getOrder::"/orders/1"`.
    pub resource: Option<Located<String>>,
}

/// What a file of roles holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleFile {
    /// The roles, in the order of the file.
    pub roles: Vec<Role>,
    /// The links, in the order of the file.
    pub links: Vec<Link>,
}

impl RoleFile {
    /// Reads YAML:
    ///
    /// ```yaml
    /// roles:
    ///   reader:
    ///     permissions:
    ///       - { operations: [orders.read], where: [tenant] }
    ///   support:
    ///     inherits: [reader]
    ///     permissions:
    ///       - operations: [cancelOrder]
    /// links:
    ///   - { template: may-export, id: staff-may-export, principal: 'Group::"staff"' }
    /// ```
    pub fn parse(name: &str, text: &str) -> Result<Self, Report> {
        let source = Source::new(name, text);
        let raw: RawFile = read_yaml(&source)?;
        let at = |spanned: Spanned<String>| located(&source, spanned);
        let mut roles: Vec<Role> = raw.roles.into_iter().map(|(name, role)| role_of(at(name), role, &at)).collect();
        roles.sort_by(|one, other| one.name.place.cmp(&other.name.place));
        let links = raw.links.into_iter().map(|link| Link {
            template: at(link.template),
            id: at(link.id),
            principal: link.principal.map(at),
            resource: link.resource.map(at),
        });
        Ok(Self { roles, links: links.collect() })
    }
}

fn role_of(name: Located<String>, role: RawRole, at: &impl Fn(Spanned<String>) -> Located<String>) -> Role {
    let permissions = role.permissions.into_iter().map(|permission| Permission {
        operations: permission.operations.into_iter().map(at).collect(),
        matching: permission.matching,
    });
    Role { name, inherits: role.inherits.into_iter().map(at).collect(), permissions: permissions.collect() }
}

/// Reads a YAML file into `T`; the error names the place.
pub(crate) fn read_yaml<T: serde::de::DeserializeOwned>(source: &Arc<Source>) -> Result<T, Report> {
    serde_saphyr::from_str(&source.text).map_err(|error| {
        let place = error.location().map(|location| place(source, &location));
        let text = error.without_snippet().to_string();
        // The place is shown, and there are no options to set.
        let text = text.split(" at line ").next().unwrap_or_default().split(", set ").next().unwrap_or_default();
        let mut findings = Findings::default();
        findings.add(Problem::Yaml, place.as_ref(), text.to_owned(), unknown_field_help(text));
        Report::new(findings.0)
    })
}

/// The fix for "unknown field `x`, expected one of a, b".
fn unknown_field_help(text: &str) -> String {
    let parts = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected "));
    parts.map_or_else(String::new, |(field, known)| {
        let known = known.trim_start_matches("one of ").split(", ").map(|name| name.trim_matches('`'));
        did_you_mean(field, known)
    })
}

pub(crate) fn located<T>(source: &Arc<Source>, spanned: Spanned<T>) -> Located<T> {
    Located { place: Some(place(source, &spanned.referenced)), value: spanned.value }
}

fn place(source: &Arc<Source>, location: &serde_saphyr::Location) -> Place {
    let bytes = |at: Option<u64>| at.and_then(|at| usize::try_from(at).ok());
    let span = location.span();
    let start = bytes(span.byte_offset()).unwrap_or(0);
    Place { source: Arc::clone(source), start, length: bytes(span.byte_len()).unwrap_or(0) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    roles: HashMap<Spanned<String>, RawRole>,
    #[serde(default)]
    links: Vec<RawLink>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRole {
    #[serde(default)]
    inherits: Vec<Spanned<String>>,
    #[serde(default)]
    permissions: Vec<RawPermission>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPermission {
    operations: Vec<Spanned<String>>,
    #[serde(default, rename = "where")]
    matching: Vec<Match>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLink {
    template: Spanned<String>,
    id: Spanned<String>,
    #[serde(default)]
    principal: Option<Spanned<String>>,
    #[serde(default)]
    resource: Option<Spanned<String>>,
}
