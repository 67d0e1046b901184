//! An origin of `WebSocket`s.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// An origin that switches when it is asked to, and then echoes.
pub struct Echo {
    pub address: SocketAddr,
    pub asked: Arc<AtomicUsize>,
}

impl Echo {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || echo(stream));
            }
        });
        Self { address, asked }
    }

    /// An API of the gateway's configuration, `/live`, that this origin serves; with more keys of its route.
    pub fn api(&self, rules: &str) -> String {
        format!(
            "  - {{ name: live, host: localhost, path: /live, upstream: \"http://{}\", authenticate: [jwt: corp, api_key, client_certificate], \
             routes: [{{ match: \"GET /live\", scopes: [orders:read]{rules} }}] }}\n",
            self.address
        )
    }
}

/// A client's request for a `WebSocket` at `/live`.
pub fn handshake(fields: &str) -> String {
    format!(
        "GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n"
    )
}

/// A frame of a client, whose mask changes nothing.
pub fn masked(head: u8, payload: &[u8]) -> Vec<u8> {
    [&[head, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0], payload].concat()
}

fn echo(mut stream: TcpStream) {
    // A call of the system for each byte would be most of what a short connection costs the machine of a test.
    let mut from = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && from.read_until(b'\n', &mut head).is_ok_and(|count| count > 0) {}
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    if !head.contains("upgrade: websocket") {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain");
        return;
    }
    // What fails here fails the test at its other end.
    let _ = stream.write_all(SWITCH.as_bytes());
    let _ = std::io::copy(&mut from, &mut stream);
}
