//! Certificates that have expired or will within a month: the gateway's own, and the authorities that it believes.

use config::{Config, IssuerKeys, ListenerSecurity, RemoteKeys};
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Finding;
use crate::output::{now, rfc3339};

/// Days before its end at which a certificate is worth a word.
const DAYS: u64 = 30;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let now = now();
    let mut findings: Vec<Finding> =
        all(config).into_iter().filter_map(|(whose, der)| expiry(&whose, der, now)).collect();
    // One authority is often named in several places by the same words.
    findings.dedup();
    findings
}

/// Every certificate with whose it is.
fn all(config: &Config) -> Vec<(String, &CertificateDer<'static>)> {
    let mut found = Vec::new();
    for listener in &config.listeners {
        let ListenerSecurity::Tls(tls) = &listener.security else { continue };
        let whose = format!("listener {}", listener.address);
        found.extend(tls.certificates.iter().flat_map(|c| &c.chain).map(|der| (whose.clone(), der)));
        let authorities = tls.client_certificates.iter().flat_map(|clients| &clients.ca);
        found.extend(authorities.map(|der| (format!("client authority of {whose}"), der)));
    }
    for api in &config.apis {
        let authorities = api.upstream.tls.iter().filter_map(|tls| tls.ca.as_ref()).flatten();
        found.extend(authorities.map(|der| (format!("authority of upstream {}", api.upstream.name), der)));
    }
    for (name, issuer) in &config.issuers {
        let (IssuerKeys::Discovery(RemoteKeys { ca: Some(ca), .. })
        | IssuerKeys::JwksUri(RemoteKeys { ca: Some(ca), .. })) = &issuer.keys
        else {
            continue;
        };
        found.extend(ca.iter().map(|der| (format!("authority of issuer {}", name.0), der)));
    }
    found
}

fn expiry(whose: &str, der: &CertificateDer<'_>, now: u64) -> Option<Finding> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Some(Finding::new(format!("{whose}: a certificate cannot be read"), "Replace it."));
    };
    let subject = certificate.subject();
    // Before 1970 is as expired as can be.
    let end = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
    let left = end.saturating_sub(now) / 86_400;
    let when = if end <= now {
        format!("expired on {}", rfc3339(end))
    } else if left < DAYS {
        format!("expires in {left} days, on {}", rfc3339(end))
    } else {
        return None;
    };
    Some(Finding::new(format!("{whose}: the certificate `{subject}` {when}"), "Renew it, then restart the gateway."))
}
