//! What is left of a policy once it is known who asks for what: always, never, or a condition.
//!
//! Cedar's own partial evaluation is experimental. This one knows booleans only, and only what a caller's roles, groups
//! and name, the action and the resource's type settle; everything else stays as it is written.

use std::sync::Arc;

use cedar_policy::pst::{
    BinaryOp, Clause, EntityOrSlot, EntityType, EntityUID, Expr, Literal, PrincipalConstraint, ResourceConstraint,
    Template, UnaryOp, Var,
};

use crate::{catalogue::Entry, footprint};

/// What is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Folded {
    Always,
    Never,
    If(Arc<Expr>),
}

/// Who asks for what.
pub(crate) struct Known<'k> {
    /// Whether the caller is, or is in, an entity.
    pub(crate) is_in: &'k dyn Fn(&EntityUID) -> bool,
    /// The caller's type, if it is settled.
    pub(crate) kind: Option<&'k str>,
    pub(crate) entry: &'k Entry,
}

/// What is left of a policy that applies to the action, and whether its evaluation can fail.
pub(crate) fn policy(policy: &Template, known: &Known<'_>) -> (Folded, bool) {
    let scope = and(known.principal(&policy.principal), known.resource(&policy.resource));
    if scope == Folded::Never {
        // Conditions are not looked at.
        return (Folded::Never, false);
    }
    let clauses = policy.clauses().iter().map(|clause| match clause {
        Clause::When(expr) => known.fold(expr),
        Clause::Unless(expr) => not(known.fold(expr)),
    });
    // What folding leaves out is evaluated all the same.
    let fails = policy.clauses().iter().any(|clause| match clause {
        Clause::When(expr) | Clause::Unless(expr) => may_fail(expr),
    });
    (clauses.fold(scope, and), fails)
}

/// Whether evaluation can fail on a question that fits the model: only arithmetic can, by overflow.
fn may_fail(expr: &Expr) -> bool {
    let arithmetic = |expr: &Expr| match expr {
        Expr::UnaryOp { op: UnaryOp::Neg, .. }
        | Expr::BinaryOp {
            op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Offset | BinaryOp::DurationSince,
            ..
        } => Some(true),
        _ => None,
    };
    expr.reduce(&arithmetic, &|one, other| one || other, false)
}

/// Whether the conditions of a policy ask who the caller is or what it is in.
pub(crate) fn asks_for_members(policy: &Template) -> bool {
    let entity = |expr: &Expr| match expr {
        Expr::Literal(Literal::EntityUID(uid)) if uid.ty.to_string() != "Action" => Some(true),
        Expr::Is { .. } => Some(true),
        _ => None,
    };
    policy.clauses().iter().any(|clause| match clause {
        Clause::When(expr) | Clause::Unless(expr) => expr.reduce(&entity, &|one, other| one || other, false),
    })
}

