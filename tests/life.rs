//! A gateway's life under load: other configurations, its end, and its sudden end.
//!
//! `PORTCULLIS_RELOADS` and `PORTCULLIS_KILLS` lengthen what is short by default; the full figures are 100 and 50.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    error::Error,
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::{TrySendError, http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use running::{Curl, Gate, Origin, Process, echo::Echo, wire};
use rustls::ClientConfig;
use tokio::{net::TcpStream, time::interval};
use tokio_rustls::TlsConnector;

fn figure(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |figure| figure.parse().unwrap())
}

/// One connection of a client that opens another when it is asked to go, as clients do.
enum Connection {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Connection {
    async fn open(gate: &Target, version: Version) -> Option<Self> {
        let mut config = (*gate.tls).clone();
        config.alpn_protocols = vec![if version == Version::HTTP_2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        let stream = TcpStream::connect(gate.address).await.ok()?;
        let stream =
            TlsConnector::from(Arc::new(config)).connect("localhost".try_into().unwrap(), stream).await.ok()?;
        let io = TokioIo::new(stream);
        if version == Version::HTTP_2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.ok()?;
            tokio::spawn(connection);
            return Some(Self::Http2(sender));
        }
        let (sender, connection) = http1::handshake(io).await.ok()?;
        tokio::spawn(connection);
        Some(Self::Http1(sender))
    }

    async fn send(&mut self, token: &str) -> Result<Response<Incoming>, TrySendError<Request<Empty<Bytes>>>> {
        let request = Request::builder().header("authorization", token);
        match self {
            Self::Http1(sender) => {
                let request = request.uri("/orders/1").header("host", "localhost");
                sender.try_send_request(request.body(Empty::new()).unwrap()).await
            }
            Self::Http2(sender) => {
                let request = request.uri("https://localhost/orders/1").version(Version::HTTP_2);
                sender.try_send_request(request.body(Empty::new()).unwrap()).await
            }
        }
    }
}

#[derive(Clone)]
struct Target {
    address: std::net::SocketAddr,
    tls: Arc<ClientConfig>,
    token: Arc<str>,
}

/// What became of requests.
#[derive(Default)]
struct Tally {
    served: AtomicUsize,
    forbidden: AtomicUsize,
    cut: AtomicUsize,
    stop: AtomicBool,
    /// A gateway that cannot be reached any more ends the load.
    gone: AtomicBool,
}

/// Whether a GOAWAY names an earlier stream as the last that was processed (RFC 9113 §6.8): the request crossed it on its way.
/// A stream that was cut has another error.
fn was_left_alone(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_go_away() && cause.is_remote() && cause.reason() == Some(h2::Reason::NO_ERROR))
}

