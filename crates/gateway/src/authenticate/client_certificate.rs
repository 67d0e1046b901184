//! Client certificates: what the handshake proved, matched against the clients that the listener knows.

use std::sync::Arc;

use aws_lc_rs::digest;
use config::{CertificateIdentity, ClientCertificates};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::Caller;
use crate::{
    listen::Vouched,
    refusal::{Challenge, Refusal},
};

/// Whose certificate a connection showed.
#[derive(Debug, Clone, Default)]
pub(crate) enum CertificateHolder {
    /// The client showed none.
    #[default]
    Nobody,
    /// A certificate of any issuer: tokens may be bound to it, and it says nothing of who holds it.
    Possessor,
    /// A valid certificate of no known client, or of several.
    Unknown,
    /// A client that these rules knew at the handshake.
    Client(Arc<Caller>, Arc<ClientCertificates>),
}

impl CertificateHolder {
    /// The caller, or why there is none. `rules` are those in force: a handshake under others proves nothing any more.
    pub(super) fn prove(
        &self,
        rules: Option<&Arc<ClientCertificates>>,
        challenge: Challenge,
    ) -> Result<Arc<Caller>, Refusal> {
        match self {
            Self::Client(caller, _) => {
                if self.is_known(rules) {
                    Ok(Arc::clone(caller))
                } else {
                    Err(Refusal::UnknownCertificate)
                }
            }
            Self::Possessor | Self::Unknown => Err(Refusal::UnknownCertificate),
            Self::Nobody => Err(Refusal::NoCredential(challenge)),
        }
    }
}

impl CertificateHolder {
    /// Whether it is one of the clients that `rules`, those in force, know.
    pub(crate) fn is_known(&self, rules: Option<&Arc<ClientCertificates>>) -> bool {
        match self {
            Self::Client(_, known_by) => rules.is_some_and(|rules| Arc::ptr_eq(rules, known_by) || rules == known_by),
            Self::Possessor | Self::Unknown | Self::Nobody => false,
        }
    }
}

/// Finds the one client that a certificate stands for. Two that match are none: the file is ambiguous.
pub(crate) fn identify(vouched: &Vouched<'_>, rules: Option<&Arc<ClientCertificates>>) -> CertificateHolder {
    let Some(rules) = rules else { return CertificateHolder::Unknown };
    let Ok((_, certificate)) = X509Certificate::from_der(vouched.certificate()) else {
        return CertificateHolder::Unknown;
    };
    let mut matching = rules.clients.iter().filter(|client| matches(&certificate, &client.identity));
    match (matching.next(), matching.next()) {
        (Some(client), None) => {
            let (name, scopes) = (client.name.clone(), client.scopes.clone());
            // What the configuration binds to the name is looked up when it counts: it may change while the connection lasts.
            let caller = Caller::new("client_certificate", name.clone(), name, scopes, None);
            CertificateHolder::Client(caller, Arc::clone(rules))
        }
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
