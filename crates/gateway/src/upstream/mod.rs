//! Upstreams: pools of connections, one set for each worker, so that nothing here is contended.

mod body;
mod connect;
mod line;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use config::{Server, UpstreamProtocol};
use http::{Request, Response, Uri, Version, header, uri::Authority};
use hyper::client::conn::http2;

pub(crate) use body::PooledBody;
use connect::Connector;
pub(crate) use connect::{ConnectorError, client_config};
use line::Line;

use crate::body::Inbound;

/// An idle connection older than this is not used again: servers close at 60 s or later.
const IDLE: Duration = Duration::from_secs(50);

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// No server accepted a connection.
    #[error("no server of the upstream accepted a connection: {0}")]
    Connect(std::io::Error),
    /// The servers took longer than `connect_timeout`.
    #[error("connecting took longer than the upstream's connect_timeout")]
    ConnectTimeout,
    /// The connection broke, or the server did not speak HTTP; or the request's own body failed (see the source).
    #[error("the upstream broke off")]
    Broke(#[source] hyper::Error),
    /// The request was sent before; it is not sent twice.
    #[error("the request was sent already")]
    Taken,
    /// The request has no URI that HTTP/2 could send.
    #[error("the request has no authority")]
    Authority,
}

/// A request until a connection takes it. It stays in one place meanwhile: moved, it would be copied at each call.
pub(crate) type Unsent = Option<Request<Inbound>>;

/// A worker's pools, one for each API.
pub(crate) struct Pools(Vec<Arc<Pool>>);

impl Pools {
    /// Prepares pools; connections are made when they are needed.
    pub(crate) fn new(upstreams: &[Arc<config::Upstream>]) -> Result<Self, ConnectorError> {
        upstreams.iter().map(|upstream| Pool::new(upstream).map(Arc::new)).collect::<Result<_, _>>().map(Self)
    }

    /// Sends a request to the upstream at this position.
    pub(crate) async fn send(&self, index: usize, request: &mut Unsent) -> Result<Response<PooledBody>, SendError> {
        let missing = || SendError::Connect(std::io::ErrorKind::NotFound.into());
        let pool = self.0.get(index).ok_or_else(missing)?;
        match pool.upstream.protocol {
            UpstreamProtocol::Http1 => pool.send_http1(request).await,
            UpstreamProtocol::Http2 => pool.send_http2(request).await,
        }
    }
}

/// Connections to the servers of one upstream.
pub(crate) struct Pool {
    upstream: Arc<config::Upstream>,
    connector: Connector,
    turn: AtomicUsize,
    servers: Vec<Connections>,
}

struct Connections {
    server: Server,
    idle: Mutex<VecDeque<Idle>>,
    shared: Mutex<Option<http2::SendRequest<Inbound>>>,
}

struct Idle {
    line: Line,
    since: Instant,
}

impl Pool {
    fn new(upstream: &Arc<config::Upstream>) -> Result<Self, ConnectorError> {
        let connections =
            |server: &Server| Connections { server: server.clone(), idle: Mutex::default(), shared: Mutex::default() };
        Ok(Self {
            connector: Connector::new(upstream)?,
            turn: AtomicUsize::new(0),
            servers: upstream.servers.iter().map(connections).collect(),
            upstream: Arc::clone(upstream),
        })
    }

