//! A connection to an HTTP/1.1 server, and how much it may say before it answers.
//!
//! The HTTP library reads interim answers (1xx) for as long as they come and keeps none. A server that sends nothing
//! else would hold a worker's attention until the time for its answer is over.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1::SendRequest},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::resolve::Reached;
use crate::body::Inbound;

/// Bytes of an answer that the library holds before someone takes them, so that they also bound its head.
pub(super) const READ_AHEAD: usize = 64 * 1024;

/// Bytes before the end of an answer's head. The library may have read ahead into the body by then: its buffer twice,
/// which is less.
const MOST: usize = 4 * READ_AHEAD;

/// Bytes that a server may still send.
#[derive(Debug)]
pub(super) struct Room(AtomicUsize);

impl Room {
    const UNLIMITED: usize = usize::MAX;

    fn set(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Uses room up; whether it sufficed.
    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| if left == Self::UNLIMITED { Some(left) } else { left.checked_sub(bytes) };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

/// A connection that takes one request at a time.
pub(super) struct Line {
    sender: SendRequest<Inbound>,
    room: Arc<Room>,
    reached: Reached,
    heard: bool,
}

impl Line {
    pub(super) fn new(sender: SendRequest<Inbound>, room: Arc<Room>, reached: Reached) -> Self {
        Self { sender, room, reached, heard: false }
    }

    /// Where it leads.
    pub(super) fn reached(&self) -> Reached {
        self.reached
    }

    /// Whether any byte came back for the last request.
    pub(super) fn heard(&self) -> bool {
        self.heard
    }

    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends a request; gives it back if nothing of it was sent.
    pub(super) async fn try_send(
        &mut self,
        request: Request<Inbound>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Inbound>>> {
        self.room.set(MOST);
        let answered = self.sender.try_send_request(request).await;
        self.heard = self.room.left() != MOST;
        self.room.set(Room::UNLIMITED);
        answered
    }
}

/// A stream that breaks once its room is used up.
pub(super) struct Bounded<S> {
    inner: S,
    room: Arc<Room>,
}

impl<S> Bounded<S> {
    pub(super) fn new(inner: S) -> (Self, Arc<Room>) {
        let room = Arc::new(Room(AtomicUsize::new(Room::UNLIMITED)));
        (Self { inner, room: Arc::clone(&room) }, room)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        if self.room.take(buffer.filled().len() - before) {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "no answer among many interim ones")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
