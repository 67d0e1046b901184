//! The limit of open files, which is one of connections as well.

use config::Config;
use rustix::process::{Resource, getrlimit};

use super::Finding;

/// The database, logs, listeners, control connections, event queues.
const OWN: u64 = 128;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    // No limit is more than enough.
    let Some(limit) = getrlimit(Resource::Nofile).current else { return Vec::new() };
    let connections = u64::try_from(config.limits.connections).unwrap_or(u64::MAX);
    // Each client's connection may have one to an upstream.
    let needed = connections.saturating_mul(2).saturating_add(OWN);
    if limit >= needed {
        return Vec::new();
    }
    vec![Finding::new(
        format!("{limit} files may be open; `limits.connections` of {connections} takes up to {needed}"),
        format!("Raise it (`LimitNOFILE={needed}`, `ulimit -n {needed}`), or lower `limits.connections`."),
    )]
}
