//! A response body that gives its connection back when it has ended.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{Line, Pool};

/// A response body from a pooled connection. Dropped before its end, it takes the connection with it.
pub(crate) struct PooledBody {
    inner: Incoming,
    lease: Option<Lease>,
}

struct Lease {
    line: Line,
    pool: Arc<Pool>,
    server: usize,
}

impl PooledBody {
    pub(super) fn http1(inner: Incoming, line: Line, pool: Arc<Pool>, server: usize) -> Self {
        Self { inner, lease: Some(Lease { line, pool, server }) }
    }

    pub(super) fn http2(inner: Incoming) -> Self {
        Self { inner, lease: None }
    }

    fn give_back(&mut self) {
        if let Some(Lease { line, pool, server }) = self.lease.take() {
            pool.put_back(server, line);
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
