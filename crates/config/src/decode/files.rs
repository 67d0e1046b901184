//! Files that the configuration names: certificates, keys, secrets.

use rustls::{crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject};
use x509_parser::{
    prelude::{FromDer, GeneralName, X509Certificate},
    revocation_list::CertificateRevocationList,
};
use zeroize::Zeroizing;

use super::Context;
use crate::{Certificate, codes::diagnostics, load, yaml::Node};

/// The bytes of the file that `node` names.
pub(super) fn read(cx: &Context, node: &Node, path: &str) -> Option<Zeroizing<Vec<u8>>> {
    cx.files.borrow_mut().push(cx.base.join(path));
    match load::bounded(&cx.base.join(path)) {
        Ok(bytes) => Some(Zeroizing::new(bytes)),
        Err(error) => {
            let help = "Check the path (it starts at the folder of this file) and who may read it.";
            cx.report(
                &diagnostics::MISSING_FILE,
                node.span,
                format!("`{path}` cannot be read: {}", error.kind()),
                help,
            );
            None
        }
    }
}

/// What a reference (`file:`, `env:`, `credential:`) points to. A line end at the end of a file is kept.
pub(super) fn secret(cx: &Context, node: &Node) -> Option<Zeroizing<Vec<u8>>> {
    let text = node.text()?;
    match text.split_once(':') {
        Some(("file", path)) => {
            cx.secret_files.borrow_mut().push(cx.base.join(path));
            read(cx, node, path)
        }
        Some(("env", name)) => {
            let value = std::env::var_os(name).map(|value| Zeroizing::new(value.into_encoded_bytes()));
            unset_if_none(cx, node, value, &format!("the environment variable `{name}` is not set"))
        }
        Some(("credential", name)) => {
            let plain_name = !name.is_empty() && !name.contains('/') && name != "..";
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|_| plain_name);
            let value = folder.and_then(|dir| load::bounded(&std::path::Path::new(&dir).join(name)).ok());
            unset_if_none(cx, node, value.map(Zeroizing::new), &format!("there is no credential `{name}`"))
        }
        _ => {
            let help = "Put it into a file of its own and write `file:PATH`, or `env:NAME`, or `credential:NAME`. If it \
                        was a real secret, replace it.";
            cx.report(&diagnostics::LITERAL_SECRET, node.span, "this is not a reference to a secret", help);
            None
        }
    }
}

fn unset_if_none<T>(cx: &Context, node: &Node, value: Option<T>, message: &str) -> Option<T> {
    if value.is_none() {
        let help = "Set it for the service, or use `file:PATH`.";
        cx.report(&diagnostics::UNSET_SECRET, node.span, message, help);
    }
    value
}

/// All certificates of a PEM file; at least one, each X.509.
pub(super) fn certificates(cx: &Context, node: &Node) -> Option<Vec<CertificateDer<'static>>> {
    let path = node.text()?;
    let bytes = read(cx, node, path.strip_prefix("file:").unwrap_or(path))?;
    let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let chain = chain.unwrap_or_default();
    if chain.is_empty() || chain.iter().any(|der| X509Certificate::from_der(der).is_err()) {
        let help = "Give a PEM file that starts with `-----BEGIN CERTIFICATE-----`.";
        cx.report(&diagnostics::NOT_CERTIFICATE, node.span, format!("`{path}` holds no certificate"), help);
        return None;
    }
    Some(chain)
}

/// All lists of revoked certificates of these files; each must still be in force.
pub(super) fn revocation_lists(cx: &Context, node: &Node) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    let files = if node.items().is_empty() { std::slice::from_ref(node) } else { node.items() };
    let lists: Vec<_> = files.iter().map(|file| revocation_list(cx, file)).collect();
    Some(lists.into_iter().collect::<Option<Vec<_>>>()?.concat())
}

fn revocation_list(cx: &Context, node: &Node) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    let path = node.text()?;
    let bytes = read(cx, node, path)?;
    let lists: Result<Vec<CertificateRevocationListDer<'static>>, _> =
        CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    let lists = lists.unwrap_or_default();
    let parsed: Vec<_> = lists.iter().filter_map(|der| CertificateRevocationList::from_der(der).ok()).collect();
    let now = i64::try_from(cx.now).ok()?;
    let (message, help) = if lists.is_empty() || parsed.len() != lists.len() {
        let message = format!("`{path}` holds no list of revoked certificates");
        (message, "Give a PEM file that starts with `-----BEGIN X509 CRL-----`.")
    } else if let Some(end) = parsed.iter().filter_map(|(_, list)| list.next_update()).find(|end| end.timestamp() < now)
    {
        let message = format!("`{path}` was to be replaced by {end}; what was revoked since is not in it");
        (message, "Fetch the authority's new list, then reload.")
    } else {
        return Some(lists);
    };
    cx.report(&diagnostics::BAD_CRL, node.span, message, help);
    None
}

/// A chain with its key, checked to belong together and to be valid now.
pub(super) fn certificate(cx: &Context, chain: &Node, key: &Node) -> Option<Certificate> {
    let der = certificates(cx, chain);
    let private = private_key(cx, key);
    let (der, private) = (der?, private?);
    let names = leaf_names(cx, chain, &der)?;
    if CertifiedKey::from_der(der.clone(), private.clone_key(), &aws_lc_rs::default_provider()).is_ok() {
        Some(Certificate { chain: der, key: private, names })
    } else {
        let message = "the key does not belong to the certificate, or is of a kind that TLS does not use";
        let help = "Name the key that this certificate was issued for.";
        cx.report(&diagnostics::KEY_MISMATCH, key.span, message, help);
        None
    }
}

fn private_key(cx: &Context, node: &Node) -> Option<PrivateKeyDer<'static>> {
    let bytes = secret(cx, node)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes).ok();
    if key.is_none() {
        let help = "Give an unencrypted PEM key (`-----BEGIN PRIVATE KEY-----`).";
        cx.report(&diagnostics::NOT_KEY, node.span, "there is no private key in it", help);
    }
    key
}

/// DNS names of the leaf, which must be valid now.
fn leaf_names(cx: &Context, node: &Node, chain: &[CertificateDer<'static>]) -> Option<Vec<String>> {
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    let now = i64::try_from(cx.now).ok()?;
    let validity = leaf.validity();
    if now > validity.not_after.timestamp() || now < validity.not_before.timestamp() {
        let message = format!("the certificate is valid from {} to {} only", validity.not_before, validity.not_after);
        cx.report(&diagnostics::EXPIRED, node.span, message, "Renew it, or check the clock of this machine.");
        return None;
    }
    let names = leaf.subject_alternative_name().ok().flatten();
    let names = names.map(|san| san.value.general_names.as_slice()).unwrap_or_default();
    let dns = names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    Some(dns.collect())
}
