//! May they: every scope of the route is held by the caller (RFC 6750 §3.1 `insufficient_scope`), and then its policies
//! permit it, where there are any.

use std::sync::Arc;

use config::{Access, Scope};

use crate::{
    authenticate::{Identified, Identity, step_up},
    canonical::Canonical,
    gate::Gate,
    listen::Peer,
    policies::{self, Note, Seal},
    refusal::Refusal,
    route::Route,
};

/// A request that may be forwarded. Only [`authorize`] makes one.
#[derive(Debug)]
pub(crate) struct Authorized {
    pub(crate) canonical: Box<Canonical>,
    pub(crate) route: Arc<Route>,
    pub(crate) identity: Identity,
    /// What the answer is judged by on its way out.
    pub(crate) seal: Option<Box<Seal>>,
    _proof: (),
}

/// Compares what the route asks for with what the caller holds (403).
pub(crate) async fn authorize(
    gate: &Gate,
    peer: &Peer,
    note: &mut Note,
    identified: Identified,
) -> Result<Authorized, Refusal> {
    let Identified { mut canonical, route, identity, nonce: _ } = identified;
    let mut seal = None;
    match (&route.rule.access, &identity) {
        (Access::Public { .. }, _) => {}
        (Access::Authenticated { scopes, .. }, Identity::Known(caller)) => {
            if !scopes.iter().all(|scope| caller.scopes.contains(scope)) {
                return Err(Refusal::InsufficientScope(text(scopes)));
            }
            if let Some(rule) = &route.rule.step_up {
                step_up::check(rule, caller)?;
            }
            if let Some(rule) = &route.rule.policy {
                // Boxed, so that requests without policies do not carry its state.
                seal = Box::pin(policies::judge(gate, peer, note, &mut canonical, &route, rule, caller)).await?;
            }
        }
        // Not reachable through `identify`; refused all the same.
        (Access::Authenticated { .. }, Identity::Anonymous) => return Err(Refusal::Internal),
    }
    Ok(Authorized { canonical, route, identity, seal, _proof: () })
}

/// Scopes as one string (RFC 6749 §3.3).
pub(crate) fn text(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.0.as_str()).collect::<Vec<_>>().join(" ")
}
