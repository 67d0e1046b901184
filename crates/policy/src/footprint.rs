//! What a policy can read: the basis of the cache's key and of what is handed to Cedar.
//!
//! The walk is an over-estimate by construction. Every variable and attribute that occurs counts as read, whether or not
//! evaluation gets there. Where the walk cannot tell what is read, everything counts.
//!
//! Membership is special: a caller's roles and groups count only by those that are mentioned. That is complete, since no
//! attribute holds an entity, so `principal in X` can compare with nothing but literals, the resource or the action.

use std::collections::BTreeSet;

use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, EntityOrSlot, EntityUID, Expr, Literal, PrincipalConstraint,
    ResourceConstraint, Template, Var,
};

use crate::names::{GROUP, ROLE};

/// A fact that a policy can read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Kind,
    Id,
    Tenant,
    Claim(String),
    Path,
    Resource(String),
    Address,
    Time,
    Method,
    Acr,
    Age,
    Mtls,
    Scopes,
    Header(String),
    AllHeaders,
    Body(String),
    AllBody,
}

/// A role or a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Member {
    Role(String),
    Group(String),
}

/// Everything that a policy can read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// The walk met something that it does not know.
    pub(crate) everything: bool,
    pub(crate) parts: BTreeSet<Part>,
    /// Roles and groups that are mentioned, in the scope as well.
    pub(crate) members: BTreeSet<Member>,
    /// Asks whether the resource has an attribute.
    pub(crate) presence: bool,
    /// Asks about the ancestors of something that is neither principal, action nor resource.
    pub(crate) hierarchy: bool,
}

impl Footprint {
    pub(crate) fn of(policy: &Template) -> Self {
        let mut footprint = Self::default();
        footprint.principal(&policy.principal);
        footprint.resource(&policy.resource);
        match &policy.action {
            ActionConstraint::Any | ActionConstraint::Eq(_) | ActionConstraint::In(_) => {}
        }
        for clause in policy.clauses() {
            match clause {
                Clause::When(expr) | Clause::Unless(expr) => footprint.walk(expr),
            }
        }
        footprint
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.everything |= other.everything;
        self.hierarchy |= other.hierarchy;
        self.presence |= other.presence;
        self.parts.extend(other.parts.iter().cloned());
        self.members.extend(other.members.iter().cloned());
    }

    fn principal(&mut self, scope: &PrincipalConstraint) {
        match scope {
            PrincipalConstraint::Any => {}
            PrincipalConstraint::Eq(entity) => {
                self.add(&[Part::Kind, Part::Id]);
                self.scope_entity(entity);
            }
            PrincipalConstraint::In(entity) => self.principal_in_scope(entity),
            PrincipalConstraint::Is(_) => self.add(&[Part::Kind]),
            PrincipalConstraint::IsIn(_, entity) => {
                self.add(&[Part::Kind]);
                self.principal_in_scope(entity);
            }
        }
    }

    fn principal_in_scope(&mut self, entity: &EntityOrSlot) {
        match entity {
            EntityOrSlot::Entity(uid) if member(uid).is_some() => {}
            EntityOrSlot::Entity(_) | EntityOrSlot::Slot(_) => self.add(&[Part::Kind, Part::Id]),
        }
        self.scope_entity(entity);
    }

    fn resource(&mut self, scope: &ResourceConstraint) {
        match scope {
            // An action has one resource type, so asking for the type reads nothing of the request.
            ResourceConstraint::Any | ResourceConstraint::Is(_) => {}
            ResourceConstraint::Eq(entity) | ResourceConstraint::In(entity) | ResourceConstraint::IsIn(_, entity) => {
                self.add(&[Part::Path]);
                self.scope_entity(entity);
            }
        }
    }

    fn scope_entity(&mut self, entity: &EntityOrSlot) {
        match entity {
            EntityOrSlot::Entity(uid) => self.members.extend(member(uid)),
            EntityOrSlot::Slot(_) => self.everything = true,
        }
    }

