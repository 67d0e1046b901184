//! HTTP on one connection, from its first byte to its last, and not longer than its signs of life allow.

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::watch,
};

use super::Peer;
use crate::{pipeline, stream::Watched, watch::Pulse};

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

/// Serves a connection until it ends, expires, or `stop` turns true and its requests are done.
pub(super) async fn serve<S>(
    peer: Arc<Peer>,
    stream: S,
    multiplexed: bool,
    limits: &HttpLimits,
    stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let pulse = Arc::clone(&peer.pulse);
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&pulse)));
    let service = service_fn(move |request| {
        let answer = pipeline::handle(peer.current.gate(), Arc::clone(&peer), request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    if multiplexed {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .max_local_error_reset_streams(LOCAL_RESETS)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        until_done(connection.as_mut(), &pulse, stop, hyper::server::conn::http2::Connection::graceful_shutdown).await;
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .half_close(false)
            .header_read_timeout(None)
            .max_headers(limits.header_count)
            .max_buf_size(limits.header_bytes + limits.target_bytes + 1024)
            .serve_connection(io, service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let shut_down = hyper::server::conn::http1::UpgradeableConnection::graceful_shutdown;
        until_done(connection.as_mut(), &pulse, stop, shut_down).await;
    }
}

async fn until_done<C: Future>(
    mut connection: Pin<&mut C>,
    pulse: &Pulse,
    mut stop: watch::Receiver<bool>,
    shut_down: impl Fn(Pin<&mut C>),
) {
    tokio::select! {
        _ = connection.as_mut() => return,
        () = pulse.expired() => return,
        _ = stop.wait_for(|stop| *stop) => shut_down(connection.as_mut()),
    }
    tokio::select! {
        _ = connection => {}
        () = pulse.expired() => {}
    }
}
