//! Why a question was decided as it was: the policies that decided, and, for a denial, those nearest to allowing.

use std::{fmt, str::FromStr, sync::Arc};

use cedar_policy::{
    Entities, EvalResult, Expression, Request, eval_expression,
    pst::{BinaryOp, Clause, Expr, PrincipalConstraint, ResourceConstraint, UnaryOp},
};

use crate::{
    decision::{Decision, Verdict},
    engine::Engine,
    question::Question,
    rule::{Loaded, Rule},
};

/// How many of the nearest policies are shown.
const NEAREST: usize = 3;

/// A decision and its grounds in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// The decision.
    pub decision: Decision,
    /// For each policy that decided, its conditions with the facts as they were.
    pub because: Vec<Near>,
    /// For a denial that no policy asked for: the policies that permit the action, fewest unmet conditions first; at most
    /// three.
    pub nearest: Vec<Near>,
}

/// A policy and conditions of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// The policy.
    pub rule: Arc<Rule>,
    /// In [`Why::nearest`] what is not met; in [`Why::because`] what is.
    pub conditions: Vec<Unmet>,
}

/// A condition and the facts it met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// In Cedar; an allow needs it to be true.
    pub condition: String,
    /// Each fact it reads, as `resource.tenant is "acme"`.
    pub facts: Vec<String>,
}

impl Engine {
    /// Decides and explains. Slow: every condition is evaluated by itself.
    pub fn why(&self, question: &Question<'_>) -> Why {
        let decision = self.decide(question);
        let mut why = Why { decision, because: Vec::new(), nearest: Vec::new() };
        let Ok((request, entities)) = self.whole_request(question) else { return why };
        let facts = Facts { request, entities, question };
        why.because = why.decision.policies.iter().filter_map(|rule| self.grounds(rule, &facts)).collect();
        if why.decision.verdict == Verdict::Deny && why.decision.policies.is_empty() && why.decision.faults.is_empty() {
            why.nearest = self.nearest(&facts);
        }
        why
    }

    fn grounds(&self, rule: &Arc<Rule>, facts: &Facts<'_>) -> Option<Near> {
        let one = self.loaded.iter().find(|one| one.rule.id == rule.id)?;
        let conditions = conditions(one).iter().map(|condition| facts.describe(condition)).collect();
        Some(Near { rule: Arc::clone(rule), conditions })
    }

    fn nearest(&self, facts: &Facts<'_>) -> Vec<Near> {
        let at = self.catalogue.entries.iter().position(|entry| entry.action == facts.question.action);
        let applying = at.and_then(|at| self.applying().get(at).cloned()).unwrap_or_default();
        let mut near: Vec<Near> = Vec::new();
        for at in applying {
            let (Some(one), Some(rule)) = (self.loaded.get(at), self.rules.get(at)) else { continue };
            if rule.permits {
                let unmet = conditions(one).into_iter().filter(|condition| !facts.holds(condition));
                let conditions = unmet.map(|condition| facts.describe(&condition)).collect();
                near.push(Near { rule: Arc::clone(rule), conditions });
            }
        }
        // The sort is stable: of equally near ones, the first loaded come first.
        near.sort_by_key(|near| near.conditions.len());
        near.truncate(NEAREST);
        near
    }
}

/// A condition as a tree where there is one, and as text.
struct Condition {
    text: String,
    tree: Option<Arc<Expr>>,
}

/// Everything that a policy asks for, each by itself.
fn conditions(one: &Loaded) -> Vec<Condition> {
    let mut out = Vec::new();
    if one.tree.principal != PrincipalConstraint::Any {
        out.push(Condition { text: format!("principal {}", one.tree.principal), tree: None });
    }
    if one.tree.resource != ResourceConstraint::Any {
        out.push(Condition { text: format!("resource {}", one.tree.resource), tree: None });
    }
    for clause in one.tree.clauses() {
        match clause {
            Clause::When(expr) => split(expr, &mut out),
            Clause::Unless(expr) => {
                let negated = Arc::new(Expr::UnaryOp { op: UnaryOp::Not, expr: Arc::clone(expr) });
                out.push(Condition { text: negated.to_string(), tree: Some(negated) });
            }
        }
    }
    out
}

/// `a && b` are two conditions. What `b` reads may only be there if `a` holds, so that `b` alone can fail; it is unmet
/// then.
fn split(expr: &Arc<Expr>, out: &mut Vec<Condition>) {
    if let Expr::BinaryOp { op: BinaryOp::And, left, right } = expr.as_ref() {
        split(left, out);
        split(right, out);
    } else {
        out.push(Condition { text: expr.to_string(), tree: Some(Arc::clone(expr)) });
    }
}

struct Facts<'q> {
    request: Request,
    entities: Entities,
    question: &'q Question<'q>,
}

