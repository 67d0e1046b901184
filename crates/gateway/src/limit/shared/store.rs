//! The store: whether it answers, and what it grants.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use config::SharedLimits;
use limits::{Ask, Grant};
use redis::{Script, aio::MultiplexedConnection};
use tokio::{sync::watch, task::AbortHandle};

use super::{
    connection::Door,
    rule::{Counted, SharedRule},
};
use crate::upstream::ConnectorError;

/// A store that takes longer counts as gone: requests wait for it.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);
/// How often it is asked whether it is there, and how soon again after it was gone.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long the first requests after a start wait for the first connection.
const FIRST_CONNECTION: Duration = Duration::from_secs(1);

/// The same arithmetic as in the `limits` crate, and its use on the store's keys.
const SCRIPT: &str = concat!(include_str!("arithmetic.lua"), include_str!("grant.lua"));

/// Whether the store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoreState {
    /// Nobody knows yet.
    Starting,
    Up,
    Gone,
}

/// The store of shared limits. Dropped, it is left.
pub(super) struct Store {
    inner: Arc<Inner>,
    keeper: AbortHandle,
}

struct Inner {
    script: Script,
    connection: Mutex<Option<MultiplexedConnection>>,
    state: watch::Sender<StoreState>,
    asked: AtomicU64,
    failed: AtomicU64,
}

impl Drop for Store {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Store {
    /// Connects, in the background and again whenever the store was gone. Must be called within a runtime that lasts.
    pub(super) fn start(limits: &SharedLimits) -> Result<Self, ConnectorError> {
        let door = Door::new(limits)?;
        let inner = Arc::new(Inner {
            script: Script::new(SCRIPT),
            connection: Mutex::default(),
            state: watch::Sender::new(StoreState::Starting),
            asked: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let keeper = tokio::spawn(Arc::clone(&inner).keep(door)).abort_handle();
        Ok(Self { inner, keeper })
    }

    pub(super) fn state(&self) -> StoreState {
        *self.inner.state.borrow()
    }

    /// The state, once the first connection was made or was not.
    pub(super) async fn wait_until_known(&self) -> StoreState {
        let mut state = self.inner.state.subscribe();
        let known = state.wait_for(|state| *state != StoreState::Starting);
        match tokio::time::timeout(FIRST_CONNECTION, known).await {
            Ok(Ok(known)) => *known,
            Ok(Err(_)) | Err(_) => StoreState::Gone,
        }
    }

    /// Asks for requests of a caller. `None`: the store is gone.
    pub(super) async fn grant(&self, rule: &SharedRule, key: &str, ask: Ask) -> Option<Grant> {
        self.inner.grant(rule, key, ask).await
    }

    /// Questions so far, and those without an answer.
    pub(super) fn asked(&self) -> (u64, u64) {
        (self.inner.asked.load(Ordering::Relaxed), self.inner.failed.load(Ordering::Relaxed))
    }
}

impl Inner {
    /// Connects, watches the connection, and connects again.
    async fn keep(self: Arc<Self>, door: Door) {
        loop {
            if let Ok(mut connection) = door.open().await
                && self.script.load_async(&mut connection).await.is_ok()
            {
                self.set(Some(connection.clone()));
                self.watch(connection).await;
            }
            self.set(None);
            tokio::time::sleep(HEARTBEAT).await;
        }
    }

    /// Returns when the store is gone.
    async fn watch(&self, mut connection: MultiplexedConnection) {
        let mut state = self.state.subscribe();
        loop {
            tokio::select! {
                // A question without an answer says so before the next heartbeat does.
                _ = state.wait_for(|state| *state == StoreState::Gone) => return,
                () = tokio::time::sleep(HEARTBEAT) => {}
            }
            let ping = redis::cmd("PING");
            let alive = tokio::time::timeout(HEARTBEAT, ping.query_async::<()>(&mut connection)).await;
            if !matches!(alive, Ok(Ok(()))) {
                return;
            }
        }
    }

    fn set(&self, connection: Option<MultiplexedConnection>) {
        let state = if connection.is_some() { StoreState::Up } else { StoreState::Gone };
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
        self.state.send_replace(state);
    }

    async fn grant(&self, rule: &SharedRule, key: &str, ask: Ask) -> Option<Grant> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut connection = connection?;
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut call = self.script.key(key);
        let unit = match rule.counted {
            Counted::Rate => {
                let gcra = rule.slicing.gcra();
                let (least, want) = (rule.slicing.units(ask.least), rule.slicing.units(ask.want));
                call.arg("rate").arg(gcra.emission()).arg(gcra.tolerance()).arg(least).arg(want);
                rule.slicing.unit()
            }
            Counted::Quota { requests, carry_over, period } => {
                call.arg("quota").arg(period).arg(requests).arg(carry_over).arg(ask.least).arg(ask.want);
                1
            }
        };
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, call.invoke_async::<(u64, u64, u64)>(&mut connection)).await;
        if let Ok(Ok((granted, left, wait))) = answer {
            let (granted, remaining) = (granted.saturating_mul(unit), left.saturating_mul(unit));
            return Some(Grant { granted, remaining, wait });
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.state.send_replace(StoreState::Gone);
        None
    }
}
