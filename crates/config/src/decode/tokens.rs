//! What APIs and routes ask of tokens: `resource`, `mcp`, `acr`, `max_age`.

use super::{Context, identity::Origin, policies::Reported, values};
use crate::{Access, HostPattern, Method, Route, StepUp, codes::identity as codes, yaml::Node};

/// Ways to authenticate at the built-in authorization server, the strongest last.
const STRENGTHS: [&str; 2] = ["aal1", "aal2"];

/// The identifier that tokens for an API name as their audience; `None` if nothing tells it.
pub(super) fn resource(
    cx: &Context,
    node: Option<&Node>,
    host: Option<&HostPattern>,
    path: Option<&str>,
    origin: Option<&Origin>,
) -> Result<Option<String>, Reported> {
    if let Some(node) = node {
        let text = node.text().ok_or(Reported)?;
        let is_one = text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
            && text.parse::<http::Uri>().is_ok()
            && !text.contains(['?', '#', '@', '"', '\\']);
        if !is_one {
            let message = format!("`{text}` is not a resource identifier");
            cx.report(&codes::BAD_RESOURCE, node.span, message, "Write `https://HOST/PATH`, as clients know the API.");
            return Err(Reported);
        }
        return Ok(Some(text.to_owned()));
    }
    let (host, path) = (host.ok_or(Reported)?, path.ok_or(Reported)?);
    let origin = origin.map(|origin| match host {
        HostPattern::Any => origin.clone(),
        HostPattern::Exact(host) => Origin { host: host.clone(), ..origin.clone() },
    });
    Ok(origin.map(|origin| format!("{origin}{}", path.trim_end_matches('/'))))
}

/// `acr` and `max_age` of a route.
pub(super) fn step_up(cx: &Context, node: &Node, access: Option<&Access>) -> Result<Option<StepUp>, Reported> {
    let (acr, max_age) = (node.get("acr"), node.get("max_age"));
    let Some(first) = acr.or(max_age) else { return Ok(None) };
    let only_tokens = match access.ok_or(Reported)? {
        Access::Public { .. } => false,
        Access::Authenticated { by, .. } => by.iter().all(|method| matches!(method, Method::Jwt(_))),
    };
    if !only_tokens {
        let message = "only tokens say how and when somebody logged in, and this route takes other callers";
        let help = "Give the route `authenticate: [identity]`, or remove `acr` and `max_age`.";
        cx.report(&codes::BAD_STEP_UP, first.span, message, help);
        return Err(Reported);
    }
    let max_age = max_age.map(|node| values::duration(cx, node));
    let acr = match acr {
        None => Vec::new(),
        Some(node) => values_of(cx, node).ok_or(Reported)?,
    };
    let max_age = match max_age {
        None => None,
        Some(time) => Some(time.ok_or(Reported)?),
    };
    Ok(Some(StepUp { acr, max_age }))
}

/// The values that are good enough; those of the built-in server have an order.
fn values_of(cx: &Context, node: &Node) -> Option<Vec<String>> {
    let listed = if node.items().is_empty() {
        node.text().map(str::to_owned).into_iter().collect()
    } else {
        values::texts(Some(node))
    };
    let is_value =
        |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'));
    if listed.is_empty() || !listed.iter().all(is_value) {
        let help = "Write `acr: aal2`, or the values of your issuer.";
        cx.report(&codes::BAD_STEP_UP, node.span, "`acr` names no way to authenticate", help);
        return None;
    }
    let weakest = STRENGTHS.iter().position(|known| listed.iter().any(|one| one == known));
    let implied = weakest.map(|at| STRENGTHS.iter().skip(at + 1)).into_iter().flatten();
    let implied: Vec<String> =
        implied.filter(|one| !listed.iter().any(|l| l == *one)).map(|one| (*one).to_owned()).collect();
    Some([listed, implied].concat())
}

/// Reports an MCP server that takes anything but tokens.
pub(super) fn check_mcp(cx: &Context, node: &Node, routes: &[Route], resource: Option<&String>) {
    let Some(mcp) = node.get("mcp").filter(|mcp| mcp.text() == Some("true")) else { return };
    let by_tokens = |route: &Route| match &route.access {
        // Such as the metadata of a server.
        Access::Public { .. } => true,
        Access::Authenticated { by, .. } => by.iter().all(|method| matches!(method, Method::Jwt(_))),
    };
    if !routes.iter().all(by_tokens) || resource.is_none() {
        let message = "an MCP server takes access tokens for its own resource identifier, and nothing else";
        let help = "Give the API `authenticate: [identity]`, and `resource:` where no certificate names its host.";
        cx.report(&codes::MCP_WITHOUT_TOKENS, mcp.span, message, help);
    }
}
