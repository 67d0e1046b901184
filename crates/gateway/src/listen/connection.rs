//! HTTP on one connection, from its first byte to its last, and not longer than its signs of life allow.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite},
    sync::watch,
};

use super::{
    Peer,
    aside::Aside,
    frames::Frames,
    http1::{self, HeadLimits},
};
use crate::{
    body::Received,
    dress::spell_out,
    pipeline,
    stream::{Begun, Watched},
    watch::Pulse,
};

/// Turns true when the gateway stops.
pub(super) type Stop = watch::Receiver<bool>;

/// How long a connection of HTTP/1.1 waits for one more request once the gateway stops. Closed at once, it would cut
/// off a request that is on its way; the answer to that one says that there will be no other.
const LINGER: Duration = Duration::from_secs(2);

/// HTTP/2 windows of a stream and of a connection (limits: HTTP/2 windows).
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams reset by the peer before they were handled (limits: pending resets; CVE-2023-44487).
const PENDING_RESETS: usize = 20;
/// Streams reset by this side on the peer's errors before the connection is closed.
const LOCAL_RESETS: usize = 200;

/// Limits that the HTTP library checks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpLimits {
    header_count: usize,
    header_bytes: usize,
    target_bytes: usize,
    streams: u32,
}

impl From<&config::GlobalLimits> for HttpLimits {
    fn from(limits: &config::GlobalLimits) -> Self {
        Self {
            header_count: limits.header_count,
            header_bytes: limits.header_bytes,
            target_bytes: limits.target_bytes,
            streams: limits.http2_streams,
        }
    }
}

impl HttpLimits {
    fn head(&self) -> HeadLimits {
        HeadLimits { fields: self.header_count, field_bytes: self.header_bytes, target_bytes: self.target_bytes }
    }
}

/// Waits for the first byte: a connection that says nothing yet is not worth the buffers of one that does. Clients of
/// HTTP/2 send their preface first too (RFC 9113 §3.4).
async fn first_byte<S: AsyncRead + Unpin>(stream: &mut S, pulse: &Pulse, stop: &mut Stop) -> Option<u8> {
    let mut first = [0];
    let begun = tokio::select! {
        begun = stream.read(&mut first) => matches!(begun, Ok(1..)),
        () = pulse.expired() => false,
        () = left(stop, LINGER) => false,
    };
    if !begun {
        return None;
    }
    pulse.read();
    let [first] = first;
    Some(first)
}

/// Serves HTTP/1.1 on a connection until it ends, expires, or `stop` turns true and its requests are done.
pub(super) async fn serve_http1<S>(peer: Arc<Peer>, mut stream: Box<S>, limits: HttpLimits, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Arc::clone(&peer.pulse);
    let Some(first) = first_byte(&mut stream, &pulse, &mut stop).await else { return };
    let stream = Watched::new(stream, Arc::clone(&pulse));
    let leaving = Arc::new(AtomicBool::new(false));
    let connection = http1::serve(peer, first, stream, limits.head(), Arc::clone(&leaving));
    // Polled again right away, it sees that no other request is waited for.
    let leave = |_: Pin<&mut _>| leaving.store(true, Ordering::Relaxed);
    until_done(Box::pin(connection), &pulse, left(&mut stop, LINGER), leave).await;
}

/// Serves HTTP/2 on a connection until it ends, expires, or `stop` turns true and its requests are done.
pub(super) async fn serve_http2<S>(peer: Arc<Peer>, mut stream: Box<S>, limits: HttpLimits, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Arc::clone(&peer.pulse);
    let Some(first) = first_byte(&mut stream, &pulse, &mut stop).await else { return };
    let stream = Begun::new(first, stream);
    let io = TokioIo::new(Frames::new(Watched::new(stream, Arc::clone(&pulse))));
    let service = service_fn(move |request: Request<Incoming>| {
        let (parts, body) = request.into_parts();
        let (parts, gate, peer) = (Box::new(parts), peer.current.gate(), Arc::clone(&peer));
        async move {
            let mut answer = pipeline::handle(&gate, &peer, parts, Received::Http2(body), None).await?;
            spell_out(&mut answer);
            let (mut parts, body) = answer.into_parts();
            if let Some(record) = body.told() {
                record.spell_out(&mut parts.headers);
            }
            Ok::<_, Infallible>(Response::from_parts(parts, body))
        }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .serve_connection(io, service);
    // GOAWAY tells which requests are still taken, so that none is cut off.
    let shut_down = http2::Connection::graceful_shutdown;
    until_done(Box::pin(connection), &pulse, left(&mut stop, Duration::ZERO), shut_down).await;
}

/// The gateway stops, and this long ago.
async fn left(stop: &mut Stop, linger: Duration) {
    // Without a sender the gateway is gone.
    let _ = stop.wait_for(|stop| *stop).await;
    tokio::time::sleep(linger).await;
}

/// What ends a connection before it is done.
enum End {
    Expired,
    Left,
}

async fn until_done<C: Future>(
    mut connection: Pin<Box<C>>,
    pulse: &Pulse,
    left: impl Future<Output = ()>,
    shut_down: impl Fn(Pin<&mut C>),
) {
    let end = pin!(async {
        tokio::select! {
            () = pulse.expired() => End::Expired,
            () = left => End::Left,
        }
    });
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        end = Aside::new(end) => match end {
            End::Expired => return,
            End::Left => shut_down(connection.as_mut()),
        },
    }
    tokio::select! {
        _ = connection => {}
        () = pulse.expired() => {}
    }
}
