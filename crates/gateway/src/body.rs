//! Bodies on their way through: never held as a whole, always counted.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::header;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::{
    runtime::Handle,
    time::{Instant, Sleep},
};

use crate::{
    dress::Security,
    listen::Pull,
    record::Record,
    upstream::{Broken, PooledBody},
};

/// Time before the minimum rate of a request body counts (limits: body minimum rate).
const RATE_GRACE: Duration = Duration::from_secs(5);

/// Why a request body ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyFault {
    /// More bytes than its route takes.
    #[error("the body is larger than its route takes")]
    TooLarge,
    /// Fewer bytes a second than asked.
    #[error("the body came too slowly")]
    TooSlow,
    /// The client broke off, or its framing is wrong.
    #[error("the body broke off")]
    Broke,
}

impl BodyFault {
    /// The fault of a request's body in the chain of the error that it caused.
    pub(crate) fn behind(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(current) = cause {
            if let Some(fault) = current.downcast_ref::<Self>() {
                return Some(*fault);
            }
            cause = current.source();
        }
        None
    }
}

/// What is read, and for how long, of a request body that nobody wants: so that its sender gets to see the answer
/// (RFC 9112 §9.6: closing on unread data resets the connection, and the answer is lost with it; a reset stream of
/// HTTP/2 is no better for clients that stop reading there).
pub(crate) const DRAIN_BYTES: usize = 4 * 1024 * 1024;
pub(crate) const DRAIN_TIME: Duration = Duration::from_secs(5);

/// A request's body as its connection gives it.
#[derive(Debug)]
pub(crate) enum Received {
    Nothing,
    /// The connection itself reads the rest of a body that nobody wants.
    Http1(Pull),
    Http2(Incoming),
}

impl Body for Received {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        match &mut *self {
            Self::Nothing => Poll::Ready(None),
            Self::Http1(pull) => Pin::new(pull).poll_frame(cx),
            Self::Http2(incoming) => {
                Pin::new(incoming).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(|_| BodyFault::Broke)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Http1(pull) => pull.is_end_stream(),
            Self::Http2(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Http1(pull) => pull.size_hint(),
            Self::Http2(incoming) => incoming.size_hint(),
        }
    }
}

/// A request body: counted against its route's limit, timed, without trailers.
#[derive(Debug)]
pub(crate) struct Inbound {
    inner: Received,
    /// A stream that waits for 100 (Continue) sends nothing that could be drained.
    drained: bool,
    left: u64,
    received: u64,
    minimum_rate: u64,
    pace: Option<Pace>,
    /// Turns true when all of it was taken.
    ended: Option<Arc<AtomicBool>>,
    /// A body that was read already, whole and within its limits.
    held: Option<Bytes>,
}

/// The clock of a body that did not come all at once.
#[derive(Debug)]
struct Pace {
    started: Instant,
    check: Pin<Box<Sleep>>,
}

impl Inbound {
    /// The body of a request; nothing of it may pass until its route is known.
    pub(crate) fn of(parts: &http::request::Parts, inner: Received) -> Self {
        let drained = !parts.headers.contains_key(header::EXPECT);
        Self { inner, drained, left: 0, received: 0, minimum_rate: 0, pace: None, ended: None, held: None }
    }

    /// No body.
    pub(crate) fn none() -> Self {
        Self {
            inner: Received::Nothing,
            drained: false,
            left: 0,
            received: 0,
            minimum_rate: 0,
            pace: None,
            ended: None,
            held: None,
        }
    }

    /// A body that was read whole.
    pub(crate) fn held(bytes: Bytes) -> Self {
        let mut body = Self::none();
        body.held = Some(bytes).filter(|bytes| !bytes.is_empty());
        body
    }

    /// The body, if it was read whole before.
    pub(crate) fn take_held(&mut self) -> Option<Bytes> {
        self.held.take()
    }

    /// Lets `max_body` bytes pass, at `minimum_rate` bytes a second or faster.
    pub(crate) fn within(mut self, max_body: u64, minimum_rate: u64) -> Self {
        self.left = max_body;
        self.minimum_rate = minimum_rate;
        self
    }

    /// What turns true when all of it was taken.
    pub(crate) fn tell_end(&mut self) -> Arc<AtomicBool> {
        Arc::clone(self.ended.get_or_insert_default())
    }

    fn end(&self) {
        if let Some(ended) = &self.ended {
            ended.store(true, Ordering::Relaxed);
        }
    }

