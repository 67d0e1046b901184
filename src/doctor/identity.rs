//! The authorization server: its master key, its pages, and whether browsers can reach it under its name.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use config::{Config, Identity, ListenerSecurity, MasterKey};

use super::Finding;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let Some(identity) = &config.identity else { return Vec::new() };
    let key = match &identity.master_key {
        MasterKey::Kept(path) => kept(path, &config.data),
        // One that the operator keeps is among the key files.
        MasterKey::Given(_) => None,
    };
    [key, templates(identity), name(config, identity)].into_iter().flatten().collect()
}

/// The server makes the key at its first start, and never again.
fn kept(path: &Path, data: &Path) -> Option<Finding> {
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o7777;
            (mode & 0o077 != 0).then(|| {
                let cause = format!("{shown} opens every private key of the server, and has mode {mode:04o}");
                Finding::new(cause, format!("chmod 0400 '{shown}'"))
            })
        }
        Err(_) if data.join(::identity::DATABASE).exists() => Some(Finding::new(
            format!("{shown} is missing, and the database holds keys that it sealed"),
            "Restore it from a backup; without it the server does not start.",
        )),
        Err(_) => None,
    }
}

fn templates(identity: &Identity) -> Option<Finding> {
    let folder = identity.templates.as_ref().filter(|folder| !folder.is_dir())?;
    let cause = format!("{} is no folder, so the pages' templates cannot be read", folder.display());
    Some(Finding::new(cause, "Make the folder, or remove `identity.templates`."))
}

/// Behind a proxy, the proxy has the certificate.
fn name(config: &Config, identity: &Identity) -> Option<Finding> {
    let listeners = config.listeners.iter().filter_map(|listener| match &listener.security {
        ListenerSecurity::Tls(tls) => Some(tls),
        ListenerSecurity::PlaintextLoopback | ListenerSecurity::Plaintext { .. } => None,
    });
    let names: Vec<&String> = listeners.flat_map(|tls| &tls.certificates).flat_map(|one| &one.names).collect();
    let covers = |name: &str| match name.strip_prefix("*.") {
        Some(parent) => identity.host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => name == identity.host,
    };
    (!names.is_empty() && !names.into_iter().any(|name| covers(name))).then(|| {
        let cause = format!("no certificate of a listener is for {}, the issuer's host", identity.host);
        Finding::new(cause, "Add a certificate for it to a listener, or correct `identity.issuer`.")
    })
}
