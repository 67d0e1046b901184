//! Accepting connections: bounded in number, bounded in time.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use config::{AddressRules, Listener, ListenerSecurity};
use http::HeaderValue;
use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;

use super::{Census, Leaf, Peer, Place, ServerTls, Shown, TlsSetupError, connection, proxy_header};
use crate::{
    authenticate::{CertificateHolder, identify_certificate},
    gate::{Current, Gate},
    stream::Joined,
    turn::Turns,
    watch::{Pulse, Sweeper},
};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// One listener, ready to accept; shared by all workers.
pub(crate) struct Entrance {
    pub(crate) tls: Option<ServerTls>,
    pub(crate) handshake_timeout: Duration,
    pub(crate) http: connection::HttpLimits,
    pub(crate) census: Arc<Census>,
    /// Where connections must come from, each with a PROXY header.
    proxies: Option<Vec<IpNet>>,
    /// Clients that may connect.
    addresses: AddressRules,
}

impl Entrance {
    pub(crate) fn new(
        listener: &Listener,
        limits: &config::GlobalLimits,
        census: &Arc<Census>,
    ) -> Result<Self, TlsSetupError> {
        let tls = match &listener.security {
            ListenerSecurity::Tls(tls) => Some(ServerTls::new(tls)?),
            ListenerSecurity::PlaintextLoopback | ListenerSecurity::Plaintext { .. } => None,
        };
        Ok(Self {
            tls,
            handshake_timeout: limits.handshake_timeout,
            http: connection::HttpLimits::from(limits),
            census: Arc::clone(census),
            proxies: listener.proxies.clone(),
            addresses: listener.addresses.clone(),
        })
    }

    /// A place for a connection, if it may come in.
    fn admit(&self, address: IpAddr) -> Option<Place> {
        match &self.proxies {
            None => self.census.enter(address),
            Some(proxies) => {
                let address = address.to_canonical();
                proxies.iter().any(|network| network.contains(&address)).then(|| self.census.enter_unnamed())?
            }
        }
    }
}

/// Binds an address. Each worker binds its own socket, and the kernel spreads connections over them.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A worker's handle of a socket that listens already; all workers accept from its one queue.
pub(crate) fn share(socket: &std::net::TcpListener) -> std::io::Result<std::net::TcpListener> {
    let socket = socket.try_clone()?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Accepts at a listener of the configuration, by its position, until `stop` turns true.
pub(crate) async fn serve(
    current: Arc<Current>,
    position: usize,
    listener: TcpListener,
    sweeper: Arc<Sweeper>,
    mut stop: watch::Receiver<bool>,
) {
    let mut stopped = false;
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop), if !stopped => {
                stopped = true;
                continue;
            }
            accepted = listener.accept() => accepted,
            // Nobody waits in the queue any more, whom closing it would cut off.
            () = std::future::ready(()), if stopped => return,
        };
        let Ok((stream, address)) = accepted else {
            // Out of descriptors, mostly: give connections time to close instead of spinning.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let gate = current.gate();
        if !gate.snapshot.pressure.takes_connections() {
            continue;
        }
        let Some(entrance) = gate.snapshot.entrances.get(position).map(Arc::clone) else { continue };
        if entrance.proxies.is_none() && !is_welcome(&gate, &entrance, address.ip()) {
            continue;
        }
        let Some(place) = entrance.admit(address.ip()) else { continue };
        let arrival = Arrival { current: Arc::clone(&current), place, position, address };
        let (sweeper, stop, worker) = (Arc::clone(&sweeper), stop.clone(), Handle::current());
        let is_secure = entrance.tls.is_some();
        let greeting = async move { greet(arrival, &entrance, &sweeper, stream, stop, &worker).await };
        if is_secure {
            gate.snapshot.heavy.spawn(greeting);
        } else {
            tokio::spawn(greeting);
        }
    }
}

/// Whether a client may connect: its address is let in, and not shut out for failing to authenticate again and again.
fn is_welcome(gate: &Gate, entrance: &Entrance, address: IpAddr) -> bool {
    let snapshot = &gate.snapshot;
    entrance.addresses.admit(address, snapshot.countries.as_deref())
        && snapshot.limiter.failures.admit(|| snapshot.limiter.now(), || address).is_ok()
}

