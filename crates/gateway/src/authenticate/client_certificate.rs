//! Client certificates: what the handshake proved, matched against the clients that the listener knows.

use std::sync::Arc;

use aws_lc_rs::digest;
use config::{CertificateClient, CertificateIdentity};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::Caller;
use crate::refusal::{Challenge, Refusal};

/// Whose certificate a connection showed.
#[derive(Debug, Clone)]
pub(crate) enum CertificateHolder {
    /// The client showed none.
    Nobody,
    /// A valid certificate of no known client, or of several.
    Unknown,
    /// A known client.
    Client(Arc<Caller>),
}

impl CertificateHolder {
    /// The caller, or why there is none.
    pub(super) fn prove(&self, challenge: Challenge) -> Result<Arc<Caller>, Refusal> {
        match self {
            Self::Client(caller) => Ok(Arc::clone(caller)),
            Self::Unknown => Err(Refusal::UnknownCertificate),
            Self::Nobody => Err(Refusal::NoCredential(challenge)),
        }
    }
}

/// Finds the one client that a verified leaf certificate stands for. Two that match are none: the file is ambiguous.
pub(crate) fn identify(leaf: &CertificateDer<'_>, clients: &[CertificateClient]) -> CertificateHolder {
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else {
        return CertificateHolder::Unknown;
    };
    let mut matching = clients.iter().filter(|client| matches(&certificate, &client.identity));
    match (matching.next(), matching.next()) {
        (Some(client), None) => CertificateHolder::Client(Caller::new(
            "client_certificate",
            client.name.clone(),
            client.name.clone(),
            client.scopes.clone(),
        )),
        _ => CertificateHolder::Unknown,
    }
}

fn matches(certificate: &X509Certificate<'_>, identity: &CertificateIdentity) -> bool {
    match identity {
        CertificateIdentity::Spiffe(id) => {
            // A SPIFFE certificate has exactly one URI name (X509-SVID §2).
            let mut uris = names(certificate).filter_map(|name| match name {
                GeneralName::URI(uri) => Some(*uri),
                _ => None,
            });
            uris.next() == Some(id.as_str()) && uris.next().is_none()
        }
        CertificateIdentity::Dns(host) => {
            names(certificate).any(|name| matches!(name, GeneralName::DNSName(dns) if dns.eq_ignore_ascii_case(host)))
        }
        CertificateIdentity::SpkiSha256(pin) => {
            digest::digest(&digest::SHA256, certificate.public_key().raw).as_ref() == pin
        }
    }
}

fn names<'c>(certificate: &'c X509Certificate<'c>) -> impl Iterator<Item = &'c GeneralName<'c>> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    extension.map(|names| names.value.general_names.as_slice()).unwrap_or_default().iter()
}
