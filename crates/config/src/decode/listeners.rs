//! `listeners`.

use std::{collections::HashSet, net::SocketAddr};

use base64::{Engine, engine::general_purpose};
use ipnet::IpNet;
use rustls_pki_types::CertificateDer;

use super::{Context, addresses, every, files, reason, some_items, values};
use crate::{
    Certificate, CertificateClient, CertificateIdentity, ClientCertificates, Listener, ListenerSecurity, ListenerTls,
    codes::diagnostics, yaml::Node,
};

pub(super) fn all(cx: &Context, node: &Node, has_countries: bool) -> Option<Vec<Listener>> {
    let mut seen = HashSet::new();
    every(some_items(cx, node, "listeners")?, |item| {
        let listener = one(cx, item, has_countries)?;
        if seen.insert(listener.address) {
            return Some(listener);
        }
        let message = format!("two listeners have the address {}", listener.address);
        cx.report(&diagnostics::DUPLICATE_NAME, item.span, message, "Remove one of them.");
        None
    })
}

/// Whether any listener knows clients by their certificates.
pub(super) fn ask_for_certificates(listeners: &Node) -> bool {
    let authority = |listener: &Node| listener.get("tls")?.get("client_certificates")?.get("ca").map(|_| ());
    listeners.items().iter().any(|listener| authority(listener).is_some())
}

fn one(cx: &Context, node: &Node, has_countries: bool) -> Option<Listener> {
    let address = node.get("address").and_then(|address| parse_address(cx, address));
    let security = security(cx, node, address);
    let proxies = node.get("proxy_protocol").map(|node| proxies(cx, node));
    let proxies = match proxies {
        None => None,
        Some(proxies) => Some(proxies?),
    };
    let addresses = addresses::rules(cx, node.get("addresses"), has_countries);
    Some(Listener { address: address?, security: security?, proxies, addresses: addresses? })
}

/// The networks that PROXY headers are believed from.
fn proxies(cx: &Context, node: &Node) -> Option<Vec<IpNet>> {
    let from = node.get("from")?;
    some_items(cx, from, "from")?;
    let networks = values::networks(cx, Some(from));
    (networks.len() == from.items().len()).then_some(networks)
}

fn parse_address(cx: &Context, node: &Node) -> Option<SocketAddr> {
    let text = node.text()?;
    let address = text.parse().ok();
    if address.is_none() {
        let help = "Write an IP address and a port: `0.0.0.0:8443`, `[::]:8443`, `127.0.0.1:8080`.";
        cx.report(&diagnostics::BAD_ADDRESS, node.span, format!("`{text}` is not an address with a port"), help);
    }
    address
}

fn security(cx: &Context, node: &Node, address: Option<SocketAddr>) -> Option<ListenerSecurity> {
    match (node.get("tls"), node.get("plaintext")) {
        (Some(_), Some(plain)) => {
            let message = "a listener with `tls` cannot be `plaintext`";
            cx.report(&diagnostics::EXCLUSIVE_KEYS, plain.span, message, "Remove `plaintext`.");
            None
        }
        (Some(node), None) => tls(cx, node).map(ListenerSecurity::Tls),
        (None, Some(plain)) => Some(ListenerSecurity::Plaintext { reason: reason(cx, plain, "plaintext")? }),
        (None, None) if address?.ip().is_loopback() => Some(ListenerSecurity::PlaintextLoopback),
        (None, None) => {
            let message = "this listener has no `tls` and is not on a loopback address";
            let help = "Add `tls: { certificate: …, key: file:… }`, or listen on 127.0.0.1.";
            let span = node.get("address").map_or(node.span, |address| address.span);
            cx.report(&diagnostics::PLAINTEXT, span, message, help);
            None
        }
    }
}

fn tls(cx: &Context, node: &Node) -> Option<ListenerTls> {
    let clients = node.get("client_certificates").map(|clients| client_certificates(cx, clients));
    let certificates = certificates(cx, node);
    let client_certificates = match clients {
        None => None,
        Some(clients) => Some(clients?),
    };
    Some(ListenerTls { certificates: certificates?, client_certificates })
}