/// What a handshake proved of a client.
#[derive(Default)]
struct Proved {
    secure: bool,
    multiplexed: bool,
    server_name: Option<String>,
    certificate_names: Arc<[String]>,
    certificate: CertificateHolder,
    leaf: Option<Arc<Leaf>>,
}

impl Proved {
    fn by(session: &rustls::ServerConnection, tls: &ServerTls) -> Self {
        let server_name = session.server_name().map(|name| name.trim_end_matches('.').to_ascii_lowercase());
        let (shown, rules) = (tls.shown(session), tls.clients.as_ref());
        Self {
            secure: true,
            multiplexed: session.alpn_protocol() == Some(b"h2"),
            certificate_names: tls.names_for(server_name.as_deref()),
            leaf: Leaf::new(&shown, rules).map(Arc::new),
            certificate: match &shown {
                Shown::Nothing => CertificateHolder::Nobody,
                Shown::Possessed(_) => CertificateHolder::Possessor,
                Shown::Vouched(vouched) => identify_certificate(vouched, rules),
            },
            server_name,
        }
    }
}

/// A connection that was accepted, and what it was accepted for.
struct Arrival {
    current: Arc<Current>,
    place: Place,
    position: usize,
    address: SocketAddr,
}

impl Arrival {
    /// Takes the address that a proxy names, if one must. `None`: the connection is closed.
    async fn named(mut self, entrance: &Entrance, stream: &mut TcpStream) -> Option<Self> {
        if entrance.proxies.is_some() {
            let header = tokio::time::timeout(entrance.handshake_timeout, proxy_header::read(stream));
            self.address = header.await.ok()?.ok()?.unwrap_or(self.address);
            self.place.name(self.address.ip()).then_some(())?;
            is_welcome(&self.current.gate(), entrance, self.address.ip()).then_some(())?;
        }
        Some(self)
    }

    fn into_peer(self, sweeper: &Sweeper, proved: Proved) -> Option<Arc<Peer>> {
        let Self { current, place, position, address } = self;
        let Proved { secure, multiplexed, server_name, certificate_names, certificate, leaf } = proved;
        let pulse = Pulse::new(&current.gate().clock, multiplexed);
        sweeper.watch(&pulse);
        Some(Arc::new(Peer {
            listener: position,
            address,
            address_value: HeaderValue::try_from(address.ip().to_canonical().to_string()).ok()?,
            secure,
            server_name,
            certificate_names,
            certificate,
            leaf,
            pulse,
            current,
            _place: place,
        }))
    }
}

/// Takes a connection as far as its first request, and gives it to its worker.
async fn greet(
    arrival: Arrival,
    entrance: &Entrance,
    sweeper: &Sweeper,
    mut stream: TcpStream,
    stop: watch::Receiver<bool>,
    worker: &Handle,
) {
    // Without it, small answers wait for the other side's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let Some(arrival) = arrival.named(entrance, &mut stream).await else { return };
    let stream = Turns::new(stream, entrance.tls.is_some());
    let Some(tls) = &entrance.tls else {
        let Some(peer) = arrival.into_peer(sweeper, Proved::default()) else { return };
        worker.spawn(connection::serve_http1(peer, Box::new(stream), entrance.http, stop));
        return;
    };
    let handshake = TlsAcceptor::from(Arc::clone(&tls.config)).accept(Joined(stream));
    let Ok(Ok(stream)) = tokio::time::timeout(entrance.handshake_timeout, handshake).await else { return };
    let proved = Proved::by(stream.get_ref().1, tls);
    let multiplexed = proved.multiplexed;
    let Some(peer) = arrival.into_peer(sweeper, proved) else { return };
    // In a task of its own size: that of a handshake is larger, and would stay for as long as the connection.
    let stream = Box::new(stream);
    if multiplexed {
        worker.spawn(connection::serve_http2(peer, stream, entrance.http, stop));
    } else {
        worker.spawn(connection::serve_http1(peer, stream, entrance.http, stop));
    }
}
