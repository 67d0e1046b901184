//! How much: every limit that counts a request is asked, and takes from all of them or from none.
//!
//! Buckets are in one bounded table, shared by the workers of this process ([`limits::Table`]). Limits that instances
//! share are asked first, as what they lease is given back without loss if another limit refuses ([`shared`]).

mod client;
mod clock;
mod failures;
mod fields;
mod rules;
mod shared;
mod subject;

use std::sync::Arc;

use config::Config;
use limits::{Admission, Demand, Held, MOST_DEMANDS, Moment, Refused, Table};

pub(crate) use client::client_address;
pub(crate) use failures::{Attempt, Failures};
pub(crate) use fields::{State, retry_after};
pub(crate) use rules::Rules;

use crate::{
    authenticate::Identified,
    gate::Gate,
    listen::Peer,
    record::Record,
    refusal::{Refusal, Spent},
    upstream::ConnectorError,
};
use clock::LimitClock;
use rules::Rule;
use shared::{Outcome, Shared, Taken};
use subject::Who;

/// The limits in force, and what was counted under them.
pub(crate) struct Limiter {
    clock: LimitClock,
    table: Arc<Table>,
    buckets: usize,
    shared: Option<Arc<Shared>>,
    pub(crate) failures: Failures,
    /// Claims that limits count by; no others are remembered of a token.
    pub(crate) claims: Vec<String>,
}

/// Places that a request takes, until its answer has ended.
pub(crate) struct Places {
    table: Arc<Table>,
    held: Vec<Held>,
}

impl Drop for Places {
    fn drop(&mut self) {
        self.held.iter().for_each(|held| self.table.release(held));
    }
}

impl Limiter {
    /// Limits of a configuration. A limit that a reload does not change keeps its buckets: it would otherwise be a fresh
    /// allowance for everybody. Must be called within a runtime.
    pub(crate) fn new(config: &Config, previous: Option<&Self>) -> Result<Self, ConnectorError> {
        let buckets = config.limits.buckets;
        let kept = previous.filter(|previous| previous.buckets == buckets);
        let table = kept.map_or_else(|| Arc::new(Table::new(buckets)), |previous| Arc::clone(&previous.table));
        let clock = previous.map_or_else(LimitClock::new, |previous| previous.clock);
        let store = config.shared_limits.as_ref();
        let shared = store.map(|store| Shared::start(store, previous.and_then(|previous| previous.shared.as_ref())));
        let failures = Failures::new(&config.limits.failed_authentication, &table, previous.map(|p| &p.failures));
        Ok(Self { clock, table, buckets, shared: shared.transpose()?, failures, claims: claims(&config.apis) })
    }

    /// Takes a request from every limit of its route, or from none (429, 503).
    pub(crate) async fn admit(
        &self,
        gate: &Gate,
        peer: &Peer,
        record: &mut Record,
        identified: Identified,
    ) -> Result<Identified, Refusal> {
        let limits = &identified.route.limits;
        let Some((first, others)) = limits.all.split_first() else { return Ok(identified) };
        let address = client_address(peer.address.ip(), &identified.canonical.headers, &gate.snapshot.trusted_proxies);
        let who = Who::new(&identified, address);
        match &self.shared {
            // Boxed, as most requests wait for nothing, and what is asked takes room.
            Some(shared) if limits.has_shared => Box::pin(self.admit_shared(shared, record, &who, limits)).await?,
            _ => {
                let demand = self.demand(limits, first, &who);
                let mut asked = Asked::new(limits, first, demand);
                asked.push(first, demand);
                for rule in others {
                    asked.push(rule, self.demand(limits, rule, &who));
                }
                self.count(record, &asked, Taken::default())?;
            }
        }
        Ok(identified)
    }

    async fn admit_shared(
        &self,
        shared: &Arc<Shared>,
        record: &mut Record,
        who: &Who<'_>,
        limits: &Rules,
    ) -> Result<(), Refusal> {
        let Some(first) = limits.all.first() else { return Ok(()) };
        let mut asked = Asked::new(limits, first, self.demand(limits, first, who));
        let taken = self.take_shared(shared, &mut asked, who).await?;
        self.count(record, &asked, taken)
    }

    fn demand<'r>(&self, rules: &Rules, rule: &'r Rule, who: &Who<'_>) -> Demand<'r> {
        Demand { key: who.key(&self.table, rule), limit: rule.id, measure: &rule.measure, cost: rules.cost }
    }

