//! A request's body, between the connection it comes on and whoever reads it: a piece at a time, and only when it is asked
//! for.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::body::BodyFault;

/// The reader's end.
#[derive(Debug)]
pub(crate) struct Pull {
    exchange: Arc<Mutex<Exchange>>,
    /// Bytes that are to come, where that is known.
    left: Option<u64>,
    over: bool,
}

/// The connection's end.
#[derive(Debug)]
pub(super) struct Push(Arc<Mutex<Exchange>>);

#[derive(Debug, Default)]
struct Exchange {
    state: State,
    /// The connection has gone, and gives nothing more.
    ended: bool,
    reader: Option<Waker>,
    connection: Option<Waker>,
}

#[derive(Debug, Default)]
enum State {
    /// Nobody waits for anything.
    #[default]
    Quiet,
    Asked,
    /// The next piece; `None` for the end.
    Given(Option<Result<Bytes, BodyFault>>),
    /// The reader has gone.
    Left,
}

/// What the reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Piece,
    /// Nobody will read what is to come.
    Nothing,
}

/// Both ends of a body, of this length if that is known.
pub(super) fn body(length: Option<u64>) -> (Push, Pull) {
    let exchange = Arc::<Mutex<Exchange>>::default();
    (Push(Arc::clone(&exchange)), Pull { exchange, left: length, over: false })
}

fn lock(exchange: &Mutex<Exchange>) -> MutexGuard<'_, Exchange> {
    exchange.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Push {
    /// Ready once the reader wants something.
    pub(super) fn poll_wish(&self, cx: &mut Context<'_>) -> Poll<Wish> {
        let mut exchange = lock(&self.0);
        match exchange.state {
            State::Asked => Poll::Ready(Wish::Piece),
            State::Left => Poll::Ready(Wish::Nothing),
            State::Quiet | State::Given(_) => {
                if !exchange.connection.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    exchange.connection = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Gives the piece that was asked for; `None` for the end. A reader in the same task is not woken: whoever gives asks
    /// it next.
    pub(super) fn give(&self, piece: Option<Result<Bytes, BodyFault>>, cx: &Context<'_>) {
        let mut exchange = lock(&self.0);
        if matches!(exchange.state, State::Left) {
            return;
        }
        exchange.state = State::Given(piece);
        let reader = exchange.reader.take().filter(|reader| !reader.will_wake(cx.waker()));
        drop(exchange);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for Push {
    /// A connection that ends takes the rest of its body with it.
    fn drop(&mut self) {
        let mut exchange = lock(&self.0);
        exchange.ended = true;
        let reader = exchange.reader.take();
        drop(exchange);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Body for Pull {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let mut exchange = lock(&this.exchange);
        match std::mem::replace(&mut exchange.state, State::Asked) {
            State::Given(piece) => {
                exchange.state = State::Quiet;
                match &piece {
                    Some(Ok(data)) => {
                        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                        this.left = this.left.map(|left| left.saturating_sub(length));
                    }
                    Some(Err(_)) | None => this.over = true,
                }
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
            State::Quiet | State::Asked | State::Left if exchange.ended => {
                this.over = true;
                Poll::Ready(Some(Err(BodyFault::Broke)))
            }
            State::Quiet | State::Asked | State::Left => {
                if !exchange.reader.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    exchange.reader = Some(cx.waker().clone());
                }
                // In the same task, the connection looks for wishes whenever this waits.
                let connection = exchange.connection.take().filter(|waker| !waker.will_wake(cx.waker()));
                drop(exchange);
                if let Some(connection) = connection {
                    connection.wake();
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        match self.left {
            Some(left) => SizeHint::with_exact(left),
            None if self.over => SizeHint::with_exact(0),
            None => SizeHint::default(),
        }
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        let mut exchange = lock(&self.exchange);
        exchange.state = State::Left;
        if let Some(connection) = exchange.connection.take() {
            connection.wake();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn wish(push: &Push) -> Option<Wish> {
        match push.poll_wish(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(wish) => Some(wish),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn pieces_come_when_they_are_asked_for() {
        let (push, mut pull) = body(None);
        assert_eq!(wish(&push), None);
        let reader = tokio::spawn(async move {
            let mut pieces = Vec::new();
            while let Some(piece) = pull.frame().await {
                pieces.push(piece.unwrap().into_data().unwrap());
            }
            (pieces, pull)
        });
        for piece in [Some(Ok(Bytes::from_static(b"a"))), Some(Ok(Bytes::from_static(b"b"))), None] {
            std::future::poll_fn(|cx| push.poll_wish(cx)).await;
            push.give(piece, &Context::from_waker(Waker::noop()));
        }
        let (pieces, pull) = reader.await.unwrap();
        assert_eq!(pieces, ["a", "b"]);
        assert!(pull.is_end_stream());
        drop(pull);
        assert_eq!(wish(&push), Some(Wish::Nothing));
    }

    #[tokio::test]
    async fn a_body_of_known_length_ends_with_its_last_byte() {
        let (push, mut pull) = body(Some(3));
        assert_eq!(pull.size_hint().exact(), Some(3));
        push.give(Some(Ok(Bytes::from_static(b"abc"))), &Context::from_waker(Waker::noop()));
        drop(push);
        assert!(pull.frame().await.unwrap().is_ok() && pull.is_end_stream());
        assert!(pull.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_connection_that_ends_breaks_its_body_off() {
        let (push, mut pull) = body(Some(3));
        push.give(Some(Ok(Bytes::from_static(b"ab"))), &Context::from_waker(Waker::noop()));
        drop(push);
        assert!(pull.frame().await.unwrap().is_ok());
        assert_eq!(pull.frame().await.unwrap().unwrap_err(), BodyFault::Broke);
        assert!(pull.frame().await.is_none());
    }
}
