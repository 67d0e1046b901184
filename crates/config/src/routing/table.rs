//! Which route decides over a request: the gateway's precedence, stated over whole templates.
//!
//! The gateway walks a tree; here, of the templates that have the path the most specific one is taken. Comparing two
//! templates from left to right, a literal comes before `{parameter}`, and that before `{rest*}`; a template that ends
//! comes before one that goes on with `{rest*}`.

use std::cmp::Reverse;

use crate::{Api, Config, HostPattern, Methods, Route, Segment};

use super::Path;

/// A route with its API.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'c> {
    /// The API.
    pub api: &'c Api,
    /// One of its routes.
    pub route: &'c Route,
}

/// What the router says to a request.
#[derive(Debug, Clone, Copy)]
pub enum Answer<'c> {
    /// 404.
    NoRoute,
    /// 405.
    MethodNotAllowed,
    /// This route decides.
    Found(Entry<'c>),
}

/// All routes of one host.
#[derive(Debug)]
pub struct Table<'c>(Vec<Entry<'c>>);

impl<'c> Table<'c> {
    /// Routes of the APIs that answer for a host. A host that an API names is never served by those that name none.
    pub fn of(config: &'c Config, host: &HostPattern) -> Self {
        let named = config.apis.iter().any(|api| api.host == *host);
        let serves = |api: &&Api| if named { api.host == *host } else { api.host == HostPattern::Any };
        let entries = |api: &'c Api| api.routes.iter().map(move |route| Entry { api, route });
        Self(config.apis.iter().filter(serves).flat_map(entries).collect())
    }

    /// Its routes.
    pub fn entries(&self) -> &[Entry<'c>] {
        &self.0
    }

    /// Decides over a canonical path and a method.
    pub fn decide(&self, path: &Path, method: &http::Method) -> Answer<'c> {
        let having = || self.0.iter().filter(|entry| has(&entry.route.template.segments, path.segments()));
        let Some(best) = having().map(|entry| rank(entry.route)).min() else { return Answer::NoRoute };
        let candidates = || having().filter(|entry| rank(entry.route) == best);
        let explicit = |entry: &&Entry<'_>| entry.route.methods != Methods::Any;
        candidates()
            .filter(explicit)
            .chain(candidates().filter(|entry| !explicit(entry)))
            .find(|entry| takes(&entry.route.methods, method))
            .map_or(Answer::MethodNotAllowed, |entry| Answer::Found(*entry))
    }
}

/// Whether a template has a path.
fn has(template: &[Segment], path: &[String]) -> bool {
    match (template.split_first(), path.split_first()) {
        (None, None) | (Some((Segment::Rest(_), _)), _) => true,
        (Some((Segment::Literal(text), template)), Some((segment, path))) => text == segment && has(template, path),
        (Some((Segment::Parameter(_), template)), Some((segment, path))) => !segment.is_empty() && has(template, path),
        (Some((Segment::Literal(_) | Segment::Parameter(_), _)), None) | (None, Some(_)) => false,
    }
}

/// How specific a segment, or the end, is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Specificity {
    Rest,
    Parameter,
    End,
    Literal,
}

/// Least is most specific. Only templates that have the same path can be compared.
fn rank(route: &Route) -> Vec<Reverse<Specificity>> {
    let segments = route.template.segments.iter().map(|segment| match segment {
        Segment::Literal(_) => Specificity::Literal,
        Segment::Parameter(_) => Specificity::Parameter,
        Segment::Rest(_) => Specificity::Rest,
    });
    let ends = !matches!(route.template.segments.last(), Some(Segment::Rest(_)));
    segments.chain(ends.then_some(Specificity::End)).map(Reverse).collect()
}

/// Whether a route takes a method. `GET` brings `HEAD`; CONNECT and TRACE are never taken.
fn takes(methods: &Methods, method: &http::Method) -> bool {
    if matches!(*method, http::Method::CONNECT | http::Method::TRACE) {
        return false;
    }
    match methods {
        Methods::Any => true,
        Methods::These(list) => {
            list.contains(method) || (*method == http::Method::HEAD && list.contains(&http::Method::GET))
        }
    }
}
