//! One worker's connections to the servers of an upstream.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use config::UpstreamProtocol;
use http::{Request, Response, Uri, Version, uri::Authority};
use hyper::client::conn::http2;
use tokio::sync::Semaphore;

use super::{
    Forwarded, SendError,
    alarm::Alarms,
    body::{PooledBody, Source},
    budget::Budget,
    errand::Errand,
    group::Group,
    http1::{Broken, Connection},
    resolve::{Addresses, Reached},
    ticket::Ticket,
};
use crate::{
    body::{BodyFault, Inbound},
    canonical::Host,
};

/// Seconds after which an idle connection is not used again: servers close at 60 s or later.
const IDLE: u32 = 50;
/// Connections that are being made at once to a server; whoever comes then waits for one of them, or for an idle one.
const CONNECTING: usize = 64;

/// One worker's connections to the servers of one upstream.
pub(crate) struct Pool {
    pub(super) group: Arc<Group>,
    servers: Vec<Connections>,
    budget: Budget,
    alarms: Alarms,
    /// Seconds that the pool has been there. Read for each request, where a clock would cost more than the answer needs.
    age: AtomicU32,
}

struct Connections {
    addresses: Arc<Addresses>,
    idle: Mutex<VecDeque<Idle>>,
    shared: Mutex<Option<(http2::SendRequest<Inbound>, Reached)>>,
    connecting: Semaphore,
}

struct Idle {
    connection: Box<Connection>,
    /// Age of the pool at that moment.
    since: u32,
}

/// An answer, and where its body comes from.
type Answer = Response<Source>;

/// How a server failed a request.
struct Fault {
    error: SendError,
    /// It said something before it failed.
    heard: bool,
    /// That is no fault of the server.
    excused: bool,
}

impl From<SendError> for Fault {
    fn from(error: SendError) -> Self {
        Self { error, heard: false, excused: false }
    }
}

impl Pool {
    pub(super) fn new(group: &Arc<Group>) -> Self {
        // One connection takes all requests of HTTP/2.
        let connecting = match group.upstream.protocol {
            UpstreamProtocol::Http1 => CONNECTING,
            UpstreamProtocol::Http2 => 1,
        };
        let connections = |addresses: &Arc<Addresses>| Connections {
            addresses: Arc::clone(addresses),
            idle: Mutex::default(),
            shared: Mutex::default(),
            connecting: Semaphore::new(connecting),
        };
        Self {
            servers: group.addresses.iter().map(connections).collect(),
            group: Arc::clone(group),
            budget: Budget::default(),
            alarms: Alarms::default(),
            age: AtomicU32::new(0),
        }
    }

    /// Sends a request and waits no longer than `time` for an answer's head. The answer keeps the request's place.
    pub(super) async fn send(
        self: &Arc<Self>,
        errand: &mut Errand,
        time: Duration,
    ) -> Result<Response<PooledBody>, SendError> {
        // Before anything of it is written, and before its time is counted.
        turn().await;
        let mut ticket = match Ticket::enter(self, errand.client) {
            Some(ticket) => ticket,
            // Boxed, as it is rare: a request that finds a place does not carry its state.
            None => Box::pin(Ticket::wait(self, errand.client)).await.ok_or(SendError::Full)?,
        };
        let sent = {
            let trying = pin!(self.try_servers(errand, &mut ticket));
            self.alarms.within(time, trying).await
        };
        let Ok(sent) = sent else {
            // A client that sends its body slowly makes a good server look slow.
            if errand.is_whole() {
                ticket.failed();
            }
            return Err(SendError::ResponseTimeout);
        };
        Ok(sent?.map(|source| PooledBody::new(source, ticket)))
    }

    /// Tries a server, and a second one if that is safe and the first failed.
    async fn try_servers(&self, errand: &mut Errand, ticket: &mut Ticket) -> Result<Answer, SendError> {
        self.prepare(errand.request.as_mut().ok_or(SendError::Taken)?, &errand.forwarded)?;
        self.budget.earn();
        // With one server there is nowhere else to go, so nothing is kept.
        let copy = if self.servers.len() > 1 { errand.copy() } else { None };
        let fault = match self.try_one(None, errand, ticket).await {
            Ok(answer) => return Ok(answer),
            Err(fault) => fault,
        };
        let first = ticket.at();
        let again = match (&errand.request, copy) {
            // The server has nothing of it, so another one makes no more load.
            (Some(_), _) => true,
            (None, Some(copy)) if !fault.heard && self.budget.spend() => {
                errand.request = Some(copy.into_request());
                true
            }
            (None, _) => false,
        };
        if !again || first.is_none() {
            return Err(fault.error);
        }
        match self.try_one(first, errand, ticket).await {
            // There is no other server; what the first one did is what there is to tell.
            Err(Fault { error: SendError::NoServer, .. }) => Err(fault.error),
            Err(fault) => Err(fault.error),
            Ok(answer) => Ok(answer),
        }
    }

