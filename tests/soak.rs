//! What many clients that do nothing, or hardly anything, cost everybody else.
//!
//! `cargo xtask soak` runs these on a release build with the full figures; without it they are short, and hold the
//! gateway to its bounds but not to times.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use running::{Gate, wire};
use rustls::ClientConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Whether the figures count, or only the bounds.
fn full() -> bool {
    std::env::var_os("PORTCULLIS_SOAK").is_some()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

async fn connect(address: SocketAddr, tls: &Arc<ClientConfig>) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    TlsConnector::from(Arc::clone(tls)).connect("localhost".try_into().unwrap(), stream).await.unwrap()
}

/// What good clients got: requests served in a time, and how long each took.
struct Service {
    asked: usize,
    took: Vec<Duration>,
}

impl Service {
    fn percentile(&self, share: f64) -> Duration {
        let mut sorted = self.took.clone();
        sorted.sort_unstable();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let place = (sorted.len() as f64 * share) as usize;
        sorted[place.min(sorted.len() - 1)]
    }
}

/// Eight clients, each a hundred requests a second, for a time.
fn serve_good_clients(runtime: &Runtime, gate: &Gate, tls: &Arc<ClientConfig>, time: Duration) -> Service {
    let token: Arc<str> = format!("Bearer {}", gate.token("orders:read")).into();
    let took = Arc::new(Mutex::new(Vec::new()));
    let until = Instant::now() + time;
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (address, tls, token, took) = (gate.address, Arc::clone(tls), Arc::clone(&token), Arc::clone(&took));
            runtime.spawn(async move {
                let (mut sender, connection) =
                    http1::handshake(TokioIo::new(connect(address, &tls).await)).await.unwrap();
                tokio::spawn(connection);
                let mut ticks = interval(Duration::from_millis(10));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                while Instant::now() < until {
                    ticks.tick().await;
                    let begun = Instant::now();
                    let request =
                        Request::get("/orders/1").header("host", "localhost").header("authorization", &*token);
                    let response = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
                    assert_eq!(response.status(), StatusCode::OK);
                    response.into_body().collect().await.unwrap();
                    took.lock().unwrap().push(begun.elapsed());
                }
            })
        })
        .collect();
    for client in clients {
        runtime.block_on(client).unwrap();
    }
    let asked = usize::try_from(time.as_millis() / 10).unwrap() * 8;
    Service { asked, took: Arc::into_inner(took).unwrap().into_inner().unwrap() }
}

#[test]
fn slow_clients_hold_little_hinder_nobody_and_are_closed() {
    let (count, header_timeout, keep_alive) = if full() { (10_000, 10, 30) } else { (300, 2, 4) };
    let gate = Gate::start_changed(|text| {
        text + &format!(
            "limits: {{ connections: 20000, connections_per_address: 20000, header_timeout: {header_timeout}s, \
             keep_alive: {keep_alive}s }}\n"
        )
    });
    // Threads of their own: good clients that waited for slow ones in here would say nothing of the gateway.
    let (good, slow, tls) = (runtime(), runtime(), Arc::new(wire::config(&gate, None)));
    let time = Duration::from_secs(if full() { 8 } else { 1 });
    let before = serve_good_clients(&good, &gate, &tls, time);
    let resident = gate.resident_kib();

    // Half say nothing, half a byte of a head every second.
    let (closed, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    let last_closed = Arc::new(Mutex::new(Duration::ZERO));
    slow.block_on(async {
        for number in 0..count {
            let mut stream = connect(gate.address, &tls).await;
            open.fetch_add(1, Ordering::Relaxed);
            let (closed, last_closed) = (Arc::clone(&closed), Arc::clone(&last_closed));
            tokio::spawn(async move {
                let (mut byte, opened) = ([0], Instant::now());
                let limit = if number % 2 == 0 { keep_alive } else { header_timeout };
                if number % 2 == 0 {
                    let _ = stream.read(&mut byte).await;
                } else {
                    let (mut reader, mut writer) = tokio::io::split(stream);
                    let slowly = async {
                        let mut head = b"GET /open HTTP/1.1\r\nHost: localhost\r\nX-Slow: ".iter().copied();
                        while writer.write_all(&[head.next().unwrap_or(b'a')]).await.is_ok()
                            && writer.flush().await.is_ok()
                        {
                            sleep(Duration::from_secs(1)).await;
                        }
                    };
                    tokio::select! {
                        () = slowly => {}
                        _ = reader.read(&mut byte) => {}
                    }
                }
                let late = opened.elapsed().saturating_sub(Duration::from_secs(limit));
                let mut latest = last_closed.lock().unwrap();
                *latest = late.max(*latest);
                closed.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    let opened = begun.elapsed();
    let grown = gate.resident_kib().saturating_sub(resident);
    let during = serve_good_clients(&good, &gate, &tls, time);
    let peak = gate.peak_kib();
    let deadline = Instant::now() + Duration::from_secs(keep_alive + 20);
    while closed.load(Ordering::Relaxed) < count && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(100));
    }
    let late = *last_closed.lock().unwrap();
    let (fast, slow) = (before.percentile(0.99), during.percentile(0.99));
    let share = during.took.len() * 100 / before.took.len();
    let each = grown / u64::try_from(count).unwrap();
    eprintln!(
        "{count} slow or idle TLS connections, opened in {opened:.1?}\n\
         | figure | bound | seen |\n|---|---|---|\n\
         | resident memory at its peak | 400 MiB | {} MiB |\n\
         | memory of a connection | 20 KiB | {each} KiB |\n\
         | good requests served, of those before | 90 % | {share} % ({} and {}) |\n\
         | their 99th percentile, before and during | 3x | {fast:.1?} and {slow:.1?} |\n\
         | the last was closed after its limit | 15 s | {late:.1?} |",
        peak >> 10,
        before.took.len(),
        during.took.len(),
    );
    assert_eq!(closed.load(Ordering::Relaxed), count, "slow connections stay open");
    assert!(late < Duration::from_secs(15), "one was closed {late:?} after its limit");
    assert!(peak < 400 << 10, "{peak} KiB resident");
    if full() {
        assert!(each <= 20, "{each} KiB for a connection");
        assert!(during.took.len() * 10 >= before.took.len() * 9, "good traffic suffers");
        assert!(slow <= fast * 3, "good traffic waits");
    }
}
