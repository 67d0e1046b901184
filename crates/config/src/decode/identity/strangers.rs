//! `identity.clients_by_url`, and where the authorization server may go whose address the operator did not write.

use std::collections::BTreeMap;

use crate::{
    ClientsByUrl, Reach, Scope,
    codes::identity as codes,
    decode::{Context, apis::host_name, every, files, values},
    yaml::Node,
};

/// Scopes that are always there (OpenID Connect Core §5.4 and §11).
const BUILT_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// Which clients may be known by their address; none unless it is written. `None` if something in it is wrong.
#[allow(clippy::option_option)]
pub(super) fn clients_by_url(
    cx: &Context,
    node: Option<&Node>,
    known: Option<&BTreeMap<Scope, String>>,
) -> Option<Option<ClientsByUrl>> {
    let Some(node) = node else { return Some(None) };
    let listed = node.get("scopes").map(Node::items).unwrap_or_default();
    let scopes = every(listed, |item| scope(cx, item, known));
    let hosts = every(node.get("hosts").map(Node::items).unwrap_or_default(), |item| host(cx, item));
    let reach = reach(cx, Some(node));
    Some(Some(ClientsByUrl { hosts: hosts?, scopes: scopes?.into_iter().collect(), reach: reach? }))
}

/// Networks and authorities besides public addresses and the system's.
pub(super) fn reach(cx: &Context, node: Option<&Node>) -> Option<Reach> {
    let allow_networks = values::networks(cx, node.and_then(|node| node.get("allow_networks")));
    let ca = match node.and_then(|node| node.get("ca")) {
        None => None,
        Some(ca) => Some(files::certificates(cx, ca)?),
    };
    Some(Reach { ca, allow_networks })
}

fn scope(cx: &Context, node: &Node, known: Option<&BTreeMap<Scope, String>>) -> Option<Scope> {
    let scope = values::scope(cx, node)?;
    // A mistake in the catalogue is reported already.
    if known.is_none_or(|known| known.contains_key(&scope)) || BUILT_IN.contains(&scope.0.as_str()) {
        return Some(scope);
    }
    let help = "Add it to `identity.scopes`, with words for the consent page.";
    cx.report(&codes::BAD_CLIENTS_BY_URL, node.span, format!("no scope `{}` is known", scope.0), help);
    None
}

/// `app.example.com` or `app.example.com:8443`, as it stands in an address.
fn host(cx: &Context, node: &Node) -> Option<String> {
    let text = node.text()?;
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let port_fits = port.is_none_or(|port| {
        port.parse::<u16>().is_ok_and(|number| !matches!(number, 0 | 443) && number.to_string() == port)
    });
    let is_name =
        host_name(name).is_some_and(|canonical| canonical == name) && name.parse::<std::net::IpAddr>().is_err();
    if port_fits && is_name {
        return Some(text.to_owned());
    }
    let help = "Write a name in lower case, such as `app.example.com`, and its port unless that is 443.";
    cx.report(&codes::BAD_CLIENTS_BY_URL, node.span, format!("`{text}` is not the host of an address"), help);
    None
}
