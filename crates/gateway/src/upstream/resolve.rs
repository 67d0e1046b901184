//! The addresses of a server that is given by name.
//!
//! Names are resolved by the system, in the background: at the start, every 30 s, and soon after no address of a server
//! could be connected to. The system's resolver tells nothing of the time for which an answer holds (TTL), so 30 s stand
//! for all. An answer that was had serves until there is a better one. New connections take the addresses in turn.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{net::TcpStream, sync::Notify};

/// Addresses of one name that are used.
const MOST: usize = 64;

/// When names are looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Between two lookups of one name, however many connections fail.
    cool_down: Duration,
    /// From then to the next one, if none fails.
    rest: Duration,
}

impl Pace {
    pub(super) const USUAL: Self = Self { cool_down: Duration::from_secs(1), rest: Duration::from_secs(29) };
}

/// What names are looked up with.
pub(super) trait Resolver: Send + Sync + 'static {
    fn lookup(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// `/etc/hosts`, DNS, and what else the system is set up with.
pub(super) struct System;

impl Resolver for System {
    async fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// The addresses of one server, as far as they are known.
#[derive(Debug)]
pub(super) struct Addresses {
    host: String,
    port: u16,
    known: ArcSwap<Vec<Address>>,
    /// Changes with the addresses.
    epoch: AtomicU64,
    turn: AtomicUsize,
    /// Somebody could not connect.
    wanted: Notify,
    /// A lookup has ended.
    looked_up: Notify,
}

#[derive(Debug)]
struct Address {
    at: SocketAddr,
    /// The last connection to it failed; others are tried before it.
    failed: AtomicBool,
}

/// Where a connection leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    at: SocketAddr,
    epoch: u64,
}

#[cfg(test)]
impl Reached {
    pub(super) fn nowhere() -> Self {
        Self { at: SocketAddr::from(([127, 0, 0, 1], 0)), epoch: 0 }
    }
}

impl Addresses {
    pub(super) fn new(server: &config::Server) -> Self {
        let literal = server.host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, server.port));
        Self {
            host: server.host.clone(),
            port: server.port,
            known: ArcSwap::from_pointee(literal.into_iter().map(Address::new).collect()),
            epoch: AtomicU64::new(0),
            turn: AtomicUsize::new(0),
            wanted: Notify::new(),
            looked_up: Notify::new(),
        }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Whether there is anything to look up.
    pub(super) fn is_name(&self) -> bool {
        self.host.parse::<IpAddr>().is_err()
    }

    /// Keeps the addresses fresh, until the task is dropped.
    pub(super) async fn follow(&self, resolver: impl Resolver, pace: Pace) {
        loop {
            match resolver.lookup(&self.host, self.port).await {
                Ok(found) => self.replace(found),
                Err(error) => eprintln!("portcullis: the upstream server `{}` is not resolved: {error}", self.host),
            }
            self.looked_up.notify_waiters();
            tokio::time::sleep(pace.cool_down).await;
            tokio::select! {
                () = tokio::time::sleep(pace.rest) => {}
                () = self.wanted.notified() => {}
            }
        }
    }

    /// Takes what a lookup found; nothing is no answer.
    pub(super) fn replace(&self, mut found: Vec<SocketAddr>) {
        found.sort_unstable();
        found.dedup();
        found.truncate(MOST);
        let known = self.known.load();
        if found.is_empty() {
            return;
        }
        if known.iter().map(|address| address.at).eq(found.iter().copied()) {
            known.iter().for_each(|address| address.failed.store(false, Ordering::Relaxed));
            return;
        }
        self.known.store(Arc::new(found.into_iter().map(Address::new).collect()));
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Whether a connection still leads to this server.
    pub(super) fn holds(&self, reached: Reached) -> bool {
        reached.epoch == self.epoch.load(Ordering::Acquire)
            || self.known.load().iter().any(|address| address.at == reached.at)
    }

    /// Connects to one of the addresses, in turn, those that failed last. A silent one leaves time for the others.
    pub(super) async fn connect(&self, time: Duration) -> io::Result<(TcpStream, Reached)> {
        let known = self.known().await?;
        let epoch = self.epoch.load(Ordering::Acquire);
        let first = if known.len() > 1 { self.turn.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let count = known.len().max(1);
        let share = time / u32::try_from(count).unwrap_or(u32::MAX);
        let mut last = io::ErrorKind::NotFound.into();
        let failed: Vec<bool> = known.iter().map(|address| address.failed.load(Ordering::Relaxed)).collect();
        for round in [false, true] {
            for step in 0..count {
                let at = first.wrapping_add(step) % count;
                let Some(address) = known.get(at).filter(|_| failed.get(at) == Some(&round)) else { continue };
                let connecting = tokio::time::timeout(share, TcpStream::connect(address.at)).await;
                match connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                    Ok(stream) => {
                        if round {
                            address.failed.store(false, Ordering::Relaxed);
                        }
                        return Ok((stream, Reached { at: address.at, epoch }));
                    }
                    Err(error) => {
                        address.failed.store(true, Ordering::Relaxed);
                        last = error;
                    }
                }
            }
        }
        self.wanted.notify_one();
        Err(last)
    }

    /// The addresses; waits for the next lookup while there are none.
    async fn known(&self) -> io::Result<Arc<Vec<Address>>> {
        let looked_up = self.looked_up.notified();
        let known = self.known.load_full();
        if !known.is_empty() {
            return Ok(known);
        }
        self.wanted.notify_one();
        looked_up.await;
        let known = self.known.load_full();
        if known.is_empty() {
            Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
        } else {
            Ok(known)
        }
    }
}

impl Address {
    fn new(at: SocketAddr) -> Self {
        Self { at, failed: AtomicBool::new(false) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Mutex;

    use tokio::net::TcpListener;

    use super::*;

    /// Answers what a test put there, and counts.
    #[derive(Default)]
    struct Scripted {
        answers: Mutex<Vec<io::Result<Vec<SocketAddr>>>>,
        lookups: AtomicUsize,
    }

    impl Resolver for Arc<Scripted> {
        async fn lookup(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
            self.lookups.fetch_add(1, Ordering::Relaxed);
            self.answers.lock().unwrap().pop().unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
        }
    }

    fn addresses() -> Arc<Addresses> {
        Arc::new(Addresses::new(&config::Server { host: "orders.example".into(), port: 1 }))
    }

    async fn listener() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    const TIME: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn all_addresses_are_used_and_one_that_fails_comes_last() {
        let ((one, at_one), (_other, at_other)) = (listener().await, listener().await);
        let addresses = addresses();
        addresses.replace(vec![at_one, at_other]);
        let mut reached = Vec::new();
        for _ in 0..4 {
            reached.push(addresses.connect(TIME).await.unwrap().1.at);
        }
        assert_eq!(reached.iter().filter(|at| **at == at_one).count(), 2);
        drop(one);
        for _ in 0..4 {
            assert_eq!(addresses.connect(TIME).await.unwrap().1.at, at_other);
        }
    }

    #[tokio::test]
    async fn an_answer_serves_while_there_is_no_better_one() {
        let (_listener, at) = listener().await;
        let addresses = addresses();
        addresses.replace(vec![at]);
        let (_, reached) = addresses.connect(TIME).await.unwrap();
        addresses.replace(vec![]);
        assert!(addresses.holds(reached) && addresses.connect(TIME).await.is_ok());
        addresses.replace(vec!["192.0.2.1:1".parse().unwrap()]);
        assert!(!addresses.holds(reached), "a connection to an address that is gone");
    }

    #[tokio::test]
    async fn names_are_resolved_again_by_the_clock_and_not_for_each_connection() {
        let resolver = Arc::new(Scripted::default());
        let at = "127.0.0.1:1".parse().unwrap();
        resolver.answers.lock().unwrap().push(Ok(vec![at]));
        let addresses = addresses();
        let (followed, asked) = (Arc::clone(&addresses), Arc::clone(&resolver));
        let pace = Pace { cool_down: Duration::from_millis(50), rest: Duration::from_millis(200) };
        let task = tokio::spawn(async move { followed.follow(asked, pace).await });
        for _ in 0..50 {
            assert_eq!(addresses.known().await.unwrap()[0].at, at);
        }
        assert_eq!(resolver.lookups.load(Ordering::Relaxed), 1);
        while resolver.lookups.load(Ordering::Relaxed) < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Lookups failed meanwhile; the old answer still serves.
        assert_eq!(addresses.known().await.unwrap()[0].at, at);
        let (before, begun) = (resolver.lookups.load(Ordering::Relaxed), std::time::Instant::now());
        for _ in 0..500 {
            addresses.wanted.notify_one();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let lookups = u32::try_from(resolver.lookups.load(Ordering::Relaxed) - before).unwrap();
        assert!((2..500).contains(&lookups) && pace.cool_down * (lookups - 1) <= begun.elapsed(), "{lookups}");
        task.abort();
    }

    #[tokio::test]
    async fn addresses_need_no_lookup() {
        let addresses = Addresses::new(&config::Server { host: "::1".into(), port: 443 });
        assert!(!addresses.is_name());
        assert_eq!(addresses.known().await.unwrap()[0].at, "[::1]:443".parse().unwrap());
    }
}
