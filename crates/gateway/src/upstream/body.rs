//! A response body that gives its connection back when it has ended.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{line::Line, ticket::Ticket};

/// A response body from a pooled connection. Dropped before its end, it takes the connection with it. Its request counts
/// as under way until it is dropped.
pub(crate) struct PooledBody {
    inner: Incoming,
    /// `None` where the connection is shared.
    line: Option<Line>,
    ticket: Ticket,
}

impl PooledBody {
    pub(super) fn new(inner: Incoming, line: Option<Line>, ticket: Ticket) -> Self {
        Self { inner, line, ticket }
    }

    fn give_back(&mut self) {
        if let (Some(line), Some(at)) = (self.line.take(), self.ticket.at()) {
            self.ticket.pool().put_back(at, line);
        }
    }
}

impl Body for PooledBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) {
            self.give_back();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for PooledBody {
    fn drop(&mut self) {
        // hyper stops polling a body whose length is reached, so its end is seen here.
        if self.inner.is_end_stream() {
            self.give_back();
        }
    }
}
