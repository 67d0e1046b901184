//! Memory: past 85 % of the budget no new connection is taken in, past 95 % requests are refused (503).
//!
//! What is under way ends, and gives its memory back; who is refused is told so at once, rather than all of them by the
//! kernel. `/livez`, `/readyz`, `/metrics` and the control socket have listeners of their own, which are never shed.
//!
//! Bodies that are held whole have a budget apart, which is counted to the byte: between two looks at what is resident,
//! a few hundred of them could take all that is left.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::refusal::Refusal;

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(100);
/// Of a hundred (limits: memory budget).
const SHED: u64 = 85;
const REFUSE: u64 = 95;
/// The part of the memory budget that held bodies may take,
const HELD_PART: u64 = 4;
/// and what they may take where no budget is known.
const HELD_UNBUDGETED: u64 = 256 << 20;

/// How much memory there is, and how much is taken. It outlives configurations.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    /// Bytes; 0 is no budget.
    budget: AtomicU64,
    resident: AtomicU64,
    /// Bytes that bodies may be held in, and are.
    most_held: AtomicU64,
    held: AtomicU64,
}

impl Pressure {
    /// Watches this process from now on; a budget that the configuration does not name is the cgroup's limit, and one for
    /// held bodies a part of it. Must be called within a runtime that lasts.
    pub(crate) fn watch(limits: &config::GlobalLimits, previous: Option<&Arc<Self>>) -> Arc<Self> {
        let pressure = previous.map_or_else(
            || {
                let pressure = Arc::new(Self::default());
                tokio::spawn(look(Arc::downgrade(&pressure)));
                pressure
            },
            Arc::clone,
        );
        let budget = limits.memory.or_else(cgroup_limit);
        let most_held = limits.held_bodies.unwrap_or(budget.map_or(HELD_UNBUDGETED, |bytes| bytes / HELD_PART));
        pressure.budget.store(budget.unwrap_or(0), Ordering::Relaxed);
        pressure.most_held.store(most_held, Ordering::Relaxed);
        pressure
    }

    /// Whether new connections are taken in.
    pub(crate) fn takes_connections(&self) -> bool {
        !self.is_past(SHED)
    }

    /// Refuses a request when there is too little left to answer it.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.is_past(REFUSE) { Err(Refusal::OutOfMemory("resident")) } else { Ok(()) }
    }

    /// Bytes resident when last looked at, and the budget.
    pub(crate) fn figures(&self) -> (u64, u64) {
        (self.resident.load(Ordering::Relaxed), self.budget.load(Ordering::Relaxed))
    }

    /// Takes bytes of the budget for held bodies; all of them or none.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        let most = self.most_held.load(Ordering::Relaxed);
        let more = |held: u64| held.checked_add(bytes).filter(|held| *held <= most);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes of bodies that are held, and the budget for them.
    pub(crate) fn held(&self) -> (u64, u64) {
        (self.held.load(Ordering::Relaxed), self.most_held.load(Ordering::Relaxed))
    }

    /// One that lets so many bytes be held, and watches nothing.
    #[cfg(test)]
    pub(crate) fn holding(bytes: u64) -> Self {
        Self { most_held: AtomicU64::new(bytes), ..Self::default() }
    }

    fn is_past(&self, percent: u64) -> bool {
        let (resident, budget) = self.figures();
        budget > 0 && resident.saturating_mul(100) > budget.saturating_mul(percent)
    }
}

async fn look(pressure: Weak<Pressure>) {
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        interval.tick().await;
        let Some(pressure) = pressure.upgrade() else { return };
        // What cannot be read stays as it was.
        if let Some(resident) = resident() {
            pressure.resident.store(resident, Ordering::Relaxed);
        }
    }
}

/// Resident bytes of this process (proc(5), `statm`).
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    let page = u64::try_from(rustix::param::page_size()).ok()?;
    pages.checked_mul(page)
}

/// `memory.max` of this process's cgroup (version 2).
fn cgroup_limit() -> Option<u64> {
    let cgroups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = cgroups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    std::fs::read_to_string(format!("/sys/fs/cgroup/{path}/memory.max")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_sheds_before_it_refuses_and_neither_without_a_budget() {
        let at = |resident: u64, budget: u64| {
            let pressure =
                Pressure { budget: AtomicU64::new(budget), resident: AtomicU64::new(resident), ..Pressure::default() };
            (pressure.takes_connections(), pressure.check().is_ok())
        };
        assert_eq!(at(85, 100), (true, true));
        assert_eq!(at(86, 100), (false, true));
        assert_eq!(at(96, 100), (false, false));
        assert_eq!(at(u64::MAX, 0), (true, true));
    }

    #[test]
    fn this_process_takes_memory() {
        assert!(resident().is_some_and(|bytes| bytes > 1 << 20));
    }
}