/// Sends requests at a rate, over one connection at a time.
async fn load(target: Target, version: Version, every: Duration, tally: Arc<Tally>) {
    let mut ticks = interval(every);
    let mut connection = None;
    while !tally.stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let mut open = match connection.take() {
            Some(open) => open,
            None => match Connection::open(&target, version).await {
                Some(open) => open,
                None => return tally.gone.store(true, Ordering::Relaxed),
            },
        };
        match open.send(&target.token).await {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let leaving = parts.headers.get("connection").is_some_and(|value| value == "close");
                match (parts.status, body.collect().await) {
                    (StatusCode::OK, Ok(_)) => tally.served.fetch_add(1, Ordering::Relaxed),
                    (StatusCode::FORBIDDEN, Ok(_)) => tally.forbidden.fetch_add(1, Ordering::Relaxed),
                    (status, body) => panic!("{status}: {body:?}"),
                };
                connection = Some(open).filter(|_| !leaving);
            }
            // Nothing of it was sent, or the gateway said that it did nothing about it: a client sends it again elsewhere.
            Err(error) if error.message().is_some() || was_left_alone(error.error()) => {}
            Err(error) => {
                eprintln!("{version:?}: {:?}", error.into_error());
                tally.cut.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// 1,500 requests a second over HTTP/1.1 and HTTP/2.
fn start_load(gate: &Gate, tally: &Arc<Tally>) -> tokio::runtime::Runtime {
    let token: Arc<str> = format!("Bearer {}", gate.token("orders:read")).into();
    let target = Target { address: gate.address, tls: Arc::new(wire::config(gate, None)), token };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for number in 0..15 {
        let version = if number % 3 == 0 { Version::HTTP_2 } else { Version::HTTP_11 };
        runtime.spawn(load(target.clone(), version, Duration::from_millis(10), Arc::clone(tally)));
    }
    runtime
}

fn of_websocket(gate: &Gate) -> wire::Connection {
    let mut tunnel = wire::Connection::open(gate);
    let token = gate.token("orders:read");
    let head = tunnel.switch(
        format!(
            "GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .as_bytes(),
    );
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    tunnel
}

fn with_websocket() -> (Gate, Echo) {
    let echo = Echo::start();
    let gate = Gate::start_with_apis(&format!(
        "  - {{ name: live, host: localhost, path: /live, upstream: \"http://{}\", authenticate: [jwt: corp], \
         routes: [{{ match: \"GET /live\", websocket: {{ origins: [\"https://app.example\"] }} }}] }}\n",
        echo.address
    ));
    (gate, echo)
}

#[test]
fn reloads_under_load_fail_no_request_mix_none_and_cut_no_tunnel() {
    let (gate, _echo) = with_websocket();
    let other = Origin::start();
    let file = gate.folder.path().join("portcullis.yaml");
    let original = fs::read_to_string(&file).unwrap();
    // The other configuration asks for another scope and goes to another origin: a mix would let the token reach it.
    let changed = original
        .replace(&gate.origin.address.to_string(), &other.address.to_string())
        .replace("GET /orders/{id}\", scopes: [orders:read]", "GET /orders/{id}\", scopes: [orders:admin]");
    let tally = Arc::new(Tally::default());
    let mut tunnel = of_websocket(&gate);
    let runtime = start_load(&gate, &tally);
    let reloads = figure("PORTCULLIS_RELOADS", 5);
    let began = Instant::now();
    for round in 0..reloads {
        fs::write(&file, if round % 2 == 0 { &changed } else { &original }).unwrap();
        let mut command = Command::new(running::process::binary());
        let output = command.args(["reload", "--data", "data"]).current_dir(gate.folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let next = began + Duration::from_secs(1) * u32::try_from(round + 1).unwrap();
        while Instant::now() < next {
            assert!(tunnel.echo(b"still there?").is_some(), "a reload cut a tunnel");
            thread::sleep(Duration::from_millis(20));
        }
    }
    tally.stop.store(true, Ordering::Relaxed);
    runtime.shutdown_timeout(Duration::from_secs(5));
    let (served, forbidden) = (tally.served.load(Ordering::Relaxed), tally.forbidden.load(Ordering::Relaxed));
    let rate = (served + forbidden) as u64 / began.elapsed().as_secs().max(1);
    eprintln!("{reloads} reloads: {served} served, {forbidden} forbidden, {rate} requests a second");
    assert_eq!(tally.cut.load(Ordering::Relaxed), 0, "requests were cut");
    assert!(served > 100 && forbidden > 100, "{served} served, {forbidden} forbidden");
    assert_eq!(other.seen(), 0, "a request was allowed by one configuration and sent by the other");
}

#[test]
fn sigterm_under_load_cuts_nothing() {
    let gate = Gate::start();
    let tally = Arc::new(Tally::default());
    let runtime = start_load(&gate, &tally);
    thread::sleep(Duration::from_secs(1));
    gate.signal("TERM");
    let begun = Instant::now();
    while !tally.gone.load(Ordering::Relaxed) {
        assert!(begun.elapsed() < Duration::from_secs(20), "the gateway goes on");
        thread::sleep(Duration::from_millis(20));
    }
    // The last answers are on their way.
    thread::sleep(Duration::from_secs(1));
    tally.stop.store(true, Ordering::Relaxed);
    runtime.shutdown_timeout(Duration::from_secs(5));
    let served = tally.served.load(Ordering::Relaxed);
    eprintln!("{served} served");
    assert!(served > 100);
    assert_eq!(tally.cut.load(Ordering::Relaxed), 0, "requests were cut");
    assert_eq!(gate.origin.answered(), served, "what the origin did, and what clients heard of");
}

#[test]
fn a_gateway_that_is_killed_is_back_within_a_second_with_every_key_and_revocation() {
    let folder = tempfile::TempDir::new().unwrap();
    let origin = Origin::start();
    let url = format!("http://{}", origin.address);
    let first = Process::start(folder.path(), &["protect", &url, "--listen", "127.0.0.1:0", "--save", "gateway.yaml"]);
    first.kill();
    let (mut kept, mut revoked) = (Vec::<String>::new(), Vec::<String>::new());
    let kills = figure("PORTCULLIS_KILLS", 5);
    for round in 0..=kills {
        let begun = Instant::now();
        let gate = Process::start(folder.path(), &["serve", "-c", "gateway.yaml"]);
        assert!(begun.elapsed() < Duration::from_secs(1), "round {round}: ready after {:?}", begun.elapsed());
        let ca = folder.path().join("portcullis-data/ca.pem");
        let curl = Curl { folder: folder.path().to_owned(), ca, host: "localhost", address: gate.address };
        let status = |key: &String| curl.run("/", &["-H", &format!("X-API-Key: {key}")]).0;
        // The newest in each round, and all of them in the last.
        let newest = if round == kills { kills } else { 1 };
        assert!(kept.iter().rev().take(newest).all(|key| status(key) == 200), "an acknowledged key is lost");
        assert!(revoked.iter().rev().take(newest).all(|key| status(key) == 401), "an acknowledged revocation is lost");
        let command = |arguments: &[&str]| running::process::command(folder.path(), arguments).stdout;
        let make = || -> serde_json::Value {
            let arguments = ["key", "create", "-c", "gateway.yaml", "-o", "json", "--owner", "o", "--name", "n"];
            serde_json::from_slice(&command(&arguments)).unwrap()
        };
        let (stays, goes) = (make(), make());
        command(&["key", "revoke", "-c", "gateway.yaml", goes["record"]["id"].as_str().unwrap()]);
        // The command has said that it is done: the very next thing is the kill.
        gate.kill();
        kept.push(stays["key"].as_str().unwrap().to_owned());
        revoked.push(goes["key"].as_str().unwrap().to_owned());
    }
}
