//! Whether a host resolves and accepts a TCP connection, within a time limit for each.

use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::Finding;

const TIMEOUT: Duration = Duration::from_secs(2);

/// A host and port that somebody depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    /// Who needs it, for the message.
    pub(super) whose: String,
    /// Name or IP literal, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Targets that cannot be reached; all are tried at once.
pub(super) fn unreachable(targets: &[Target]) -> Vec<Finding> {
    thread::scope(|scope| {
        let started: Vec<_> = targets.iter().map(|target| scope.spawn(|| try_one(target))).collect();
        started.into_iter().filter_map(|attempt| attempt.join().ok().flatten()).collect()
    })
}

fn try_one(target: &Target) -> Option<Finding> {
    let Target { whose, host, port } = target;
    match resolve(host, *port) {
        Err(error) => Some(Finding::new(
            format!("{whose}: `{host}` does not resolve: {error}"),
            "Correct the name, or this machine's DNS (/etc/resolv.conf, /etc/hosts).",
        )),
        Ok(addresses) => connect(&addresses).err().map(|error| {
            Finding::new(
                format!("{whose}: {host} port {port} accepts no connection: {error}"),
                "Start what should answer there, open the firewall, or correct the address.",
            )
        }),
    }
}

/// The system's resolver has time limits of its own, which are longer; it may go on after this one.
fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::channel();
    let host = host.to_owned();
    thread::spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        // Nobody waits any more after the time limit.
        let _ = sender.send(found);
    });
    receiver.recv_timeout(TIMEOUT).unwrap_or_else(|_| Err(late("no answer")))
}

fn connect(addresses: &[SocketAddr]) -> io::Result<()> {
    let end = Instant::now() + TIMEOUT;
    let mut outcome = Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    for address in addresses {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late("timed out"));
        }
        outcome = TcpStream::connect_timeout(address, left).map(drop);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

fn late(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} within {} s", TIMEOUT.as_secs()))
}