impl Known<'_> {
    fn principal(&self, scope: &PrincipalConstraint) -> Folded {
        match scope {
            PrincipalConstraint::Any => Folded::Always,
            PrincipalConstraint::Eq(entity) | PrincipalConstraint::In(entity) => self.caller_in(entity),
            PrincipalConstraint::Is(kind) => self.caller_is(kind),
            PrincipalConstraint::IsIn(kind, entity) => and(self.caller_is(kind), self.caller_in(entity)),
        }
    }

    fn resource(&self, scope: &ResourceConstraint) -> Folded {
        let of_type = |kind: &EntityType| truth(kind.to_string() == self.entry.resource_type);
        let one = |entity: &EntityOrSlot| match entity {
            EntityOrSlot::Entity(uid) => and(of_type(&uid.ty), Folded::If(Arc::new(equal(Var::Resource, uid)))),
            EntityOrSlot::Slot(_) => Folded::Never,
        };
        match scope {
            ResourceConstraint::Any => Folded::Always,
            ResourceConstraint::Eq(entity) | ResourceConstraint::In(entity) => one(entity),
            ResourceConstraint::Is(kind) => of_type(kind),
            ResourceConstraint::IsIn(kind, entity) => and(of_type(kind), one(entity)),
        }
    }

    fn caller_in(&self, entity: &EntityOrSlot) -> Folded {
        match entity {
            EntityOrSlot::Entity(uid) => truth((self.is_in)(uid)),
            // Slots are filled in before.
            EntityOrSlot::Slot(_) => Folded::Never,
        }
    }

    fn caller_is(&self, kind: &EntityType) -> Folded {
        match self.kind {
            Some(known) => truth(known == kind.to_string()),
            None => Folded::If(Arc::new(Expr::Is {
                expr: Arc::new(Expr::Var(Var::Principal)),
                entity_type: kind.clone(),
                in_expr: None,
            })),
        }
    }

    fn fold(&self, expr: &Arc<Expr>) -> Folded {
        match expr.as_ref() {
            Expr::Literal(Literal::Bool(value)) => truth(*value),
            Expr::UnaryOp { op: UnaryOp::Not, expr } => not(self.fold(expr)),
            Expr::BinaryOp { op: BinaryOp::And, left, right } => and(self.fold(left), self.fold(right)),
            Expr::BinaryOp { op: BinaryOp::Or, left, right } => or(self.fold(left), self.fold(right)),
            Expr::IfThenElse { cond, then_expr, else_expr } => {
                let (cond, then, other) = (self.fold(cond), self.fold(then_expr), self.fold(else_expr));
                or(and(cond.clone(), then), and(not(cond), other))
            }
            Expr::BinaryOp { op: BinaryOp::Eq | BinaryOp::In, left, right } => self.fold_relation(expr, left, right),
            Expr::BinaryOp { op: BinaryOp::NotEq, left, right } => match self.fold_relation(expr, left, right) {
                // The relation was folded as an equation.
                Folded::Always => Folded::Never,
                Folded::Never => Folded::Always,
                Folded::If(_) => Folded::If(Arc::clone(expr)),
            },
            Expr::Is { expr: subject, entity_type, in_expr } => {
                self.fold_is(expr, subject, entity_type, in_expr.as_ref())
            }
            Expr::HasAttr { expr: subject, attrs } => match (subject.as_ref(), attrs.iter().next()) {
                (Expr::Var(Var::Resource), Some(name)) => truth(self.has_resource_attribute(name)),
                _ => Folded::If(Arc::clone(expr)),
            },
            _ => Folded::If(Arc::clone(expr)),
        }
    }

    /// `principal in X`, `action == X` and their like; anything else stays.
    fn fold_relation(&self, whole: &Arc<Expr>, left: &Expr, right: &Expr) -> Folded {
        let Some(entities) = entities(right) else { return Folded::If(Arc::clone(whole)) };
        match left {
            Expr::Var(Var::Principal) => truth(entities.iter().any(|uid| (self.is_in)(uid))),
            Expr::Var(Var::Action) => truth(entities.iter().any(|uid| self.is_action(uid))),
            Expr::Var(Var::Resource) if entities.iter().all(|uid| uid.ty.to_string() != self.entry.resource_type) => {
                Folded::Never
            }
            _ => Folded::If(Arc::clone(whole)),
        }
    }

    fn fold_is(&self, whole: &Arc<Expr>, subject: &Expr, kind: &EntityType, within: Option<&Arc<Expr>>) -> Folded {
        let is = match subject {
            Expr::Var(Var::Principal) => self.caller_is(kind),
            Expr::Var(Var::Resource) => truth(kind.to_string() == self.entry.resource_type),
            _ => return Folded::If(Arc::clone(whole)),
        };
        match within {
            Some(within) => {
                let left = subject.clone();
                let relation = Expr::BinaryOp { op: BinaryOp::In, left: Arc::new(left), right: Arc::clone(within) };
                and(is, self.fold(&Arc::new(relation)))
            }
            None => is,
        }
    }

    fn is_action(&self, uid: &EntityUID) -> bool {
        uid.eid == self.entry.action.as_str()
            || uid.eid == self.entry.group().as_str()
            || uid.eid == self.entry.api.as_str()
    }

    fn has_resource_attribute(&self, name: &str) -> bool {
        let operation = &self.entry.operation;
        operation.parameters.iter().any(|one| one.name == name)
            || (name == "tenant" && operation.tenant.is_some())
            || (name == "owner" && operation.owner.is_some())
    }
}

/// The entities of a literal or a set of such.
fn entities(expr: &Expr) -> Option<Vec<&EntityUID>> {
    match expr {
        Expr::Literal(Literal::EntityUID(uid)) => Some(vec![uid]),
        Expr::Set(items) => items.iter().map(|item| entities(item)).collect::<Option<Vec<_>>>().map(|all| all.concat()),
        _ => None,
    }
}

fn equal(var: Var, uid: &EntityUID) -> Expr {
    let literal = Expr::Literal(Literal::EntityUID(uid.clone()));
    Expr::BinaryOp { op: BinaryOp::Eq, left: Arc::new(Expr::Var(var)), right: Arc::new(literal) }
}

fn truth(value: bool) -> Folded {
    if value { Folded::Always } else { Folded::Never }
}

fn not(one: Folded) -> Folded {
    match one {
        Folded::Always => Folded::Never,
        Folded::Never => Folded::Always,
        Folded::If(expr) => Folded::If(Arc::new(Expr::UnaryOp { op: UnaryOp::Not, expr })),
    }
}

fn and(one: Folded, other: Folded) -> Folded {
    match (one, other) {
        (Folded::Never, _) | (_, Folded::Never) => Folded::Never,
        (Folded::Always, rest) | (rest, Folded::Always) => rest,
        (Folded::If(left), Folded::If(right)) => {
            Folded::If(Arc::new(Expr::BinaryOp { op: BinaryOp::And, left, right }))
        }
    }
}

fn or(one: Folded, other: Folded) -> Folded {
    match (one, other) {
        (Folded::Always, _) | (_, Folded::Always) => Folded::Always,
        (Folded::Never, rest) | (rest, Folded::Never) => rest,
        (Folded::If(left), Folded::If(right)) => Folded::If(Arc::new(Expr::BinaryOp { op: BinaryOp::Or, left, right })),
    }
}

/// Whether an entity is a role or group called `name`.
pub(crate) fn is_member(uid: &EntityUID, wanted: &footprint::Member) -> bool {
    footprint::member(uid).as_ref() == Some(wanted)
}
