//! Load at a rate of its own, whatever becomes of it, and an origin that can do so much and no more.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{MissedTickBehavior, interval, sleep},
};

/// What came back, and when.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Since the load began.
    pub at: Duration,
    pub took: Duration,
    /// `None` where the connection broke.
    pub status: Option<StatusCode>,
    /// Whether it said when to come back.
    pub retry_after: bool,
}

/// How requests are offered.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    pub connections: u32,
    /// Requests a second on all connections; `None` is one after another on each.
    pub rate: Option<u32>,
    pub time: Duration,
    /// Requests after which a connection is left for a new one.
    pub stay: usize,
}

/// Offers requests over HTTP/1.1 without TLS. The request of a connection is made from its number and how many were sent.
pub fn offer(
    address: SocketAddr,
    offer: Offer,
    request: impl Fn(u32, usize) -> Request<Full<Bytes>> + Send + Sync + 'static,
) -> Vec<Seen> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (seen, request, began) = (Arc::new(Mutex::new(Vec::new())), Arc::new(request), Instant::now());
    let clients: Vec<_> = (0..offer.connections)
        .map(|number| {
            let (seen, request) = (Arc::clone(&seen), Arc::clone(&request));
            runtime.spawn(async move {
                let mut own = Vec::new();
                let every = offer.rate.map(|rate| Duration::from_secs(1) * offer.connections / rate);
                // Not all in one moment.
                sleep(every.unwrap_or_default() * number / offer.connections).await;
                let mut ticks = interval(every.unwrap_or(Duration::from_nanos(1)));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                let (mut sender, mut sent) = (None, 0);
                while began.elapsed() < offer.time {
                    if every.is_some() {
                        ticks.tick().await;
                    }
                    let asked = Instant::now();
                    let answer = ask(address, &mut sender, request(number, sent)).await;
                    sent += 1;
                    if answer.is_none() || sent.is_multiple_of(offer.stay) {
                        sender = None;
                    }
                    let (status, retry_after) = answer.map_or((None, false), |(status, retry)| (Some(status), retry));
                    own.push(Seen { at: began.elapsed(), took: asked.elapsed(), status, retry_after });
                }
                seen.lock().unwrap().append(&mut own);
            })
        })
        .collect();
    for client in clients {
        runtime.block_on(client).unwrap();
    }
    drop(runtime);
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

/// One exchange over the connection that there is, or a new one.
async fn ask(
    address: SocketAddr,
    sender: &mut Option<http1::SendRequest<Full<Bytes>>>,
    request: Request<Full<Bytes>>,
) -> Option<(StatusCode, bool)> {
    if sender.is_none() {
        let stream = TcpStream::connect(address).await.ok()?;
        let (new, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        *sender = Some(new);
    }
    let sender = sender.as_mut()?;
    sender.ready().await.ok()?;
    let response = sender.send_request(request).await.ok()?;
    let (status, retry_after) = (response.status(), response.headers().contains_key("retry-after"));
    response.into_body().collect().await.ok()?;
    Some((status, retry_after))
}

/// An origin that takes so long for each request, however many there are at once.
pub fn slow_origin(time: Duration) -> SocketAddr {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        runtime.block_on(async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, time));
            }
        });
    });
    address
}

async fn serve(mut stream: TcpStream, time: Duration) {
    let (mut head, mut buffer) = (Vec::new(), [0; 4_096]);
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        head.extend_from_slice(&buffer[..count]);
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        head.clear();
        sleep(time).await;
        if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

/// The time within which so many of a thousand were.
pub fn percentile(mut took: Vec<Duration>, of_thousand: usize) -> Duration {
    took.sort_unstable();
    let place = (took.len() * of_thousand / 1_000).min(took.len().saturating_sub(1));
    took.get(place).copied().unwrap_or_default()
}
