//! Issuers whose key documents cannot be fetched, and providers that nobody can log in through, because nobody answers at
//! their host.

use config::{Config, Issuer, IssuerKeys, RemoteKeys};

use super::{
    Finding,
    reach::{self, Target},
};

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let providers = config.identity.iter().flat_map(|identity| &identity.providers);
    let providers = providers.filter_map(|provider| target(format!("provider {}", provider.name), &provider.remote));
    let issuers = config.issuers.values().filter_map(|issuer| of_issuer(issuer));
    reach::unreachable(&issuers.chain(providers).collect::<Vec<_>>())
}

/// Where an issuer's keys come from, when that is not a file.
fn of_issuer(issuer: &Issuer) -> Option<Target> {
    match &issuer.keys {
        IssuerKeys::Discovery(remote) | IssuerKeys::JwksUri(remote) => {
            target(format!("issuer {}", issuer.name.0), remote)
        }
        IssuerKeys::Static(_) | IssuerKeys::Secret(_) | IssuerKeys::Resident => None,
    }
}

fn target(whose: String, RemoteKeys { url, .. }: &RemoteKeys) -> Option<Target> {
    let default = if url.scheme_str() == Some("http") { 80 } else { 443 };
    Some(Target {
        whose,
        host: url.host()?.trim_matches(['[', ']']).to_owned(),
        port: url.port_u16().unwrap_or(default),
    })
}
