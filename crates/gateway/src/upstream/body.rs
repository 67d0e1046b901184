//! A response body that gives its connection back when it has ended.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    http1::{Broken, Connection},
    ticket::Ticket,
};

/// A response body from a pooled connection. Dropped before its end, it takes the connection with it. Its request counts
/// as under way until it is dropped.
pub(crate) struct PooledBody {
    source: Source,
    ticket: Ticket,
}

/// Where a body comes from.
pub(super) enum Source {
    /// A connection of its own; `None` once it was given back.
    Own(Option<Box<Connection>>),
    /// A stream of a connection that others share.
    Shared(Box<Incoming>),
}

impl PooledBody {
    pub(super) fn new(source: Source, ticket: Ticket) -> Self {
        Self { source, ticket }
    }

    /// The connection itself, after an answer that switched to another protocol.
    pub(crate) fn into_tunnel(mut self) -> Option<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
        match &mut self.source {
            Source::Own(connection) => connection.take()?.into_tunnel(),
            Source::Shared(_) => None,
        }
    }

    fn give_back(&mut self) {
        if let Source::Own(connection) = &mut self.source
            && let (Some(connection), Some(at)) = (connection.take(), self.ticket.at())
        {
            self.ticket.pool().put_back(at, connection);
        }
    }
}

impl Body for PooledBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = match &mut self.source {
            Source::Own(None) => return Poll::Ready(None),
            Source::Own(Some(connection)) => ready!(connection.poll_data(cx)).map(|data| data.map(Frame::data)),
            Source::Shared(incoming) => {
                ready!(Pin::new(incoming.as_mut()).poll_frame(cx)).map(|frame| frame.map_err(Broken::from))
            }
        };
        if self.is_end_stream() {
            self.give_back();
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(connection) => connection.as_ref().is_none_or(|connection| connection.is_over()),
            Source::Shared(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(connection) => connection.as_ref().map_or(SizeHint::with_exact(0), |own| own.size_hint()),
            Source::Shared(incoming) => incoming.size_hint(),
        }
    }
}

impl Drop for PooledBody {
    fn drop(&mut self) {
        // A body without bytes is never asked for them.
        if self.is_end_stream() {
            self.give_back();
        }
    }
}
