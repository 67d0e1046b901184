//! Catch-alls that take what a stricter route nearly has: `/ADMIN`, `/admin/`, `/admin%20` beside `/admin`.
//!
//! To the gateway these are other paths. An upstream that folds case, or drops slashes and spaces at the end, serves the
//! protected resource for them, and then the catch-all's rules are the ones that count.

use super::Context;
use crate::{Access, Api, Methods, Route, Segment, codes::warnings, yaml::Node};

/// Warns of each catch-all that is less strict than a route of the same host whose near misses it takes.
pub(super) fn check(cx: &Context, apis: &[(&Node, &Api)]) {
    for (node, api) in apis {
        let neighbours =
            || apis.iter().filter(|(_, other)| other.host == api.host).flat_map(|(_, other)| &other.routes);
        let nodes = node.get("routes").map(Node::items).unwrap_or_default();
        for (node, route) in nodes.iter().zip(&api.routes).filter(|(_, route)| is_catch_all(route)) {
            if let Some(strict) =
                neighbours().find(|strict| is_laxer(route, strict) && takes_near_misses(route, strict))
            {
                warn(cx, node, route, strict);
            }
        }
    }
}

fn warn(cx: &Context, node: &Node, route: &Route, strict: &Route) {
    let span = node.get("match").map_or(node.span, |n| n.span);
    let message = format!(
        "`{}` takes other spellings of what `{}` protects, such as another letter case or a slash at the end, and asks for less",
        route.name, strict.name
    );
    let help = "Ask for the same credentials and scopes, or name the paths it is for; or see to it that the upstream takes \
                paths to the letter.";
    cx.warn(&warnings::LAX_CATCH_ALL, span, message, help);
}

fn is_catch_all(route: &Route) -> bool {
    route.methods == Methods::Any || matches!(route.template.segments.last(), Some(Segment::Rest(_)))
}

/// Whether somebody may use `route` who may not use `strict`, with a method that both take.
fn is_laxer(route: &Route, strict: &Route) -> bool {
    let methods = match (&route.methods, &strict.methods) {
        (Methods::Any, _) | (_, Methods::Any) => true,
        (Methods::These(x), Methods::These(y)) => x.iter().any(|method| y.contains(method)),
    };
    let laxer = match (&route.access, &strict.access) {
        (_, Access::Public { .. }) => false,
        (Access::Public { .. }, Access::Authenticated { .. }) => true,
        (Access::Authenticated { by, scopes }, Access::Authenticated { by: strict_by, scopes: strict_scopes }) => {
            !by.iter().all(|method| strict_by.contains(method))
                || !strict_scopes.iter().all(|scope| scopes.contains(scope))
        }
    };
    methods && laxer
}

/// Whether it has paths that differ from those of `strict` in one literal, or by more at their end.
fn takes_near_misses(route: &Route, strict: &Route) -> bool {
    let (wide, narrow) = (&route.template.segments, &strict.template.segments);
    let mut changed = false;
    for (at, segment) in wide.iter().enumerate() {
        match (segment, narrow.get(at)) {
            // The rest may begin with another spelling of a literal, or behind the end: `/admin/` beside `/admin`.
            (Segment::Rest(_), None) => return true,
            (Segment::Rest(_), Some(_)) => return changed || narrow.iter().skip(at).any(is_literal),
            (Segment::Parameter(_), Some(Segment::Literal(_))) => changed = true,
            (Segment::Parameter(_), Some(Segment::Parameter(_))) => {}
            (Segment::Literal(x), Some(Segment::Literal(y))) if x == y => {}
            (Segment::Literal(_) | Segment::Parameter(_), _) => return false,
        }
    }
    changed && wide.len() == narrow.len()
}

fn is_literal(segment: &Segment) -> bool {
    matches!(segment, Segment::Literal(_))
}
