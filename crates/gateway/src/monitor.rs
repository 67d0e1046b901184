//! The monitoring listener: `/metrics`, `/livez` and `/readyz` on a loopback address, apart from all traffic.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::watch};

use crate::{
    gate::Current,
    listen::Census,
    metrics::{self, Metrics},
};

/// One answer to one scrape fits easily; a connection that takes longer is closed.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the endpoints tell of.
pub(crate) struct Watched {
    pub(crate) gates: Vec<Arc<Current>>,
    pub(crate) workers: Arc<Vec<JoinHandle<()>>>,
    pub(crate) census: Arc<Census>,
    pub(crate) stop: watch::Receiver<bool>,
}

/// Answers until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, watched: Watched) {
    let watched = Arc::new(watched);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let watched = Arc::clone(&watched);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let answer = answer(&watched, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // A peer that is slow or gone is no concern of anybody else.
            let _ = tokio::time::timeout(PATIENCE, connection).await;
        });
    }
}

fn answer<B>(watched: &Watched, request: &Request<B>) -> Response<Full<Bytes>> {
    if !names_loopback(request) {
        return text(StatusCode::MISDIRECTED_REQUEST, "this listener answers to loopback names only\n".into());
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n".into());
    }
    match request.uri().path() {
        "/livez" | "/readyz" if !watched.workers_live() => {
            text(StatusCode::SERVICE_UNAVAILABLE, "a worker has ended\n".into())
        }
        "/livez" => text(StatusCode::OK, "live\n".into()),
        "/readyz" if *watched.stop.borrow() => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n".into()),
        "/readyz" => text(StatusCode::OK, "ready\n".into()),
        "/metrics" => {
            let mut response = text(StatusCode::OK, watched.metrics());
            let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, format);
            response
        }
        _ => text(StatusCode::NOT_FOUND, "/metrics, /livez or /readyz\n".into()),
    }
}

/// A page in a browser can be made to send requests here under its own name (DNS rebinding); the Host field tells.
fn names_loopback<B>(request: &Request<B>) -> bool {
    let Some(host) = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = host
        .parse::<SocketAddr>()
        .map(|address| address.ip())
        .or_else(|_| host.trim_matches(['[', ']']).parse::<IpAddr>());
    match name {
        Ok(address) => address.is_loopback(),
        Err(_) => host.split(':').next() == Some("localhost"),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

impl Watched {
    fn workers_live(&self) -> bool {
        self.workers.iter().all(|worker| !worker.is_finished())
    }

    fn metrics(&self) -> String {
        let gates: Vec<_> = self.gates.iter().map(|current| current.gate()).collect();
        let workers: Vec<&Metrics> = gates.iter().map(|gate| gate.metrics.as_ref()).collect();
        let loaded = gates.first().map_or(0, |gate| gate.snapshot.loaded_at);
        let dropped: u64 = gates.iter().map(|gate| gate.log.dropped()).sum();
        // Gauges are read by people and alarms; an f64 holds these counts exactly.
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let (held, most_held) = gates.first().map_or((0, 0), |gate| gate.snapshot.pressure.held());
        let (resident, budget) = gates.first().map_or((0, 0), |gate| gate.snapshot.pressure.figures());
        // By whole KiB, which an f64 made of 32 bits holds up to 4 TiB.
        let bytes = |count: u64| f64::from(u32::try_from(count >> 10).unwrap_or(u32::MAX)) * 1024.0;
        let seconds = |count: u64| Duration::from_secs(count).as_secs_f64();
        let gauges = [
            ("portcullis_connections", "Client connections that are open.", number(self.census.count())),
            ("portcullis_memory_resident_bytes", "Memory that the process takes.", bytes(resident)),
            ("portcullis_memory_budget_bytes", "Memory that it may take; 0 is no limit.", bytes(budget)),
            ("portcullis_held_body_bytes", "Bodies that are held whole to be judged.", bytes(held)),
            ("portcullis_held_body_budget_bytes", "What they may take together.", bytes(most_held)),
            (
                "portcullis_config_loaded_timestamp_seconds",
                "When the configuration in force was loaded.",
                seconds(loaded),
            ),
            (
                "portcullis_access_log_lines_waiting_dropped",
                "Access log lines lost and not yet reported in the log.",
                seconds(dropped),
            ),
        ];
        let mut page = metrics::render(workers.into_iter(), &gauges);
        if let Some(gate) = gates.first() {
            gate.snapshot.fleet.render(&mut page);
            gate.snapshot.limiter.render(&mut page);
        }
        page
    }
}
