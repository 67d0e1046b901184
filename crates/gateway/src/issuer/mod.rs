//! Key sets of issuers: fetched once, refreshed ahead, served stale with a bound, read without a lock.

mod address;
mod discovery;
mod fetch;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use config::{Issuer, IssuerKeys, IssuerName};
use jose::JwkSet;
use tokio::sync::Mutex;

pub use fetch::{send_out, send_to_stranger};

use crate::{resident::Resident, watch::unix_now};

/// Seconds between two fetches that callers can cause (limits: issuer's JWKS endpoint).
const COOL_DOWN: u64 = 30;
/// Keys older than this are fetched anew in the background.
const REFRESH_AHEAD: Duration = Duration::from_mins(5);
/// Keys serve this many seconds after their last successful fetch.
const STALE_LIMIT: u64 = 24 * 60 * 60;

/// Keys of one issuer at one time.
#[derive(Debug)]
pub(crate) struct KeySnapshot {
    /// The keys.
    pub(crate) keys: JwkSet,
    /// Counts changes, so that results under older keys are recognised.
    pub(crate) epoch: u64,
    fetched: u64,
    text: Vec<u8>,
}

/// The key sets of all issuers, shared by all workers.
pub(crate) struct KeySets(BTreeMap<IssuerName, Arc<KeySet>>);

struct KeySet {
    issuer: Arc<Issuer>,
    /// Where keys come from that never leave the process.
    resident: Option<Arc<dyn Resident>>,
    current: ArcSwapOption<KeySnapshot>,
    /// Unix seconds of the last fetch that was begun.
    attempted: AtomicU64,
    fetching: Arc<Mutex<()>>,
}

impl KeySets {
    /// Takes keys that are at hand, and begins to fetch the others. Must be called within a tokio runtime.
    ///
    /// An issuer whose keys come from the same place as before a reload keeps what was fetched, and its cool-down.
    pub(crate) fn start(
        issuers: &BTreeMap<IssuerName, Arc<Issuer>>,
        resident: Option<&Arc<dyn Resident>>,
        previous: Option<&Self>,
    ) -> Arc<Self> {
        let kept = |name: &IssuerName, issuer: &Issuer| {
            let set = previous?.0.get(name)?;
            set.has_source_of(issuer).then(|| Arc::clone(set))
        };
        let set = |(name, issuer): (&IssuerName, &Arc<Issuer>)| {
            (name.clone(), kept(name, issuer).unwrap_or_else(|| Arc::new(KeySet::new(issuer, resident))))
        };
        let sets = issuers.iter().map(set).collect();
        let sets = Arc::new(Self(sets));
        for name in sets.0.iter().filter(|(_, set)| set.is_remote()).map(|(name, _)| name.clone()) {
            let sets = Arc::downgrade(&sets);
            tokio::spawn(async move {
                while let Some(sets) = sets.upgrade() {
                    if let Some(set) = sets.0.get(&name) {
                        set.fetch_once_each_cool_down().await;
                    }
                    drop(sets);
                    tokio::time::sleep(REFRESH_AHEAD).await;
                }
            });
        }
        sets
    }

    /// The epoch of an issuer's keys, if they may be used.
    pub(crate) fn epoch(&self, name: &IssuerName) -> Option<u64> {
        Some(self.0.get(name)?.usable()?.epoch)
    }

    /// An issuer's keys; fetched now if there are none, within the cool-down.
    pub(crate) async fn current(&self, name: &IssuerName) -> Option<Arc<KeySnapshot>> {
        let set = self.0.get(name)?;
        if let Some(keys) = set.usable() {
            return Some(keys);
        }
        set.fetch_once_each_cool_down().await;
        set.usable()
    }

    /// An issuer's keys after a token named one that is not among them: at most one fetch a cool-down, whoever asks.
    pub(crate) async fn refresh_for_unknown_key(&self, name: &IssuerName) -> Option<Arc<KeySnapshot>> {
        let set = self.0.get(name)?;
        set.fetch_once_each_cool_down().await;
        set.usable()
    }
}