    fn walk(&mut self, expr: &Expr) {
        match expr {
            Expr::Literal(Literal::EntityUID(uid)) => self.members.extend(member(uid)),
            Expr::Literal(Literal::Bool(_) | Literal::Long(_) | Literal::String(_)) | Expr::Var(Var::Action) => {}
            Expr::Var(Var::Principal) => self.add(&[Part::Kind, Part::Id]),
            Expr::Var(Var::Resource) => self.add(&[Part::Path]),
            Expr::BinaryOp { op: BinaryOp::In, left, right } => self.walk_in(left, right),
            Expr::BinaryOp { op: BinaryOp::GetTag | BinaryOp::HasTag, left, right } => {
                self.everything = true;
                self.walk(left);
                self.walk(right);
            }
            Expr::BinaryOp { left, right, .. } => {
                self.walk(left);
                self.walk(right);
            }
            Expr::GetAttr { expr: inner, attr } => self.walk_path(inner, &[attr.as_str()]),
            Expr::HasAttr { expr: inner, attrs } => {
                let attrs: Vec<&str> = attrs.iter().map(AsRef::as_ref).collect();
                self.presence |= path(inner).is_none_or(|(var, _)| var == Var::Resource);
                self.walk_path(inner, &attrs);
            }
            Expr::UnaryOp { expr, .. } | Expr::Like { expr, .. } => self.walk(expr),
            Expr::Is { expr, in_expr, .. } => self.walk_is(expr, in_expr.as_deref()),
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                self.walk(cond);
                self.walk(then_expr);
                self.walk(else_expr);
            }
            Expr::Set(items) => items.iter().for_each(|item| self.walk(item)),
            Expr::Record(items) => items.values().for_each(|item| self.walk(item)),
            // The whole context, a slot, an unknown, or a kind of expression that this crate has not heard of.
            _ => self.everything = true,
        }
    }

    fn walk_in(&mut self, left: &Expr, right: &Expr) {
        match left {
            // Memberships are told by the literals; only another right side can be the caller itself.
            Expr::Var(Var::Principal) if is_members(right) => {}
            Expr::Var(Var::Principal | Var::Action | Var::Resource) => self.walk(left),
            _ => {
                self.hierarchy = true;
                self.walk(left);
            }
        }
        self.walk(right);
    }

    fn walk_is(&mut self, expr: &Expr, within: Option<&Expr>) {
        match expr {
            Expr::Var(Var::Principal) => self.add(&[Part::Kind]),
            Expr::Var(Var::Action | Var::Resource) => {}
            _ => self.walk(expr),
        }
        if let Some(within) = within {
            self.walk_in(expr, within);
        }
    }

    fn walk_path(&mut self, inner: &Expr, attributes: &[&str]) {
        let Some((var, mut path)) = path(inner) else {
            self.everything = true;
            return;
        };
        path.extend_from_slice(attributes);
        match (var, path.as_slice()) {
            (Var::Principal, ["id", ..]) => self.add(&[Part::Id]),
            (Var::Principal, ["tenant", ..]) => self.add(&[Part::Tenant]),
            (Var::Principal, [claim, ..]) => self.add(&[Part::Claim((*claim).to_owned())]),
            (Var::Resource, [name, ..]) => self.add(&[Part::Resource((*name).to_owned())]),
            (Var::Context, path) => self.context(path),
            // Actions have no attributes.
            (Var::Action, _) => {}
            (Var::Principal | Var::Resource, []) => self.everything = true,
        }
    }

    fn context(&mut self, path: &[&str]) {
        match path {
            ["address", ..] => self.add(&[Part::Address]),
            ["time", ..] => self.add(&[Part::Time]),
            ["auth", "method", ..] => self.add(&[Part::Method]),
            ["auth", "acr", ..] => self.add(&[Part::Acr]),
            ["auth", "age", ..] => self.add(&[Part::Age]),
            ["auth", ..] => self.add(&[Part::Method, Part::Acr, Part::Age]),
            ["mtls", ..] => self.add(&[Part::Mtls]),
            ["scopes", ..] => self.add(&[Part::Scopes]),
            ["headers"] => self.add(&[Part::AllHeaders]),
            ["headers", name, ..] => self.add(&[Part::Header((*name).to_owned())]),
            ["body"] => self.add(&[Part::AllBody]),
            ["body", name, ..] => self.add(&[Part::Body((*name).to_owned())]),
            _ => self.everything = true,
        }
    }

    fn add(&mut self, parts: &[Part]) {
        self.parts.extend(parts.iter().cloned());
    }
}

/// The role or group that an entity is.
pub(crate) fn member(uid: &EntityUID) -> Option<Member> {
    let id = uid.eid.to_string();
    match uid.ty.to_string().as_str() {
        ROLE => Some(Member::Role(id)),
        GROUP => Some(Member::Group(id)),
        _ => None,
    }
}

/// Whether an expression is a role, a group, or a set of such.
fn is_members(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(Literal::EntityUID(uid)) => member(uid).is_some(),
        Expr::Set(items) => items.iter().all(|item| is_members(item)),
        _ => false,
    }
}

/// `context.auth` as the variable and the attributes taken from it.
fn path(expr: &Expr) -> Option<(Var, Vec<&str>)> {
    match expr {
        Expr::Var(var) => Some((var.clone(), Vec::new())),
        Expr::GetAttr { expr, attr } => {
            let (var, mut attributes) = path(expr)?;
            attributes.push(attr.as_str());
            Some((var, attributes))
        }
        _ => None,
    }
}