fn certificates(cx: &Context, node: &Node) -> Option<Vec<Certificate>> {
    match (node.get("certificate"), node.get("key"), node.get("certificates")) {
        (Some(chain), Some(key), None) => Some(vec![files::certificate(cx, chain, key)?]),
        (None, None, Some(list)) => every(some_items(cx, list, "certificates")?, |item| {
            files::certificate(cx, item.get("certificate")?, item.get("key")?)
        }),
        _ => {
            let message = "`tls` takes either `certificate` and `key`, or `certificates`";
            let help = "Write `certificate: PATH` and `key: file:PATH`.";
            cx.report(&diagnostics::EXCLUSIVE_KEYS, node.span, message, help);
            None
        }
    }
}

fn client_certificates(cx: &Context, node: &Node) -> Option<ClientCertificates> {
    let any_issuer = node.get("any_issuer").and_then(Node::text) == Some("true");
    let ca = node.get("ca").map_or_else(|| without_authority(cx, node, any_issuer), |ca| files::certificates(cx, ca));
    let crls = node.get("crl").map_or(Some(Vec::new()), |crl| files::revocation_lists(cx, crl));
    let mut seen = HashSet::new();
    let clients = every(node.get("clients").map(Node::items).unwrap_or_default(), |item| {
        let client = client(cx, item)?;
        if seen.insert(client.name.clone()) {
            return Some(client);
        }
        let message = format!("two clients are named `{}`", client.name);
        cx.report(&diagnostics::DUPLICATE_NAME, item.span, message, "Give each its own name.");
        None
    });
    Some(ClientCertificates { ca: ca?, any_issuer, crls: crls?, clients: clients? })
}

/// No trust anchors, where certificates prove nothing but that their keys are held.
fn without_authority(cx: &Context, node: &Node, any_issuer: bool) -> Option<Vec<CertificateDer<'static>>> {
    if !any_issuer {
        let help = "Add `ca: PATH`, or `any_issuer: true` if tokens are only to be bound to certificates.";
        cx.report(&diagnostics::EXCLUSIVE_KEYS, node.span, "nothing says whose certificates are taken", help);
        return None;
    }
    let Some(of_authority) = node.get("clients").or_else(|| node.get("crl")) else { return Some(Vec::new()) };
    let message = "without a `ca` no certificate can be believed, or known as revoked";
    let help = "Add `ca: PATH`, or remove `clients` and `crl`.";
    cx.report(&diagnostics::EXCLUSIVE_KEYS, of_authority.span, message, help);
    None
}

fn client(cx: &Context, node: &Node) -> Option<CertificateClient> {
    let scopes = values::scopes(cx, node.get("scopes"));
    let identity = identity(cx, node);
    Some(CertificateClient { name: node.get("name")?.text()?.to_owned(), identity: identity?, scopes: scopes? })
}

fn identity(cx: &Context, node: &Node) -> Option<CertificateIdentity> {
    let (value, identity) = match (node.get("spiffe"), node.get("dns"), node.get("spki_sha256")) {
        (Some(n), None, None) => {
            let valid = n.text()?.strip_prefix("spiffe://").is_some_and(|rest| !rest.is_empty());
            (n, valid.then(|| CertificateIdentity::Spiffe(n.text().unwrap_or_default().to_owned())))
        }
        (None, Some(n), None) => {
            (n, super::apis::host_name(n.text()?).filter(|h| !h.contains(':')).map(CertificateIdentity::Dns))
        }
        (None, None, Some(n)) => (n, digest(n.text()?).map(CertificateIdentity::SpkiSha256)),
        _ => {
            let message = "a client is known by exactly one of `spiffe`, `dns` and `spki_sha256`";
            cx.report(&diagnostics::BAD_IDENTITY, node.span, message, "Keep one of them.");
            return None;
        }
    };
    if identity.is_none() {
        let help = "Write `spiffe: \"spiffe://…\"`, `dns: NAME`, or `spki_sha256` with 32 bytes in base64 or hex.";
        cx.report(&diagnostics::BAD_IDENTITY, value.span, "this cannot identify a certificate", help);
    }
    identity
}

/// 32 bytes in hex or base64.
fn digest(text: &str) -> Option<[u8; 32]> {
    if text.len() == 64 {
        let bytes = text.as_bytes().chunks(2).map(|pair| {
            pair.iter().try_fold(0_u8, |byte, c| Some((byte << 4) | u8::try_from(char::from(*c).to_digit(16)?).ok()?))
        });
        return bytes.collect::<Option<Vec<u8>>>()?.try_into().ok();
    }
    general_purpose::STANDARD.decode(text).ok()?.try_into().ok()
}
