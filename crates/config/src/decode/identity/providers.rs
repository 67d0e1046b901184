//! `identity.providers`: OpenID providers through which users log in.

use crate::{
    Link, Provider,
    codes::{diagnostics, identity as codes},
    decode::{Context, files, issuers},
    yaml::{Key, Node},
};

pub(super) fn all(cx: &Context, node: Option<&Node>) -> Option<Vec<Provider>> {
    let entries = node.map(Node::entries).unwrap_or_default();
    let all: Vec<Option<Provider>> = entries.iter().map(|(key, node)| one(cx, key, node)).collect();
    all.into_iter().collect()
}

fn one(cx: &Context, key: &Key, node: &Node) -> Option<Provider> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_plain = !key.text.is_empty() && key.text.len() <= 32 && key.text.bytes().all(plain);
    if !is_plain {
        let message = format!("`{}` cannot be a part of an address", key.text);
        cx.report(&codes::BAD_PROVIDER, key.span, message, "Write at most 32 of a-z, 0-9 and `-`.");
    }
    let remote = node.get("issuer").and_then(|url| issuers::remote(cx, node, url));
    let secret = node.get("client_secret").and_then(|node| files::secret(cx, node));
    let link = node.get("link").map_or(Some(Link::Existing), |node| link(cx, node));
    let client_id = node.get("client_id")?.text()?.to_owned();
    let (name, issuer) = (key.text.clone(), node.get("issuer")?.text()?.to_owned());
    is_plain.then_some(())?;
    Some(Provider { name, issuer, remote: remote?, client_id, client_secret: secret?, link: link? })
}

fn link(cx: &Context, node: &Node) -> Option<Link> {
    match node.text()? {
        "existing" => Some(Link::Existing),
        "verified_email" => Some(Link::VerifiedEmail),
        "create" => Some(Link::Create),
        other => {
            let message = format!("`{other}` is not an account that somebody gets");
            let help = "Write `existing`, `verified_email` or `create`.";
            cx.report(&diagnostics::BAD_CHOICE, node.span, message, help);
            None
        }
    }
}