    /// Sends a request to a server other than `avoid`, and notes how that went.
    async fn try_one(&self, avoid: Option<usize>, errand: &mut Errand, ticket: &mut Ticket) -> Result<Answer, Fault> {
        let group = &self.group;
        let choice = group.roster.choose(errand.key, avoid, || group.now()).ok_or(SendError::NoServer)?;
        ticket.sit(choice);
        let server = self.servers.get(choice.at).ok_or(SendError::NoServer)?;
        if avoid.is_some() {
            errand.retried = true;
            group.counters.retries.fetch_add(1, Ordering::Relaxed);
        }
        let answered = match group.upstream.protocol {
            UpstreamProtocol::Http1 => self.send_http1(server, errand).await,
            // Boxed, so that requests over HTTP/1.1 do not carry its state.
            UpstreamProtocol::Http2 => Box::pin(self.send_http2(server, errand)).await,
        };
        match &answered {
            Ok(response) => ticket.answered(response.status()),
            Err(fault) if !fault.excused => ticket.failed(),
            Err(_) => {}
        }
        answered
    }

    /// Gives a request the form of the upstream's protocol.
    fn prepare(&self, request: &mut Request<Inbound>, forwarded: &Forwarded) -> Result<(), SendError> {
        match self.group.upstream.protocol {
            UpstreamProtocol::Http1 => {}
            UpstreamProtocol::Http2 => {
                *request.uri_mut() = self.absolute(request, &forwarded.host)?;
                forwarded.spell_out(request.headers_mut())?;
                *request.version_mut() = Version::HTTP_2;
            }
        }
        Ok(())
    }

    async fn send_http1(&self, server: &Connections, errand: &mut Errand) -> Result<Answer, Fault> {
        loop {
            let (mut connection, fresh) = match server.take_idle(self.age()) {
                Some(connection) => (connection, false),
                // Boxed, as it is rare and large: a request that finds a connection does not carry its state.
                None => Box::pin(self.connection(server)).await?,
            };
            let error = match connection.send(&mut errand.request, Some(&errand.forwarded)).await {
                Ok(response) => return Ok(response.map(|()| Source::Own(Some(connection)))),
                Err(error) => error,
            };
            if errand.request.is_none() {
                return Err(lost(error, connection.heard(), true));
            }
            // The server had closed the connection; it saw nothing of the request.
            if fresh {
                return Err(SendError::Broke(error).into());
            }
        }
    }

    /// A new connection, or one that became idle meanwhile; and whether it is new.
    async fn connection(&self, server: &Connections) -> Result<(Box<Connection>, bool), Fault> {
        let turn = self.turn_to_connect(server).await?;
        let connection = match server.take_idle(self.age()) {
            Some(connection) => (connection, false),
            None => (self.group.connector.http1(&server.addresses).await?, true),
        };
        drop(turn);
        Ok(connection)
    }

    /// Waits while as many connections are being made as may be. That wait says nothing of the server, but those do.
    async fn turn_to_connect<'s>(&self, server: &'s Connections) -> Result<tokio::sync::SemaphorePermit<'s>, Fault> {
        let busy = Fault { error: SendError::ConnectTimeout, heard: false, excused: true };
        match tokio::time::timeout(self.group.upstream.connect_timeout, server.connecting.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(busy),
        }
    }

    async fn send_http2(&self, server: &Connections, errand: &mut Errand) -> Result<Answer, Fault> {
        loop {
            let (mut sender, fresh) = match server.shared() {
                Some(sender) => (sender, false),
                None => Box::pin(self.sender(server)).await?,
            };
            match sender.try_send_request(errand.take()?).await {
                Ok(response) => return Ok(response.map(|body| Source::Shared(Box::new(body)))),
                Err(mut error) => match error.take_message() {
                    // The server had closed the shared connection; it saw nothing of the request.
                    Some(request) => {
                        errand.request = Some(request);
                        if fresh {
                            return Err(SendError::from(Broken::from(error.into_error())).into());
                        }
                    }
                    // A stream that the server reset is an answer of a kind: a caller may have caused it.
                    None => return Err(lost(error.into_error().into(), false, sender.is_closed())),
                },
            }
        }
    }

    /// A new connection, or one that somebody else made meanwhile; and whether it is new.
    async fn sender(&self, server: &Connections) -> Result<(http2::SendRequest<Inbound>, bool), Fault> {
        let turn = self.turn_to_connect(server).await?;
        if let Some(sender) = server.shared() {
            return Ok((sender, false));
        }
        let (sender, reached) = self.group.connector.http2(&server.addresses).await?;
        server.share(&sender, reached);
        drop(turn);
        Ok((sender, true))
    }

    /// HTTP/2 carries scheme and authority in the target.
    fn absolute(&self, request: &Request<Inbound>, host: &Host) -> Result<Uri, SendError> {
        let authority = Authority::try_from(host.as_str()).map_err(|_| SendError::Authority)?;
        let scheme = if self.group.upstream.tls.is_some() { "https" } else { "http" };
        let path = request.uri().path_and_query().map_or("/", |target| target.as_str());
        Uri::builder()
            .scheme(scheme)
            .authority(authority)
            .path_and_query(path)
            .build()
            .map_err(|_| SendError::Authority)
    }

    /// Takes a connection back whose response has ended.
    pub(super) fn put_back(&self, at: usize, mut connection: Box<Connection>) {
        let Some(server) = self.servers.get(at).filter(|_| connection.is_usable()) else { return };
        let mut idle = server.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() >= self.group.upstream.max_idle {
            idle.pop_front();
        }
        idle.push_back(Idle { connection, since: self.age() });
    }

    /// Counts a second, and closes connections that have been idle for too long, or that their servers closed.
    pub(super) fn tick(&self) {
        let now = self.age.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        for server in &self.servers {
            let mut idle = server.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain_mut(|idle| !idle.is_old(now) && idle.connection.is_quiet());
        }
    }

    fn age(&self) -> u32 {
        self.age.load(Ordering::Relaxed)
    }
}

