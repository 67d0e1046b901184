//! Bodies that are held whole to be judged, and the budget that they share.

use super::Context;
use crate::{Api, GlobalLimits, Route, codes::warnings, yaml::Node};

/// Warns of a route that takes larger bodies than the budget has room for.
pub(super) fn check(cx: &Context, node: Option<&Node>, limits: &GlobalLimits, apis: &[Api]) {
    let (Some(budget), Some(node)) = (limits.held_bodies, node.and_then(|node| node.get("held_bodies"))) else {
        return;
    };
    let judged = |api: &Api, route: &Route| api.contract.is_some() || route.policy.is_some();
    let past = apis.iter().find_map(|api| {
        api.routes.iter().find(|route| judged(api, route) && route.max_body > budget).map(|route| (api, route))
    });
    let Some((api, route)) = past else { return };
    let message = format!(
        "`{}` of `{}` takes bodies of up to {} bytes, which are held to be judged; here is room for {budget}",
        route.name, api.name, route.max_body
    );
    let help =
        "Make this several times the largest `body`, as requests at the same time share it, or take smaller bodies.";
    cx.warn(&warnings::BODY_PAST_BUDGET, node.span, message, help);
}
