//! The framing of HTTP/1.1: the same requests and the same faults however the bytes were cut, and never a byte that the
//! guard takes for a body while the library takes it for a head, or the reverse.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use gateway::workbench::{Fault, Watch, strict};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The first byte chooses the pieces; the rest is what a client sends.
pub fn hold(bytes: &[u8]) {
    let Some((&seed, sent)) = bytes.split_first() else { return };
    let pieces = cut(sent, seed);
    let fault = follow(&[sent]);
    assert_eq!(fault, follow(&pieces), "the pieces decide over the framing");
    let whole = serve(&[sent]);
    assert_eq!(whole.seen, serve(&pieces).seen, "the pieces decide over what is read");
    agree(sent, fault);
}

/// Pieces of one to eight bytes, or of the lengths that the seed's bits name.
fn cut(sent: &[u8], seed: u8) -> Vec<&[u8]> {
    let (mut pieces, mut rest, mut turn) = (Vec::new(), sent, seed);
    while !rest.is_empty() {
        let length = if seed & 1 == 0 { 1 } else { 1 + usize::from(turn) % 23 };
        let (piece, left) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = left;
        turn = turn.wrapping_mul(5).wrapping_add(seed | 1);
    }
    pieces
}

/// The first fault, by its place in all that was sent.
fn follow(pieces: &[&[u8]]) -> Option<Fault> {
    let (mut watch, mut before) = (Watch::new(), 0);
    for piece in pieces {
        match watch.follow(piece) {
            None => before += piece.len(),
            Some(Fault::Head(place)) => return Some(Fault::Head(before + place)),
            Some(Fault::Body(place)) => return Some(Fault::Body(before + place)),
        }
    }
    None
}

/// Whether the guard expects a request next: it then knows a fragment in its target for one.
fn is_between_requests(sent: &[u8]) -> bool {
    let probe = [sent, b"GET /a#b"].concat();
    follow(&[&probe]) == Some(Fault::Head(sent.len() + "GET /a".len()))
}

/// A request as the HTTP library read it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    /// `None` for one that broke off.
    body: Option<Vec<u8>>,
}

type Record = Arc<Mutex<Vec<Seen>>>;

/// What the HTTP library made of a connection.
struct Served {
    seen: Vec<Seen>,
    answers: Vec<u8>,
}

impl Served {
    /// It reads nothing after this.
    fn is_over(&self) -> bool {
        if self.seen.iter().any(|request| request.body.is_none()) {
            return true;
        }
        let answers = String::from_utf8_lossy(&self.answers).to_ascii_lowercase();
        answers.contains("connection: close") || answers.contains("http/1.1 4") || answers.contains("http/1.0")
    }
}

fn serve(pieces: &[&[u8]]) -> Served {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (client, server) = tokio::io::duplex(1 << 20);
        let seen = Record::default();
        let record = Arc::clone(&seen);
        let service = service_fn(move |request| answer(Arc::clone(&record), request));
        let connection = http1::Builder::new()
            .half_close(false)
            .header_read_timeout(None)
            .max_headers(100)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(strict(server)), service);
        let (mut reader, mut writer) = tokio::io::split(client);
        let send = async {
            for piece in pieces {
                if writer.write_all(piece).await.is_err() {
                    break;
                }
                // The other side reads what is there before more comes.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            }
            let _ = writer.shutdown().await;
            let mut answers = Vec::new();
            let _ = reader.read_to_end(&mut answers).await;
            answers
        };
        let (answers, _) = tokio::join!(send, connection);
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        Served { seen, answers }
    })
}

async fn answer(seen: Record, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    // As the gateway does: a tunnel would end what there is to compare.
    let status = if parts.method == Method::CONNECT { 501 } else { 200 };
    let fields = parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let body = body.collect().await.ok().map(|body| body.to_bytes().to_vec());
    let (method, target) = (parts.method.to_string(), parts.uri.to_string());
    seen.lock().unwrap().push(Seen { method, target, fields, body });
    Ok(Response::builder().status(status).body(Empty::new()).unwrap())
}

const PROBE: &str = "/0-probe";

/// One more request after all that was sent is a request to both of them, or to neither.
fn agree(sent: &[u8], fault: Option<Fault>) {
    if fault.is_some() {
        return;
    }
    let probe = format!("GET {PROBE} HTTP/1.1\r\nHost: a\r\n\r\n");
    let served = serve(&[sent, probe.as_bytes()]);
    // Its method may be cut short by a body that lacked some bytes, for both of them.
    let taken = served.seen.last().is_some_and(|request| request.target == PROBE);
    if taken {
        assert!(is_between_requests(sent), "the library takes for a request what the guard does not");
    } else if !served.is_over() {
        assert!(!is_between_requests(sent), "the guard takes for a request what the library does not");
    }
}