    /// Waiting for the client: sets the clock, and refuses once the rate is too low.
    fn poll_pace(&mut self, cx: &mut Context<'_>) -> Result<(), BodyFault> {
        let pace = self.pace.get_or_insert_with(|| {
            let started = Instant::now();
            Pace { started, check: Box::pin(tokio::time::sleep_until(started + RATE_GRACE)) }
        });
        while pace.check.as_mut().poll(cx).is_ready() {
            let expected = pace.started.elapsed().as_secs().saturating_mul(self.minimum_rate);
            if self.received < expected {
                return Err(BodyFault::TooSlow);
            }
            let next = Instant::now() + Duration::from_secs(1);
            pace.check.as_mut().reset(next);
        }
        Ok(())
    }
}

impl Body for Inbound {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if let Some(bytes) = self.held.take() {
            self.end();
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_pending() {
            return match self.poll_pace(cx) {
                Ok(()) => Poll::Pending,
                Err(fault) => Poll::Ready(Some(Err(fault))),
            };
        }
        let Some(frame) = ready!(polled) else {
            self.end();
            return Poll::Ready(None);
        };
        let Ok(data) = frame?.into_data() else {
            // Trailers could name fields that were decided upon already; they end here.
            self.end();
            return Poll::Ready(None);
        };
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(length);
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => return Poll::Ready(Some(Err(BodyFault::TooLarge))),
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(bytes) = &self.held {
            return SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        }
        self.inner.size_hint()
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if self.is_end_stream() {
            // A body whose length is reached is not asked for its end.
            self.end();
        }
        if let Received::Http2(rest) = std::mem::replace(&mut self.inner, Received::Nothing)
            && self.drained
            && !rest.is_end_stream()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(tokio::time::timeout(DRAIN_TIME, drain(rest)));
        }
    }
}

async fn drain(mut rest: Incoming) {
    let mut drained = 0;
    while let Some(Ok(frame)) = rest.frame().await {
        drained += frame.data_ref().map_or(0, Bytes::len);
        if drained > DRAIN_BYTES {
            return;
        }
    }
}

/// A response body. When it ends, or is dropped before, its record is written.
pub(crate) struct Outbound {
    source: Source,
    record: Option<Box<Record>>,
    security: Security,
}

enum Source {
    Full(Option<Bytes>),
    Upstream(PooledBody),
    /// What was read of an answer already, and the rest of it. Boxed, as it is rare: other answers are smaller for it.
    Begun(Box<(Option<Bytes>, PooledBody)>),
}

impl Outbound {
    fn of(source: Source) -> Self {
        Self { source, record: None, security: Security::InTable }
    }

    /// A body of Portcullis' own.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self::of(Source::Full(Some(bytes).filter(|b| !b.is_empty())))
    }

    /// No body.
    pub(crate) fn empty() -> Self {
        Self::of(Source::Full(None))
    }

    /// A body that an upstream sends.
    pub(crate) fn upstream(body: PooledBody) -> Self {
        Self::of(Source::Upstream(body))
    }

    /// A body of which some was read already.
    pub(crate) fn begun(first: Bytes, rest: PooledBody) -> Self {
        Self::of(Source::Begun(Box::new((Some(first), rest))))
    }

    /// Leaves it to whoever writes the head to add the fields that every answer has.
    pub(crate) fn leave_security(&mut self) {
        self.security = Security::Due;
    }

    /// Whether they are still to be added, for whoever does so now.
    pub(crate) fn take_security(&mut self) -> Security {
        std::mem::replace(&mut self.security, Security::InTable)
    }

    /// Ties it to the record that is written at the end.
    pub(crate) fn record(&mut self, record: Box<Record>) {
        self.record = Some(record);
    }

    /// What is known of the request that it answers, of which some is told in fields beside the answer's table.
    pub(crate) fn told(&self) -> Option<&Record> {
        self.record.as_deref()
    }
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = match &mut self.source {
            Source::Full(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Upstream(body) => Pin::new(body).poll_frame(cx),
            Source::Begun(begun) => match begun.0.take() {
                Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
                None => Pin::new(&mut begun.1).poll_frame(cx),
            },
        };
        if let (Poll::Ready(Some(Ok(frame))), Some(record)) = (&polled, &mut self.record) {
            record.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Full(bytes) => bytes.is_none(),
            Source::Upstream(body) => body.is_end_stream(),
            Source::Begun(begun) => begun.0.is_none() && begun.1.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Full(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| u64::try_from(b.len()).unwrap_or(u64::MAX)))
            }
            Source::Upstream(body) => body.size_hint(),
            // Its Content-Length, if it has one, is passed on.
            Source::Begun(..) => SizeHint::default(),
        }
    }
}
