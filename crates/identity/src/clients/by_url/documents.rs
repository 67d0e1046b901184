//! Documents that were fetched, and bounds for fetching.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use limits::{Demand, Gcra, Measure, Moment, Table};
use tokio::sync::watch;

use super::{ClientUrl, ClientsByUrl, NoDocument, document, freshness};
use crate::{
    accounts::throttle::Key,
    outgoing::{Errand, WayOut},
    store::clients::StoredClient,
};

/// Documents that are kept; one more, and the one goes that was not used for longest.
const CAPACITY: usize = 1_000;
/// Fetches at once for clients that somebody allowed something, and as many for others.
const AT_ONCE: usize = 8;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
/// Hosts and askers that are counted apart.
const BUCKETS: usize = 8_192;

type Outcome = Result<Arc<StoredClient>, NoDocument>;

/// All documents, and the way to them.
pub(crate) struct Documents {
    way_out: Arc<WayOut>,
    rules: ClientsByUrl,
    state: Mutex<State>,
    fetches: Table,
}

#[derive(Default)]
struct State {
    kept: HashMap<ClientUrl, Kept>,
    /// Whoever comes during a fetch waits for what comes of it.
    under_way: HashMap<ClientUrl, UnderWay>,
}

struct Kept {
    client: Arc<StoredClient>,
    /// Unix seconds from which it is asked for again.
    until: u64,
    used: u64,
}

struct UnderWay {
    outcome: watch::Receiver<Option<Outcome>>,
    is_known: bool,
}

impl Documents {
    pub(crate) fn new(way_out: Arc<WayOut>, rules: ClientsByUrl) -> Self {
        Self { way_out, rules, state: Mutex::default(), fetches: Table::new(BUCKETS) }
    }

    /// The client at an address: as it is kept, or fetched now. Without a `stranger` somebody allowed it something before:
    /// strangers use up nothing of what is fetched for those.
    pub(crate) async fn client(self: &Arc<Self>, url: &ClientUrl, stranger: Option<IpAddr>, now: u64) -> Outcome {
        let mut outcome = match self.find(url, now) {
            Some(Found::Kept(client)) => return Ok(client),
            Some(Found::UnderWay(outcome)) => outcome,
            None => self.begin(url, stranger, now)?,
        };
        let outcome = outcome.wait_for(Option::is_some).await;
        outcome.ok().and_then(|outcome| outcome.clone()).unwrap_or(Err(NoDocument::Unreachable))
    }

    fn find(&self, url: &ClientUrl, now: u64) -> Option<Found> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = state.kept.get_mut(url).filter(|kept| now < kept.until) {
            kept.used = now;
            return Some(Found::Kept(Arc::clone(&kept.client)));
        }
        state.under_way.get(url).map(|under_way| Found::UnderWay(under_way.outcome.clone()))
    }

    /// Begins a fetch in a task of its own, which goes on when whoever asked leaves.
    fn begin(
        self: &Arc<Self>,
        url: &ClientUrl,
        stranger: Option<IpAddr>,
        now: u64,
    ) -> Result<watch::Receiver<Option<Outcome>>, NoDocument> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have begun since it was looked for.
        if let Some(under_way) = state.under_way.get(url) {
            return Ok(under_way.outcome.clone());
        }
        let is_known = stranger.is_none();
        let same = state.under_way.values().filter(|one| one.is_known == is_known).count();
        if same >= AT_ONCE || !self.may_fetch(url, stranger, now) {
            return Err(NoDocument::Busy);
        }
        let (told, outcome) = watch::channel(None);
        state.under_way.insert(url.clone(), UnderWay { outcome: outcome.clone(), is_known });
        let (documents, url) = (Arc::clone(self), url.clone());
        tokio::spawn(async move {
            let fetched = documents.fetch(&url, now).await;
            let outcome = documents.end(&url, fetched, now);
            // Nobody may be waiting any more.
            let _ = told.send(Some(outcome));
        });
        Ok(outcome)
    }

    /// Takes from the rates of the address's host, of who asks and of all, or from none. Those of clients that are known are
    /// others, whoever asks.
    fn may_fetch(&self, url: &ClientUrl, stranger: Option<IpAddr>, now: u64) -> bool {
        let host = Measure::Rate(Gcra::new(6, MINUTE, 6));
        let one = Measure::Rate(Gcra::new(10, MINUTE, 10));
        let strangers = Measure::Rate(Gcra::new(60, MINUTE, 30));
        let known = Measure::Rate(Gcra::new(240, MINUTE, 120));
        let (name, now) = (url.authority().as_bytes(), Moment(now.saturating_mul(SECOND)));
        let admitted = match stranger {
            None => self.fetches.admit(now, &[self.demand(0, name, &host), self.demand(1, b"", &known)]),
            Some(from) => {
                let from = Key::address(from).0;
                let demands =
                    [self.demand(2, name, &host), self.demand(3, &from, &one), self.demand(4, b"", &strangers)];
                self.fetches.admit(now, &demands)
            }
        };
        admitted.is_ok()
    }

    fn demand<'m>(&self, limit: u64, whom: &[u8], measure: &'m Measure) -> Demand<'m> {
        Demand { key: self.fetches.key(limit, [whom]), limit, measure, cost: 1 }
    }

    async fn fetch(&self, url: &ClientUrl, now: u64) -> Result<Kept, NoDocument> {
        let request =
            Request::builder().method(Method::GET).uri(url.as_str()).header(header::ACCEPT, "application/json");
        let request = request.body(Bytes::new()).map_err(|_| NoDocument::Unreachable)?;
        let answer = self.way_out.send(Errand::ClientDocument, request).await.map_err(|error| {
            // Why is for the operator: whoever sent us there would learn of our network from it.
            eprintln!("identity: the client at {}: {error}", url.as_str());
            NoDocument::Unreachable
        })?;
        if answer.status() != StatusCode::OK {
            return Err(NoDocument::Unreachable);
        }
        let client = document::read(url, answer.headers(), answer.body(), &self.rules)?;
        let client = StoredClient { client, secrets: Vec::new(), created: now, disabled: false, by_url: true };
        Ok(Kept { client: Arc::new(client), until: now + freshness::lifetime(answer.headers()), used: now })
    }

    /// Keeps what was fetched; what is no document is not kept (draft §5.2).
    fn end(&self, url: &ClientUrl, fetched: Result<Kept, NoDocument>, now: u64) -> Outcome {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.under_way.remove(url);
        state.kept.remove(url);
        let kept = fetched?;
        let client = Arc::clone(&kept.client);
        state.make_room(now);
        state.kept.insert(url.clone(), kept);
        Ok(client)
    }
}

enum Found {
    Kept(Arc<StoredClient>),
    UnderWay(watch::Receiver<Option<Outcome>>),
}

impl State {
    fn make_room(&mut self, now: u64) {
        if self.kept.len() >= CAPACITY {
            self.kept.retain(|_, kept| now < kept.until);
        }
        if self.kept.len() >= CAPACITY {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(url, _)| url.clone());
            oldest.map(|url| self.kept.remove(&url));
        }
    }
}