    /// Takes from what is leased, and leaves the rest to be asked here.
    async fn take_shared<'r>(
        &self,
        shared: &Arc<Shared>,
        asked: &mut Asked<'r>,
        who: &Who<'r>,
    ) -> Result<Taken<'r>, Refusal> {
        let (rules, mut taken) = (asked.rules, Taken::default());
        for rule in &rules.all {
            let demand = self.demand(rules, rule, who);
            let Some(part) = &rule.shared else {
                asked.push(rule, demand);
                continue;
            };
            let name = || part.store_key(who.parts(rule));
            match shared.take(part, demand.key, name, u64::from(rules.cost)).await {
                Outcome::Taken(one) => taken.push(one, rule),
                Outcome::Passed | Outcome::Uncounted => {}
                Outcome::Refused { wait } => return Err(spent(rules, rule, wait)),
                Outcome::Local => asked.push(rule, Demand { measure: &part.local, limit: part.local_id, ..demand }),
                Outcome::Unavailable => return Err(Refusal::LimitsUnavailable),
            }
        }
        Ok(taken)
    }

    /// Takes what the table counts, all or nothing, and tells the record.
    fn count(&self, record: &mut Record, asked: &Asked<'_>, taken: Taken<'_>) -> Result<(), Refusal> {
        let refusal = |refused: Refused| match asked.rule(refused.demand) {
            Some(rule) => spent(asked.rules, rule, refused.wait),
            None => Refusal::Internal,
        };
        let admission = self.table.admit(self.clock.at(record.read_last()), asked.demands()).map_err(refusal)?;
        self.note(record, asked, admission, taken);
        Ok(())
    }

    /// Tells the record what its answer says of limits, and what it gives back when it ends.
    fn note(&self, record: &mut Record, asked: &Asked<'_>, admission: Admission, taken: Taken<'_>) {
        let Admission { tightest, held } = admission;
        let local = tightest.and_then(|(at, standing)| Some((asked.rule(at)?, standing)));
        record.limit = taken.keep(local).map(|(rule, standing)| State {
            policy: asked.rules.policy.clone(),
            name: Arc::clone(&rule.name),
            remaining: standing.remaining,
            resets_in: standing.resets_in,
        });
        if !held.is_empty() {
            record.places = Some(Places { table: Arc::clone(&self.table), held });
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    /// What `/metrics` says of limits.
    pub(crate) fn render(&self, page: &mut String) {
        use std::fmt::Write;
        let name = "portcullis_limit_buckets_crowded_total";
        let help = "Times that a newcomer had to share a bucket, as all others were in use.";
        // Writing to a string cannot fail.
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {}", self.table.crowded());
        if let Some(shared) = &self.shared {
            shared.render(page);
        }
    }
}

/// What the table is asked for, with the rules that ask.
struct Asked<'r> {
    rules: &'r Rules,
    demands: [Demand<'r>; MOST_DEMANDS],
    by: [&'r Rule; MOST_DEMANDS],
    count: usize,
}

impl<'r> Asked<'r> {
    fn new(rules: &'r Rules, rule: &'r Rule, demand: Demand<'r>) -> Self {
        Self { rules, demands: [demand; MOST_DEMANDS], by: [rule; MOST_DEMANDS], count: 0 }
    }

    fn push(&mut self, rule: &'r Rule, demand: Demand<'r>) {
        if let (Some(slot), Some(by)) = (self.demands.get_mut(self.count), self.by.get_mut(self.count)) {
            (*slot, *by) = (demand, rule);
            self.count += 1;
        }
    }

    fn demands(&self) -> &[Demand<'r>] {
        self.demands.get(..self.count).unwrap_or_default()
    }

    fn rule(&self, at: usize) -> Option<&'r Rule> {
        self.by.get(at).copied()
    }
}

fn spent(rules: &Rules, rule: &Rule, wait: u64) -> Refusal {
    let state = State { policy: rules.policy.clone(), name: Arc::clone(&rule.name), remaining: 0, resets_in: wait };
    Refusal::RateLimited(Box::new(Spent { state, wait }))
}

fn claims(apis: &[config::Api]) -> Vec<String> {
    let limits = apis.iter().flat_map(|api| api.limits.iter().chain(api.routes.iter().flat_map(|route| &route.limits)));
    let mut names: Vec<String> = limits
        .flat_map(|limit| &limit.per)
        .filter_map(|subject| match subject {
            config::Subject::Claim(name) => Some(name.clone()),
            config::Subject::Tenant => Some("tenant".to_owned()),
            config::Subject::Api
            | config::Subject::Route
            | config::Subject::Client
            | config::Subject::ApiKey
            | config::Subject::User
            | config::Subject::Address
            | config::Subject::Header(_) => None,
        })
        .collect();
    names.sort();
    names.dedup();
    names
}
