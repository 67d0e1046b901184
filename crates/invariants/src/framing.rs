//! The framing of HTTP/1.1: the same requests and the same faults however the bytes were cut, and no request that an
//! independent reader of the protocol takes for another one.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use gateway::workbench::{End, read};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The first byte chooses the pieces; the rest is what a client sends.
pub fn hold(bytes: &[u8]) {
    let Some((&seed, sent)) = bytes.split_first() else { return };
    let (requests, end) = read(&[sent]);
    let (in_pieces, end_in_pieces) = read(&cut(sent, seed));
    assert_eq!(requests, in_pieces, "the pieces decide over what is read");
    // How much of a head may come without its end depends on how it comes; what is whole does not.
    assert!(end == end_in_pieces || end == End::Within, "the pieces decide over the fault: {end:?}, {end_in_pieces:?}");
    for request in &requests {
        let mut lengths = request.fields.get_all("content-length").iter();
        let length = lengths.next().map(|length| length.to_str().unwrap().parse::<usize>().unwrap());
        assert!(lengths.next().is_none() && length.is_none_or(|length| length == request.body.len()));
        assert!(length.is_none() || !request.fields.contains_key("transfer-encoding"), "framed twice");
    }
    let ours: Vec<Seen> = requests.into_iter().map(Seen::from).collect();
    let theirs = serve(sent);
    for (ours, theirs) in ours.iter().zip(&theirs.seen) {
        assert_eq!(ours, theirs, "it has another meaning for another reader");
    }
    assert!(theirs.is_over() || theirs.seen.len() >= ours.len(), "another reader sees fewer requests");
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

/// A request as it was read.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    /// `None` for one that broke off.
    body: Option<Vec<u8>>,
}

impl From<gateway::workbench::Read> for Seen {
    fn from(read: gateway::workbench::Read) -> Self {
        let fields = read.fields.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        Self { method: read.method, target: read.target.to_string(), fields, body: Some(read.body) }
    }
}

type Record = Arc<Mutex<Vec<Seen>>>;

/// What the other reader made of a connection.
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

/// The other reader is hyper.
fn serve(sent: &[u8]) -> Served {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (near, server) = tokio::io::duplex(1 << 20);
        let seen = Record::default();
        let record = Arc::clone(&seen);
        let service = service_fn(move |request| answer(Arc::clone(&record), request));
        let connection = http1::Builder::new()
            .half_close(false)
            .header_read_timeout(None)
            .max_headers(100)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(server), service);
        let (mut reader, mut writer) = tokio::io::split(near);
        let client = async {
            let _ = writer.write_all(sent).await;
            // The other side reads what is there before the connection ends.
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
            let _ = writer.shutdown().await;
            let mut answers = Vec::new();
            let _ = reader.read_to_end(&mut answers).await;
            answers
        };
        let (answers, _) = tokio::join!(client, connection);
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