/// Lets the tasks that are ready come first, so that they all do what they have to do before anything is sent. The code of
/// one stage stays in the cache for all of them, and the server is woken once for many requests instead of for each.
async fn turn() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A request that was sent, at least in part, and has no answer.
fn lost(error: Broken, heard: bool, connection_broke: bool) -> Fault {
    // What the client did to its own request says nothing of the server.
    let excused = !connection_broke || BodyFault::behind(&error).is_some();
    Fault { error: SendError::Broke(error), heard, excused }
}

impl Idle {
    fn is_old(&self, now: u32) -> bool {
        now.saturating_sub(self.since) > IDLE
    }
}

impl Connections {
    /// The connection used last, which is the one most likely alive, unless it leads to where the server no longer is.
    fn take_idle(&self, now: u32) -> Option<Box<Connection>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(last) = idle.pop_back() {
            if last.is_old(now) {
                idle.clear();
                return None;
            }
            if self.addresses.holds(last.connection.reached()) {
                return Some(last.connection);
            }
        }
        None
    }

    fn share(&self, sender: &http2::SendRequest<Inbound>, reached: Reached) {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some((sender.clone(), reached));
    }

    fn shared(&self) -> Option<http2::SendRequest<Inbound>> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (sender, reached) = shared.as_ref()?;
        (!sender.is_closed() && self.addresses.holds(*reached)).then(|| sender.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::SocketAddr;

    use config::{Ejection, Server, Upstream};
    use http_body_util::BodyExt;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::upstream::example;

    /// A server that answers every request on every connection with its name.
    async fn server(name: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    while stream.read(&mut [0; 1024]).await.unwrap_or(0) > 0 {
                        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        address
    }

    fn pool() -> Arc<Pool> {
        let upstream = Upstream {
            servers: vec![Server { host: "orders.invalid".into(), port: 80 }],
            max_waiting: 0,
            ejection: Ejection::Off { reason: "a test".into() },
            ..example::upstream()
        };
        let group = Group::start(&Arc::new(upstream), Arc::default()).unwrap();
        // The test resolves.
        group.retire();
        Arc::new(Pool::new(&group))
    }

    async fn ask(pool: &Arc<Pool>) -> Response<PooledBody> {
        let request = Request::new(Inbound::none());
        pool.send(&mut Errand::new(request, example::forwarded(), None, 0), Duration::from_secs(5)).await.unwrap()
    }

    async fn name(response: Response<PooledBody>) -> Vec<u8> {
        response.into_body().collect().await.unwrap().to_bytes().to_vec()
    }

    #[tokio::test]
    async fn a_connection_is_used_again_until_its_server_has_another_address() {
        let (before, after, pool) = (server("before").await, server("after").await, pool());
        let addresses = Arc::clone(&pool.group.addresses[0]);
        addresses.replace(vec![before]);
        assert_eq!(name(ask(&pool).await).await, b"before");
        // Found or not, the address it has is among the new ones.
        addresses.replace(vec![before, after]);
        assert_eq!(pool.servers[0].idle.lock().unwrap().len(), 1);
        assert_eq!(name(ask(&pool).await).await, b"before");
        addresses.replace(vec![after]);
        assert_eq!(name(ask(&pool).await).await, b"after");
    }

    #[tokio::test]
    async fn a_request_keeps_its_place_until_its_answer_has_ended() {
        let pool = pool();
        pool.group.addresses[0].replace(vec![server("one").await]);
        let answer = ask(&pool).await;
        let mut second = Errand::new(Request::new(Inbound::none()), example::forwarded(), None, 0);
        let refused = pool.send(&mut second, Duration::from_secs(5)).await.map(|_| ());
        assert!(matches!(refused, Err(SendError::Full)), "{refused:?}");
        assert_eq!(name(answer).await, b"one");
        assert_eq!(name(ask(&pool).await).await, b"one");
    }
}
