//! A tree of path templates for one host.

use std::{collections::HashMap, sync::Arc};

use config::{Methods, Segment};
use http::Method;

use super::{Route, takes};
use crate::refusal::Refusal;

/// Routes of one host, a level a segment.
#[derive(Debug, Default)]
pub(super) struct Tree {
    literals: HashMap<String, Tree, foldhash::fast::RandomState>,
    parameter: Option<Box<Tree>>,
    here: Vec<Arc<Route>>,
    rest: Vec<Arc<Route>>,
}

impl Tree {
    /// Adds a route under its template.
    pub(super) fn insert(&mut self, segments: &[Segment], route: Arc<Route>) {
        match segments.split_first() {
            None => self.here.push(route),
            Some((Segment::Rest(_), _)) => self.rest.push(route),
            Some((Segment::Literal(text), below)) => {
                self.literals.entry(text.clone()).or_default().insert(below, route);
            }
            Some((Segment::Parameter(_), below)) => self.parameter.get_or_insert_default().insert(below, route),
        }
    }

    /// The route of a canonical path and a method (404, 405).
    pub(super) fn find(&self, path: &str, method: &Method) -> Result<Arc<Route>, Refusal> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let candidates = self.descend(Some(path).filter(|p| !p.is_empty())).ok_or(Refusal::NoRoute)?;
        let explicit = |route: &&Arc<Route>| route.rule.methods != Methods::Any;
        candidates
            .iter()
            .filter(explicit)
            .chain(candidates.iter().filter(|route| !explicit(route)))
            .find(|route| takes(&route.rule.methods, method))
            .cloned()
            .ok_or_else(|| Refusal::MethodNotAllowed(allowed(candidates)))
    }

    /// Routes of the most specific template for the remaining path; `None` remains at its end.
    fn descend(&self, remaining: Option<&str>) -> Option<&[Arc<Route>]> {
        let Some(remaining) = remaining else {
            return [&self.here, &self.rest].into_iter().find(|routes| !routes.is_empty()).map(Vec::as_slice);
        };
        let (segment, below) = match remaining.split_once('/') {
            Some((segment, below)) => (segment, Some(below)),
            None => (remaining, None),
        };
        let literal = self.literals.get(segment).and_then(|tree| tree.descend(below));
        let parameter = || self.parameter.as_ref().filter(|_| !segment.is_empty())?.descend(below);
        let rest = || Some(self.rest.as_slice()).filter(|routes| !routes.is_empty());
        literal.or_else(parameter).or_else(rest)
    }
}

/// The value of an Allow field.
fn allowed(routes: &[Arc<Route>]) -> String {
    let mut methods: Vec<&str> = Vec::new();
    for route in routes {
        match &route.rule.methods {
            Methods::Any => methods.extend(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]),
            Methods::These(list) => methods.extend(list.iter().map(Method::as_str)),
        }
    }
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
}
