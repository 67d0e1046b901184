//! Upstream servers that nobody answers for.

use std::collections::BTreeSet;

use config::{Config, Server};

use super::{
    Finding,
    reach::{self, Target},
};

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let servers = config.apis.iter().flat_map(|api| api.upstream.servers.iter().map(|server| (&api.upstream, server)));
    let target = |Server { host, port }: &Server, name: &str| Target {
        whose: format!("upstream {name}"),
        host: host.clone(),
        port: *port,
    };
    // Several APIs may share an upstream.
    let targets: BTreeSet<_> = servers.map(|(upstream, server)| target(server, &upstream.name)).collect();
    reach::unreachable(&targets.into_iter().collect::<Vec<_>>())
}