impl Facts<'_> {
    fn holds(&self, condition: &Condition) -> bool {
        matches!(self.evaluate(&condition.text), Some(EvalResult::Bool(true)))
    }

    fn evaluate(&self, text: &str) -> Option<EvalResult> {
        eval_expression(&self.request, &self.entities, &Expression::from_str(text).ok()?).ok()
    }

    fn describe(&self, condition: &Condition) -> Unmet {
        let mut facts = Vec::new();
        match &condition.tree {
            Some(tree) => self.collect(tree, &mut facts),
            None => facts.push(if condition.text.starts_with("principal") { self.caller() } else { self.thing() }),
        }
        Unmet { condition: condition.text.clone(), facts }
    }

    /// The facts that an expression reads, each once, in the order of reading.
    fn collect(&self, expr: &Expr, facts: &mut Vec<String>) {
        let fact = match expr {
            Expr::Var(cedar_policy::pst::Var::Principal) => self.caller(),
            Expr::Var(cedar_policy::pst::Var::Resource) => self.thing(),
            Expr::Var(_) | Expr::Literal(_) => return,
            Expr::GetAttr { .. } if is_path(expr) => self.value(&expr.to_string()),
            Expr::HasAttr { expr: inner, attrs } if is_path(inner) => {
                let path = attrs.iter().fold(inner.as_ref().clone(), |expr, attr| Expr::GetAttr {
                    expr: Arc::new(expr),
                    attr: attr.clone(),
                });
                self.value(&path.to_string())
            }
            _ => {
                for child in children(expr) {
                    self.collect(child, facts);
                }
                return;
            }
        };
        if !facts.contains(&fact) {
            facts.push(fact);
        }
    }

    fn value(&self, path: &str) -> String {
        match self.evaluate(path) {
            Some(value) => format!("{path} is {value}"),
            None => format!("{path} is not there"),
        }
    }

    fn caller(&self) -> String {
        let list = |what: &str, names: &[&str]| {
            if names.is_empty() { format!("no {what}") } else { format!("{what} {}", names.join(", ")) }
        };
        let question = self.question;
        let (roles, groups) = (list("roles", &question.roles), list("groups", &question.groups));
        format!("the caller is {}::{:?} with {roles} and {groups}", question.kind.name(), question.id)
    }

    fn thing(&self) -> String {
        let resource = self.request.resource().map(ToString::to_string).unwrap_or_default();
        format!("the resource is {resource}")
    }
}

fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::UnaryOp { expr, .. }
        | Expr::GetAttr { expr, .. }
        | Expr::HasAttr { expr, .. }
        | Expr::Like { expr, .. } => {
            vec![expr]
        }
        Expr::BinaryOp { left, right, .. } => vec![left, right],
        Expr::Is { expr, in_expr, .. } => std::iter::once(expr).chain(in_expr).map(AsRef::as_ref).collect(),
        Expr::IfThenElse { cond, then_expr, else_expr } => vec![cond, then_expr, else_expr],
        Expr::Set(items) => items.iter().map(AsRef::as_ref).collect(),
        Expr::Record(items) => items.values().map(AsRef::as_ref).collect(),
        _ => Vec::new(),
    }
}

/// `context.auth.acr`: a variable and attributes taken from it.
fn is_path(expr: &Expr) -> bool {
    match expr {
        Expr::Var(_) => true,
        Expr::GetAttr { expr, .. } => is_path(expr),
        _ => false,
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.decision.verdict)?;
        for fault in &self.decision.faults {
            writeln!(f, "  {fault}")?;
        }
        for near in &self.because {
            let effect = if near.rule.permits { "permitted" } else { "forbidden" };
            writeln!(f, "  {effect} by {}", near.rule)?;
            write_notes(f, &near.rule)?;
            write_conditions(f, &near.conditions, "since")?;
        }
        if self.decision.verdict == Verdict::Deny && self.because.is_empty() && self.decision.faults.is_empty() {
            writeln!(f, "  no policy permits it{}", if self.nearest.is_empty() { "" } else { "; nearest are" })?;
        }
        for near in &self.nearest {
            writeln!(f, "  {}", near.rule)?;
            write_conditions(f, &near.conditions, "needs")?;
        }
        Ok(())
    }
}

fn write_notes(f: &mut fmt::Formatter<'_>, rule: &Rule) -> fmt::Result {
    for (word, text) in [("reason", &rule.reason), ("advice", &rule.advice)] {
        if let Some(text) = text {
            writeln!(f, "    {word}: {text}")?;
        }
    }
    Ok(())
}

fn write_conditions(f: &mut fmt::Formatter<'_>, conditions: &[Unmet], word: &str) -> fmt::Result {
    for Unmet { condition, facts } in conditions {
        writeln!(f, "    {word} {condition}")?;
        facts.iter().try_for_each(|fact| writeln!(f, "      {fact}"))?;
    }
    Ok(())
}