    /// Servers in turn, beginning with the next one.
    fn servers(&self) -> impl Iterator<Item = (usize, &Connections)> {
        let first = if self.servers.len() > 1 { self.turn.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let count = self.servers.len().max(1);
        (0..self.servers.len()).filter_map(move |step| {
            let at = first.wrapping_add(step) % count;
            self.servers.get(at).map(|server| (at, server))
        })
    }

    async fn send_http1(self: &Arc<Self>, unsent: &mut Unsent) -> Result<Response<PooledBody>, SendError> {
        if let Some(request) = unsent.as_mut() {
            // HTTP/1 would have to list it in Connection; trailers of its answers end here anyway.
            request.headers_mut().remove(header::TE);
        }
        let mut last = SendError::ConnectTimeout;
        for (at, server) in self.servers() {
            while let Some(mut line) = server.take_idle() {
                match line.try_send(unsent.take().ok_or(SendError::Taken)?).await {
                    Ok(response) => return Ok(self.keep(at, line, response)),
                    Err(mut error) => match error.take_message() {
                        // The server had closed the idle connection; it saw nothing of the request.
                        Some(request) => *unsent = Some(request),
                        None => return Err(SendError::Broke(error.into_error())),
                    },
                }
            }
            // Boxed, as it is rare and large: a request that finds a connection does not carry its state.
            match Box::pin(self.connector.http1(&server.server)).await {
                Ok(mut line) => {
                    let sent = line.try_send(unsent.take().ok_or(SendError::Taken)?).await;
                    let response = sent.map_err(|error| SendError::Broke(error.into_error()))?;
                    return Ok(self.keep(at, line, response));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn keep(
        self: &Arc<Self>,
        at: usize,
        line: Line,
        response: Response<hyper::body::Incoming>,
    ) -> Response<PooledBody> {
        response.map(|body| PooledBody::http1(body, line, Arc::clone(self), at))
    }

    async fn send_http2(self: &Arc<Self>, unsent: &mut Unsent) -> Result<Response<PooledBody>, SendError> {
        let request = unsent.as_mut().ok_or(SendError::Taken)?;
        *request.uri_mut() = self.absolute(request)?;
        request.headers_mut().remove(header::HOST);
        *request.version_mut() = Version::HTTP_2;
        let mut last = SendError::ConnectTimeout;
        for (_, server) in self.servers() {
            if let Some(mut sender) = server.shared() {
                match sender.try_send_request(unsent.take().ok_or(SendError::Taken)?).await {
                    Ok(response) => return Ok(response.map(PooledBody::http2)),
                    Err(mut error) => match error.take_message() {
                        // The server had closed the shared connection; it saw nothing of the request.
                        Some(request) => *unsent = Some(request),
                        None => return Err(SendError::Broke(error.into_error())),
                    },
                }
            }
            match Box::pin(self.connector.http2(&server.server)).await {
                Ok(mut sender) => {
                    server.share(&sender);
                    let response =
                        sender.send_request(unsent.take().ok_or(SendError::Taken)?).await.map_err(SendError::Broke)?;
                    return Ok(response.map(PooledBody::http2));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// HTTP/2 carries scheme and authority in the target.
    fn absolute(&self, request: &Request<Inbound>) -> Result<Uri, SendError> {
        let host = request.headers().get(header::HOST).ok_or(SendError::Authority)?;
        let authority = Authority::try_from(host.as_bytes()).map_err(|_| SendError::Authority)?;
        let scheme = if self.upstream.tls.is_some() { "https" } else { "http" };
        let path = request.uri().path_and_query().map_or("/", |target| target.as_str());
        Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(path)
            .build()
            .map_err(|_| SendError::Authority)
    }

    /// Takes a connection back whose response has ended.
    fn put_back(&self, at: usize, line: Line) {
        let Some(server) = self.servers.get(at).filter(|_| !line.is_closed()) else { return };
        let mut idle = server.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= self.upstream.max_idle {
            idle.pop_front();
        }
        idle.push_back(Idle { line, since: Instant::now() });
    }
}

impl Connections {
    /// The connection used last, which is the one most likely alive.
    fn take_idle(&self) -> Option<Line> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(Idle { line, since }) = idle.pop_back() {
            if since.elapsed() > IDLE {
                idle.clear();
                return None;
            }
            if line.is_ready() {
                return Some(line);
            }
        }
        None
    }

    fn share(&self, sender: &http2::SendRequest<Inbound>) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender.clone());
    }

    fn shared(&self) -> Option<http2::SendRequest<Inbound>> {
        self.shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .filter(|sender| !sender.is_closed())
            .cloned()
    }
}
