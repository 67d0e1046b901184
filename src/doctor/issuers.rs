//! Issuers whose key documents cannot be fetched, because nobody answers at their host.

use config::{Config, Issuer, IssuerKeys, RemoteKeys};

use super::{
    Finding,
    reach::{self, Target},
};

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let targets: Vec<_> = config.issuers.values().filter_map(|issuer| target(issuer)).collect();
    reach::unreachable(&targets)
}

/// Where an issuer's keys come from, when that is not a file.
fn target(issuer: &Issuer) -> Option<Target> {
    let RemoteKeys { url, .. } = match &issuer.keys {
        IssuerKeys::Discovery(remote) | IssuerKeys::JwksUri(remote) => remote,
        IssuerKeys::Static(_) | IssuerKeys::Secret(_) | IssuerKeys::Resident => return None,
    };
    let default = if url.scheme_str() == Some("http") { 80 } else { 443 };
    Some(Target {
        whose: format!("issuer {}", issuer.name.0),
        host: url.host()?.trim_matches(['[', ']']).to_owned(),
        port: url.port_u16().unwrap_or(default),
    })
}
