//! All upstreams of a configuration, shared by the workers, and what is told of them in metrics.

use std::{
    fmt::Write,
    sync::{Arc, atomic::Ordering},
};

use super::{
    connect::ConnectorError,
    group::{Counters, Group},
    standing::Condition,
};
use crate::metrics::escaped;

/// All upstreams of a configuration. APIs that name the same one share it.
pub(crate) struct Fleet {
    pub(super) groups: Vec<Arc<Group>>,
    /// For each API, which upstream it has.
    pub(super) of_api: Vec<usize>,
}

impl Fleet {
    /// Makes upstreams ready, and begins to resolve and to check their servers. Must be called within a tokio runtime.
    ///
    /// An upstream that a reload does not change goes on as it is: a server that was ejected stays so.
    pub(crate) fn start(
        upstreams: impl Iterator<Item = Arc<config::Upstream>>,
        before: Option<&Self>,
    ) -> Result<Self, ConnectorError> {
        let mut fleet = Self { groups: Vec::new(), of_api: Vec::new() };
        for upstream in upstreams {
            // One name is one upstream: those of the file by their key, the others by their URL with all defaults.
            let known = fleet.groups.iter().position(|group| group.upstream.name == upstream.name);
            let at = if let Some(at) = known {
                at
            } else {
                fleet.groups.push(group(&upstream, before)?);
                fleet.groups.len() - 1
            };
            fleet.of_api.push(at);
        }
        Ok(fleet)
    }

    /// Ends the tasks of upstreams that another configuration has not kept.
    pub(crate) fn retire_for(&self, next: &Self) {
        for group in &self.groups {
            if !next.groups.iter().any(|kept| Arc::ptr_eq(kept, group)) {
                group.retire();
            }
        }
    }

    /// Adds what is known of them to a page in the Prometheus text format. Labels come from the configuration.
    pub(crate) fn render(&self, page: &mut String) {
        // Writing to a string cannot fail.
        let _ = self.write(page);
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        const SERVERS: &str = "portcullis_upstream_servers";
        writeln!(page, "# HELP {SERVERS} Servers of an upstream, by how they are.\n# TYPE {SERVERS} gauge")?;
        for group in &self.groups {
            let name = escaped(&group.upstream.name);
            let seats = group.roster.seats();
            for (state, text) in [(Condition::Up, "up"), (Condition::Ejected, "ejected"), (Condition::Down, "down")] {
                let count = seats.iter().filter(|seat| seat.standing.condition() == state).count();
                writeln!(page, "{SERVERS}{{portcullis_upstream=\"{name}\",state=\"{text}\"}} {count}")?;
            }
        }
        self.series(page, "gauge", "portcullis_upstream_active_requests", "Requests under way to an upstream.", |g| {
            g.places.taken().to_string()
        })?;
        let help = "Requests that wait for a place at an upstream.";
        self.series(page, "gauge", "portcullis_upstream_waiting_requests", help, |g| g.places.waiting().to_string())?;
        let help = "Requests that waited for a place at an upstream.";
        self.series(page, "counter", "portcullis_upstream_waited_total", help, |g| g.places.waited().to_string())?;
        let count = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed).to_string();
        let help = "Requests sent to a second server after the first failed.";
        self.series(page, "counter", "portcullis_upstream_retries_total", help, |g| count(&g.counters.retries))?;
        let help = "Requests refused because an upstream was full and no place came free in time.";
        self.series(page, "counter", "portcullis_upstream_refused_total", help, |g| count(&g.counters.refused))?;
        let help = "Times that a server was ejected.";
        self.series(page, "counter", "portcullis_upstream_ejections_total", help, |g| count(&g.counters.ejections))
    }

    fn series(
        &self,
        page: &mut String,
        kind: &str,
        name: &str,
        help: &str,
        value: impl Fn(&Group) -> String,
    ) -> std::fmt::Result {
        writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}")?;
        for group in &self.groups {
            writeln!(page, "{name}{{portcullis_upstream=\"{}\"}} {}", escaped(&group.upstream.name), value(group))?;
        }
        Ok(())
    }
}

/// The upstream as it was before, or a new one that counts on.
fn group(upstream: &Arc<config::Upstream>, before: Option<&Fleet>) -> Result<Arc<Group>, ConnectorError> {
    let old = before.and_then(|fleet| fleet.groups.iter().find(|group| group.upstream.name == upstream.name));
    match old {
        Some(old) if old.upstream == *upstream => Ok(Arc::clone(old)),
        Some(old) => Group::start(upstream, Arc::clone(&old.counters)),
        None => Group::start(upstream, Arc::<Counters>::default()),
    }
}
