//! `issuers`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{Context, every, files, some_items, values};
use crate::{Issuer, IssuerKeys, IssuerName, RemoteKeys, codes::diagnostics, yaml::Node};

const SKEW: Duration = Duration::from_secs(30);
const MAX_SKEW: Duration = Duration::from_mins(1); // limits: skew allowance
const MIN_SECRET: usize = 32; // RFC 7518 section 3.2

/// What `issuers` says: the names, also of those with mistakes, so that one mistake is not reported twice.
#[derive(Default)]
pub(super) struct Issuers {
    pub(super) names: BTreeSet<IssuerName>,
    pub(super) ready: BTreeMap<IssuerName, Arc<Issuer>>,
}

pub(super) fn all(cx: &Context, node: Option<&Node>) -> Issuers {
    let mut issuers = Issuers::default();
    for (key, value) in node.map(Node::entries).unwrap_or_default() {
        let name = IssuerName(key.text.clone());
        issuers.names.insert(name.clone());
        if let Some(issuer) = one(cx, &name, value) {
            issuers.ready.insert(name, Arc::new(issuer));
        }
    }
    issuers
}

fn one(cx: &Context, name: &IssuerName, node: &Node) -> Option<Issuer> {
    let algorithms = node.get("algorithms").and_then(|list| algorithms(cx, list));
    let keys = keys(cx, node);
    let skew = node.get("skew").map_or(Some(SKEW), |skew| bounded_skew(cx, skew));
    let max_lifetime = node.get("max_lifetime").map(|n| values::duration(cx, n));
    let audiences = node.get("audience").and_then(|n| some_items(cx, n, "audience"));
    let types = values::texts(node.get("types"));
    let validation = jose::jwt::Validation {
        issuer: node.get("issuer")?.text()?.to_owned(),
        audiences: audiences?.iter().filter_map(|n| n.text().map(str::to_owned)).collect(),
        algorithms: algorithms?,
        types,
        required_claims: values::texts(node.get("required_claims")),
        max_lifetime: match max_lifetime {
            None => None,
            Some(lifetime) => Some(lifetime?),
        },
        skew: skew?,
        max_bytes: 8 << 10,
    };
    Some(Issuer { name: name.clone(), keys: keys?, validation })
}

fn bounded_skew(cx: &Context, node: &Node) -> Option<Duration> {
    let skew = values::duration(cx, node)?;
    if skew > MAX_SKEW {
        cx.report(&diagnostics::OUT_OF_BOUNDS, node.span, "`skew` is above 60s", "Set the clocks; 60s is the most.");
        return None;
    }
    Some(skew)
}

fn algorithms(cx: &Context, node: &Node) -> Option<Vec<jose::Algorithm>> {
    every(some_items(cx, node, "algorithms")?, |item| {
        let text = item.text()?;
        let algorithm = text.parse().ok();
        if algorithm.is_none() {
            let help = "Write what the issuer signs with, such as ES256, EdDSA, PS256 or RS256.";
            let message = format!("`{text}` is not an algorithm that is accepted");
            cx.report(&diagnostics::UNKNOWN_ALGORITHM, item.span, message, help);
        }
        algorithm
    })
}

fn keys(cx: &Context, node: &Node) -> Option<IssuerKeys> {
    fit_algorithms(cx, node)?;
    let sources = ["jwks_uri", "jwks_file", "secret"];
    let given: Vec<_> = sources.iter().filter_map(|key| node.get(key).map(|value| (*key, value))).collect();
    match given.as_slice() {
        [] => remote(cx, node, node.get("issuer")?).map(IssuerKeys::Discovery),
        [("jwks_uri", uri)] => remote(cx, node, uri).map(IssuerKeys::JwksUri),
        [("jwks_file", path)] => {
            let bytes = files::read(cx, path, path.text()?)?;
            let set = jose::JwkSet::parse(&bytes).ok();
            if set.is_none() {
                cx.report(&diagnostics::BAD_JWKS, path.span, "the file is not a JWK set", "Give `{\"keys\": […]}`.");
            }
            set.map(IssuerKeys::Static)
        }
        [("secret", reference)] => {
            let secret = files::secret(cx, reference)?;
            if secret.len() < MIN_SECRET {
                let message = format!("the secret has {} bits; HMAC needs 256", secret.len() * 8);
                let help = "Make one with `openssl rand 32`, at the issuer as well.";
                cx.report(&diagnostics::WEAK_SECRET, reference.span, message, help);
                return None;
            }
            Some(IssuerKeys::Secret(secret))
        }
        [_, (_, second), ..] => {
            let message = "keys come from one of `jwks_uri`, `jwks_file` and `secret`";
            cx.report(&diagnostics::EXCLUSIVE_KEYS, second.span, message, "Keep one of them.");
            None
        }
        [_] => None,
    }
}

/// HMAC goes with `secret` and with nothing else.
fn fit_algorithms(cx: &Context, node: &Node) -> Option<()> {
    let list = node.get("algorithms")?;
    let hmac = list.items().iter().filter(|n| n.text().is_some_and(|t| t.starts_with("HS"))).count();
    let (message, help) = match (hmac, node.get("secret").is_some()) {
        (0, false) => return Some(()),
        (n, true) if n == list.items().len() => return Some(()),
        (0, true) => ("`secret` is for HMAC, but no HMAC algorithm is listed", "Remove `secret`, or write [HS256]."),
        (n, _) if n < list.items().len() => {
            ("HMAC and public-key algorithms are mixed", "Keep one kind; make a second issuer for the other.")
        }
        _ => ("HMAC algorithms need `secret`", "Add `secret: file:PATH`, or use a public-key algorithm."),
    };
    cx.report(&diagnostics::MIXED_ALGORITHMS, list.span, message, help);
    None
}

pub(super) fn remote(cx: &Context, node: &Node, url: &Node) -> Option<RemoteKeys> {
    let ca = node.get("ca").map(|ca| files::certificates(cx, ca));
    let allow_networks = values::networks(cx, node.get("allow_networks"));
    let text = url.text()?;
    let uri = text.parse::<http::Uri>().ok().filter(|uri| safe(uri) && !text.contains(['?', '#']));
    if uri.is_none() {
        let help = "Write `https://HOST/…`; `http` is for loopback addresses only.";
        let message = format!("`{text}` cannot be fetched safely");
        cx.report(&diagnostics::BAD_ISSUER_URL, url.span, message, help);
    }
    let ca = match ca {
        None => None,
        Some(ca) => Some(ca?),
    };
    Some(RemoteKeys { url: uri?, ca, allow_networks })
}

fn safe(uri: &http::Uri) -> bool {
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return false };
    let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let literal = host.trim_matches(['[', ']']);
    let loopback = literal == "localhost" || literal.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    !user && (uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && loopback))
}
