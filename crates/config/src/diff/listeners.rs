//! Listeners, the client certificates that they believe, and trusted proxies.

use std::net::SocketAddr;

use ipnet::IpNet;
use rustls_pki_types::CertificateDer;

use crate::{Config, Listener, ListenerSecurity, Monitoring};

use super::{Change, Verdict, addresses, anchors};

/// Compares where connections are accepted, and what is believed about their peers.
pub(super) fn compare(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = Vec::new();
    for listener in &new.listeners {
        match at(old, listener.address) {
            Some(before) => {
                changes.extend(security(before, listener));
                let subject = format!("listener {}", listener.address);
                changes.extend(addresses::compare(&subject, &before.addresses, &listener.addresses));
            }
            None => changes.push(change(Verdict::Opened, listener, "not there", protection(listener), "it is new")),
        }
        changes.extend(client_anchors(old, listener));
        changes.extend(revocation_lists(old, listener));
        changes.extend(any_issuer(old, listener));
    }
    for listener in old.listeners.iter().filter(|listener| at(new, listener.address).is_none()) {
        changes.push(change(Verdict::Closed, listener, protection(listener), "not there", "it is gone"));
    }
    changes.extend(monitoring(&old.monitoring, &new.monitoring));
    changes.extend(proxies(&old.trusted_proxies, &new.trusted_proxies));
    changes
}

fn at(config: &Config, address: SocketAddr) -> Option<&Listener> {
    config.listeners.iter().find(|listener| listener.address == address)
}

fn change(
    verdict: Verdict,
    listener: &Listener,
    before: impl Into<String>,
    after: impl Into<String>,
    why: &str,
) -> Change {
    Change {
        verdict,
        subject: format!("listener {}", listener.address),
        example: None,
        credential: None,
        before: before.into(),
        after: after.into(),
        why: why.into(),
    }
}

fn is_encrypted(listener: &Listener) -> bool {
    match &listener.security {
        ListenerSecurity::Tls(_) => true,
        ListenerSecurity::PlaintextLoopback | ListenerSecurity::Plaintext { .. } => false,
    }
}

fn protection(listener: &Listener) -> &'static str {
    if is_encrypted(listener) { "TLS" } else { "plaintext" }
}

fn security(old: &Listener, new: &Listener) -> Option<Change> {
    match (is_encrypted(old), is_encrypted(new)) {
        (true, false) => {
            Some(change(Verdict::Widened, new, "TLS", "plaintext", "requests can be read and changed on their way"))
        }
        (false, true) => Some(change(Verdict::Narrowed, new, "plaintext", "TLS", "connections are encrypted")),
        (true, true) | (false, false) => None,
    }
}

/// A listener's anchors against those of the same address before; at a new address, against all there were.
fn client_anchors(old: &Config, new: &Listener) -> Vec<Change> {
    let Some(after) = anchors_of(new) else { return Vec::new() };
    let before: Vec<CertificateDer<'static>> = match at(old, new.address) {
        Some(listener) => anchors_of(listener).unwrap_or_default().to_vec(),
        None => old.listeners.iter().filter_map(anchors_of).flatten().cloned().collect(),
    };
    let text = |anchors| anchors::text(Some(anchors));
    let told =
        |verdict| change(verdict, new, text(&before), text(after), &anchors::why(verdict, "client certificates"));
    anchors::compare(Some(&before), Some(after)).into_iter().map(told).collect()
}

/// Whether revoked client certificates are refused.
fn revocation_lists(old: &Config, new: &Listener) -> Option<Change> {
    let looked_up = |listener: &Listener| match &listener.security {
        ListenerSecurity::Tls(tls) => tls.client_certificates.as_ref().map(|clients| !clients.crls.is_empty()),
        ListenerSecurity::PlaintextLoopback | ListenerSecurity::Plaintext { .. } => None,
    };
    let (before, after) = (looked_up(at(old, new.address)?)?, looked_up(new)?);
    // Fewer looked at are more let in.
    let verdict = Verdict::of_limit(&!before, &!after)?;
    let text = |looked_up| if looked_up { "revoked certificates are refused" } else { "no `crl`" };
    Some(change(verdict, new, text(before), text(after), "whether revoked client certificates are refused changed"))
}

/// Whether tokens may be bound to certificates of any issuer.
fn any_issuer(old: &Config, new: &Listener) -> Option<Change> {
    let taken = |listener: &Listener| match &listener.security {
        ListenerSecurity::Tls(tls) => tls.client_certificates.as_ref().is_some_and(|clients| clients.any_issuer),
        ListenerSecurity::PlaintextLoopback | ListenerSecurity::Plaintext { .. } => false,
    };
    let (before, after) = (at(old, new.address).is_some_and(taken), taken(new));
    let verdict = Verdict::of_limit(&before, &after)?;
    let text = |taken| if taken { "of any issuer" } else { "of the `ca` alone" };
    let why = "certificates that tokens and clients may be bound to, which authenticate nobody, changed";
    Some(change(verdict, new, text(before), text(after), why))
}

fn anchors_of(listener: &Listener) -> Option<&[CertificateDer<'static>]> {
    match &listener.security {
        ListenerSecurity::Tls(tls) => tls.client_certificates.as_ref().map(|clients| clients.ca.as_slice()),
        ListenerSecurity::PlaintextLoopback | ListenerSecurity::Plaintext { .. } => None,
    }
}

/// The endpoint for metrics: who reaches it is asked for nothing.
fn monitoring(old: &Monitoring, new: &Monitoring) -> Option<Change> {
    let (verdict, why) = match (old.address, new.address) {
        (None, None) => return None,
        (None, Some(_)) => (Verdict::Opened, "whoever reaches it may read metrics"),
        (Some(_), None) => (Verdict::Closed, "metrics cannot be read"),
        (Some(before), Some(after)) if before == after => return None,
        (Some(_), Some(_)) => (Verdict::Moved, "metrics are read at another address"),
    };
    let text = |address: Option<SocketAddr>| address.map_or_else(|| "not there".into(), |address| address.to_string());
    let subject = "monitoring.address".to_owned();
    let (before, after) = (text(old.address), text(new.address));
    Some(Change { verdict, subject, example: None, credential: None, before, after, why: why.into() })
}

fn proxies(old: &[IpNet], new: &[IpNet]) -> Vec<Change> {
    let lacks = |these: &[IpNet], those: &[IpNet]| {
        those.iter().any(|network| !these.iter().any(|wider| wider.contains(network)))
    };
    let text = |networks: &[IpNet]| {
        if networks.is_empty() {
            "none".into()
        } else {
            networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
    };
    let told = |verdict| Change {
        verdict,
        subject: "trusted_proxies".into(),
        example: None,
        credential: None,
        before: text(old),
        after: text(new),
        why: "whose `X-Forwarded-*` fields are believed changed".into(),
    };
    Verdict::of_set(lacks(old, new), lacks(new, old)).map(told).collect()
}
