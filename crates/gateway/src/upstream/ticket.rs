//! A request's place at an upstream, and its seat at one of the servers; both are given back when it is dropped.

use std::sync::{Arc, atomic::Ordering};

use http::StatusCode;

use super::{Pool, balance::Choice, places::Place};

/// Held from before a server is chosen until the answer has ended.
pub(super) struct Ticket {
    pool: Arc<Pool>,
    /// There until it is given back.
    place: Option<Place>,
    seat: Option<Choice>,
}

impl Ticket {
    /// A place, if the upstream has one at once.
    pub(super) fn enter(pool: &Arc<Pool>, client: u64) -> Option<Self> {
        Some(Self::with(pool, pool.group.places.enter(client)?))
    }

    /// A place, if one comes free in time.
    pub(super) async fn wait(pool: &Arc<Pool>, client: u64) -> Option<Self> {
        let place = pool.group.places.wait(client).await;
        if place.is_none() {
            pool.group.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
        Some(Self::with(pool, place?))
    }

    fn with(pool: &Arc<Pool>, place: Place) -> Self {
        Self { pool: Arc::clone(pool), place: Some(place), seat: None }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Where the request is.
    pub(super) fn at(&self) -> Option<usize> {
        self.seat.map(|seat| seat.at)
    }

    /// Takes a seat at a server, after giving up the one before.
    pub(super) fn sit(&mut self, choice: Choice) {
        self.stand_up();
        let roster = &self.pool.group.roster;
        if roster.counts_requests()
            && let Some(seat) = roster.seat(choice.at)
        {
            seat.taken.fetch_add(1, Ordering::Relaxed);
        }
        self.seat = Some(choice);
    }

    /// The server answered.
    pub(super) fn answered(&mut self, status: StatusCode) {
        if let Some(choice) = self.seat {
            self.pool.group.answered(choice, status);
            self.end_trial();
        }
    }

    /// The server did not.
    pub(super) fn failed(&mut self) {
        if let Some(choice) = self.seat {
            self.pool.group.failed(choice);
            self.end_trial();
        }
    }

    fn end_trial(&mut self) {
        let Some(choice) = self.seat.as_mut().filter(|choice| choice.trial) else { return };
        choice.trial = false;
        if let Some(seat) = self.pool.group.roster.seat(choice.at) {
            seat.standing.end_trial();
        }
    }

    fn stand_up(&mut self) {
        self.end_trial();
        let (roster, left) = (&self.pool.group.roster, self.seat.take());
        if roster.counts_requests()
            && let Some(seat) = left.and_then(|choice| roster.seat(choice.at))
        {
            seat.taken.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.stand_up();
        if let Some(place) = self.place.take() {
            self.pool.group.places.leave(place);
        }
    }
}
