//! Failed authentication: bounded for each address and each credential before anything dear is done, and an address that
//! goes on is shut out for a while.
//!
//! A credential that was proved lately is not asked here: who shares an address with an attacker keeps what they have.
//! A credential's own limit is that of its exact text, so nobody locks another one out by guessing near it.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use config::FailedAuthentication;
use limits::{Demand, Gcra, Key, Measure, Moment, Table};

use super::{
    client::is_in,
    rules::{gcra, nanoseconds},
    subject::octets,
};
use crate::refusal::Refusal;

/// Numbers of these limits in the table; those of the configuration are hashes.
const ADDRESS: u64 = 1;
const CREDENTIAL: u64 = 2;
const BEFORE_BAN: u64 = 3;
const BAN: u64 = 4;

/// Limits on failed authentication, and who was shut out.
pub(crate) struct Failures {
    table: Arc<Table>,
    of_address: Measure,
    of_credential: Measure,
    before_ban: Measure,
    ban: Measure,
    /// When the last ban ends, so that without any nobody is looked for.
    last_ban_ends: Arc<AtomicU64>,
}

/// Who tries to prove what.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) address: IpAddr,
    /// Of the credential.
    pub(crate) digest: &'a [u8; 32],
}

impl Failures {
    pub(super) fn new(limits: &FailedAuthentication, table: &Arc<Table>, previous: Option<&Self>) -> Self {
        let rate = |rate: &config::Rate| Measure::Rate(gcra(rate, rate.requests));
        Self {
            table: Arc::clone(table),
            of_address: rate(&limits.per_address),
            of_credential: rate(&limits.per_credential),
            before_ban: rate(&limits.ban_after),
            // One ban at a time: it is over when the next one could be had.
            ban: Measure::Rate(Gcra::new(1, nanoseconds(limits.ban), 1)),
            last_ban_ends: previous.map_or_else(Arc::default, |previous| Arc::clone(&previous.last_ban_ends)),
        }
    }

    /// Whether one more credential is looked at (429).
    pub(crate) fn check(&self, now: Moment, attempt: Attempt<'_>) -> Result<(), Refusal> {
        for demand in [self.address(attempt.address), self.credential(attempt.digest)] {
            self.table.peek(now, &demand).map_err(|refused| Refusal::TooManyFailures { wait: refused.wait })?;
        }
        Ok(())
    }

    /// Counts a failure of a credential.
    pub(crate) fn count_credential(&self, now: Moment, attempt: Attempt<'_>) {
        // What is used up already needs no more taken from it.
        let _ = self.table.admit(now, &[self.credential(attempt.digest)]);
    }

    /// Counts a failure of an address, and shuts it out if it had too many.
    pub(crate) fn count_address(&self, now: Moment, attempt: Attempt<'_>, trusted: &[ipnet::IpNet]) {
        let _ = self.table.admit(now, &[self.address(attempt.address)]);
        // Behind a proxy are many others.
        if is_in(trusted, attempt.address) {
            return;
        }
        if self.table.admit(now, &[self.demand(BEFORE_BAN, &self.before_ban, attempt.address)]).is_err() {
            let _ = self.table.admit(now, &[self.demand(BAN, &self.ban, attempt.address)]);
            if let Measure::Rate(ban) = self.ban {
                self.last_ban_ends.fetch_max(now.0.saturating_add(ban.emission()), Ordering::Relaxed);
            }
        }
    }

    /// Whether an address is let in (429).
    pub(crate) fn admit(&self, now: impl FnOnce() -> Moment, address: impl FnOnce() -> IpAddr) -> Result<(), Refusal> {
        let last_ban_ends = self.last_ban_ends.load(Ordering::Relaxed);
        // While nobody was shut out ever, not even the clock is looked at.
        if last_ban_ends == 0 {
            return Ok(());
        }
        let now = now();
        if last_ban_ends <= now.0 {
            return Ok(());
        }
        let demand = self.demand(BAN, &self.ban, address());
        self.table.peek(now, &demand).map(drop).map_err(|refused| Refusal::Banned { wait: refused.wait })
    }

    fn address(&self, address: IpAddr) -> Demand<'_> {
        self.demand(ADDRESS, &self.of_address, address)
    }

    fn credential(&self, digest: &[u8; 32]) -> Demand<'_> {
        Self::counted(self.table.key(CREDENTIAL, [digest]), CREDENTIAL, &self.of_credential)
    }

    fn demand<'m>(&self, limit: u64, measure: &'m Measure, address: IpAddr) -> Demand<'m> {
        Self::counted(self.table.key(limit, [octets(address)]), limit, measure)
    }

    fn counted(key: Key, limit: u64, measure: &Measure) -> Demand<'_> {
        Demand { key, limit, measure, cost: 1 }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use config::Rate;

    use super::*;

    fn failures() -> Failures {
        let rate = |requests| Rate { requests, period: Duration::from_mins(1) };
        let (per_address, per_credential, ban_after) = (rate(10), rate(3), rate(5));
        let limits = FailedAuthentication { per_address, per_credential, ban_after, ban: Duration::from_secs(30) };
        Failures::new(&limits, &Arc::new(Table::new(1 << 12)), None)
    }

    const NOW: Moment = Moment(1_000_000_000_000);

    fn count(failures: &Failures, attempt: Attempt<'_>) {
        failures.count_credential(NOW, attempt);
        failures.count_address(NOW, attempt, &[]);
    }

    #[test]
    fn a_credential_and_an_address_have_limits_of_their_own() {
        let failures = failures();
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let attempt = |byte: u8| ([byte; 32], address);
        for _ in 0..3 {
            let (digest, address) = attempt(1);
            count(&failures, Attempt { address, digest: &digest });
        }
        let check = |(digest, address): ([u8; 32], IpAddr)| failures.check(NOW, Attempt { address, digest: &digest });
        assert!(check(attempt(1)).is_err() && check(attempt(2)).is_ok());
        assert!(check(([1; 32], "192.0.2.2".parse().unwrap())).is_err(), "the credential is the same elsewhere");
        for byte in 2..9 {
            let (digest, address) = attempt(byte);
            count(&failures, Attempt { address, digest: &digest });
        }
        assert!(check(attempt(99)).is_err());
        assert!(check(([99; 32], "192.0.2.2".parse().unwrap())).is_ok());
    }

    #[test]
    fn an_address_that_goes_on_is_shut_out_and_comes_back() {
        let failures = failures();
        let count = |address: &str, trusted: &[ipnet::IpNet]| {
            let address = address.parse().unwrap();
            (0..6).for_each(|_| failures.count_address(NOW, Attempt { address, digest: &[0; 32] }, trusted));
        };
        let admits = |now, address: &str| failures.admit(|| now, || address.parse().unwrap()).is_ok();
        count("2001:db8::1", &[]);
        count("10.0.0.1", &["10.0.0.0/8".parse().unwrap()]);
        assert!(!admits(NOW, "2001:db8::2"), "the /64 is one");
        assert!(admits(NOW, "2001:db8:0:1::1"));
        assert!(admits(NOW, "10.0.0.1"), "a trusted proxy is never shut out");
        assert!(admits(Moment(NOW.0 + 30_000_000_000), "2001:db8::2"));
    }
}