impl KeySet {
    fn new(issuer: &Arc<Issuer>, resident: Option<&Arc<dyn Resident>>) -> Self {
        let at_hand = match &issuer.keys {
            IssuerKeys::Static(keys) => Some(keys.clone()),
            IssuerKeys::Secret(secret) => JwkSet::from_hmac_secret(secret).ok(),
            IssuerKeys::Discovery(_) | IssuerKeys::JwksUri(_) | IssuerKeys::Resident => None,
        };
        let resident = match issuer.keys {
            IssuerKeys::Resident => resident.map(Arc::clone),
            IssuerKeys::Discovery(_) | IssuerKeys::JwksUri(_) | IssuerKeys::Static(_) | IssuerKeys::Secret(_) => None,
        };
        let snapshot = |keys| Arc::new(KeySnapshot { keys, epoch: 0, fetched: u64::MAX, text: Vec::new() });
        Self {
            issuer: Arc::clone(issuer),
            resident,
            current: ArcSwapOption::from(at_hand.map(snapshot)),
            attempted: AtomicU64::new(0),
            fetching: Arc::default(),
        }
    }

    fn has_source_of(&self, issuer: &Issuer) -> bool {
        match (&self.issuer.keys, &issuer.keys) {
            (IssuerKeys::Discovery(one), IssuerKeys::Discovery(other))
            | (IssuerKeys::JwksUri(one), IssuerKeys::JwksUri(other)) => one == other,
            // What comes with the configuration is taken from it anew.
            _ => false,
        }
    }

    fn is_remote(&self) -> bool {
        matches!(self.issuer.keys, IssuerKeys::Discovery(_) | IssuerKeys::JwksUri(_))
    }

    fn usable(&self) -> Option<Arc<KeySnapshot>> {
        if let Some(resident) = &self.resident {
            return Some(self.of_resident(resident.as_ref()));
        }
        self.current.load_full().filter(|keys| keys.fetched.saturating_add(STALE_LIMIT) > unix_now())
    }

    /// The resident's keys, taken anew when they have changed.
    fn of_resident(&self, resident: &dyn Resident) -> Arc<KeySnapshot> {
        // Read before the keys: a change in between is seen the next time.
        let epoch = resident.keys_epoch();
        if let Some(current) = self.current.load_full().filter(|current| current.epoch == epoch) {
            return current;
        }
        let taken = Arc::new(KeySnapshot { keys: resident.keys(), epoch, fetched: u64::MAX, text: Vec::new() });
        self.current.store(Some(Arc::clone(&taken)));
        taken
    }

    /// One fetch at a time; whoever comes during one waits for its result, whoever comes soon after gets the old one.
    async fn fetch_once_each_cool_down(self: &Arc<Self>) {
        let before = self.attempted.load(Ordering::Acquire);
        let turn = Arc::clone(&self.fetching).lock_owned().await;
        let now = unix_now();
        let attempted = self.attempted.load(Ordering::Acquire);
        if !self.is_remote() || attempted != before || now < attempted.saturating_add(COOL_DOWN) {
            return;
        }
        self.attempted.store(now, Ordering::Release);
        let set = Arc::clone(self);
        // In a task of its own: the caller may leave, and the cool-down has begun for everybody.
        let fetched = tokio::spawn(async move {
            let _turn = turn;
            match fetch::keys(&set.issuer).await {
                Ok(text) => set.replace(text, now),
                Err(error) => eprintln!("portcullis: keys of issuer `{}`: {error}", set.issuer.name.0),
            }
        });
        // A fetch that panicked leaves the keys as they were.
        let _ = fetched.await;
    }

    fn replace(&self, text: Vec<u8>, now: u64) {
        let keys = match JwkSet::parse(&text) {
            Ok(keys) => keys,
            Err(error) => {
                eprintln!("portcullis: keys of issuer `{}`: {error}", self.issuer.name.0);
                return;
            }
        };
        let epoch = match self.current.load_full() {
            Some(old) if old.text == text => old.epoch,
            Some(old) => old.epoch + 1,
            None => 1,
        };
        self.current.store(Some(Arc::new(KeySnapshot { keys, epoch, fetched: now, text })));
    }
}
