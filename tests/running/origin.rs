//! An origin that records every byte it gets.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: origin/1\r\nX-Powered-By: rust\r\nX-Frame-Options: SAMEORIGIN\r\n\
    Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";

/// A recording origin; every request with a whole head gets 200.
pub struct Origin {
    pub address: SocketAddr,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Origin {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&bytes);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let recorded = Arc::clone(&recorded);
                thread::spawn(move || serve(stream, &recorded));
            }
        });
        Self { address, bytes }
    }

    /// Bytes that have come so far.
    pub fn seen(&self) -> usize {
        self.bytes.lock().unwrap().len()
    }

    /// Everything that has come so far.
    pub fn raw_text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// Everything that has come so far, in lower case.
    pub fn text(&self) -> String {
        self.raw_text().to_ascii_lowercase()
    }
}

fn serve(mut stream: TcpStream, recorded: &Mutex<Vec<u8>>) {
    let (mut pending, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        recorded.lock().unwrap().extend_from_slice(&buffer[..count]);
        pending.extend_from_slice(&buffer[..count]);
        while let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&pending[..end]).to_ascii_lowercase();
            let rest = &pending[end + 4..];
            let length = if head.contains("transfer-encoding: chunked") {
                rest.windows(5).position(|window| window == b"0\r\n\r\n").map(|at| at + 5)
            } else {
                let stated = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
                Some(stated.unwrap_or(0)).filter(|length| rest.len() >= *length)
            };
            let Some(length) = length else { break };
            pending.drain(..end + 4 + length);
            if stream.write_all(ANSWER).is_err() {
                return;
            }
        }
    }
}
