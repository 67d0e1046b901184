//! An issuer of tokens: metadata and keys over HTTP on loopback, and a count of how often its keys were asked for.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use jose::{Algorithm, SigningKey};
use serde_json::json;

/// A running issuer.
pub struct Issuer {
    pub address: SocketAddr,
    pub key: SigningKey,
    fetched: Arc<AtomicUsize>,
}

impl Issuer {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let keys = Arc::new(Mutex::new(json!({ "keys": [key.public_jwk()] }).to_string()));
        let fetched = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&fetched);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, address, &keys.lock().unwrap(), &count);
            }
        });
        Self { address, key, fetched }
    }

    /// How often the keys were fetched.
    pub fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: &TcpStream, address: SocketAddr, keys: &str, fetched: &AtomicUsize) {
    let head: Vec<String> =
        BufReader::new(stream).lines().map_while(Result::ok).take_while(|l| !l.is_empty()).collect();
    let body = match head.first().and_then(|line| line.split(' ').nth(1)) {
        Some("/.well-known/openid-configuration") => {
            let issuer = format!("http://{address}");
            json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/keys") }).to_string()
        }
        Some("/keys") => {
            fetched.fetch_add(1, Ordering::SeqCst);
            keys.to_owned()
        }
        _ => {
            // The caller learns what it needs from a broken connection too.
            let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        }
    };
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}
