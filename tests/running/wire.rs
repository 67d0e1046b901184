//! Requests byte by byte over TLS, and what comes back.

use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::Value;

use super::Gate;

/// How long a test waits for what must happen at once.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One answer.
pub struct Answer {
    pub status: u16,
    /// Field lines, names in lower case.
    pub head: String,
    pub body: String,
}

impl Answer {
    /// `code` of problem+json; empty for other bodies.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Sends one HTTP/1.1 request and reads its answer to the end of the connection.
pub fn request(gate: &Gate, method: &str, target: &str, fields: &[&str], body: &str) -> Answer {
    let host = if fields.iter().any(|field| field.starts_with("Host:")) { "" } else { "Host: localhost\r\n" };
    let lines = fields.iter().fold(String::new(), |lines, field| lines + field + "\r\n");
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    raw(gate, format!("{method} {target} HTTP/1.1\r\n{host}{lines}{length}Connection: close\r\n\r\n{body}").as_bytes())
}

/// Sends exact bytes and reads until the connection closes.
pub fn raw(gate: &Gate, bytes: &[u8]) -> Answer {
    let mut stream = connect(gate, None);
    // A gateway that has seen enough closes before it has read all.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    // A close without close_notify still leaves what was read.
    let _ = BufReader::new(stream).read_to_end(&mut answer);
    parse(&String::from_utf8_lossy(&answer))
}

/// Sends exact bytes; the answer, and the connection must be closed after it by the gateway's own doing.
pub fn until_close(gate: &Gate, bytes: &[u8]) -> Answer {
    until_close_of(connect(gate, None), bytes)
}

/// The same over a connection made before.
pub fn until_close_of(mut stream: StreamOwned<ClientConnection, TcpStream>, bytes: &[u8]) -> Answer {
    stream.sock.set_read_timeout(Some(PATIENCE)).unwrap();
    // A gateway that has seen enough closes before it has read all.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let waited = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
        assert!(!waited, "the connection stays open after {:?}", String::from_utf8_lossy(&answer));
    }
    parse(&String::from_utf8_lossy(&answer))
}

/// A connection that stays open between requests.
pub struct Connection(StreamOwned<ClientConnection, TcpStream>);

impl Connection {
    pub fn open(gate: &Gate) -> Self {
        Self(connect(gate, None))
    }

    /// Opens one with a client's certificate, by the name of its file.
    pub fn open_as(gate: &Gate, client: &str) -> Self {
        Self(connect(gate, Some(client)))
    }

    /// Sends one request and reads its answer by its Content-Length or chunks.
    pub fn exchange(&mut self, bytes: &[u8]) -> Answer {
        self.0.write_all(bytes).unwrap();
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let count = self.0.read(&mut buffer).unwrap();
            assert!(count > 0, "the connection was closed");
            answer.extend_from_slice(&buffer[..count]);
            let parsed = parse(&String::from_utf8_lossy(&answer));
            let length = parsed.field("content-length").and_then(|length| length.parse::<usize>().ok());
            let chunked = parsed.field("transfer-encoding") == Some("chunked");
            if length.is_some_and(|length| parsed.body.len() >= length) || chunked && parsed.body.ends_with("0\r\n\r\n")
            {
                return parsed;
            }
        }
    }
}

impl Connection {
    /// Sends a request for another protocol; the head of what comes back.
    pub fn switch(&mut self, bytes: &[u8]) -> String {
        self.0.write_all(bytes).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            assert_eq!(self.0.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    /// Sends bytes, unless the connection is closed.
    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Sends bytes and reads as many; `None` once the connection is closed.
    pub fn echo(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut back = vec![0; bytes.len()];
        self.0.write_all(bytes).ok()?;
        self.0.read_exact(&mut back).ok()?;
        Some(back)
    }

    /// Reads until the other side ends it, in whatever way.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let (mut all, mut piece) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = self.0.read(&mut piece) {
            all.extend_from_slice(&piece[..count]);
        }
        all
    }
}

/// The certificate that a new connection is answered with.
pub fn certificate(gate: &Gate) -> Vec<u8> {
    let mut stream = connect(gate, None);
    stream.flush().unwrap();
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

fn connect(gate: &Gate, client: Option<&str>) -> StreamOwned<ClientConnection, TcpStream> {
    handshake(gate.address, "localhost", config(gate, client))
}

/// TLS to a listener under a server name; the handshake itself comes with the first bytes.
pub fn handshake(
    address: SocketAddr,
    name: &str,
    config: impl Into<Arc<ClientConfig>>,
) -> StreamOwned<ClientConnection, TcpStream> {
    let connection = ClientConnection::new(config.into(), name.to_owned().try_into().unwrap()).unwrap();
    StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

/// A client that trusts the gateway's CA, with a certificate by the name of its file or without.
pub fn config(gate: &Gate, client: Option<&str>) -> ClientConfig {
    let file = |name: String| File::open(gate.folder.path().join(name)).unwrap();
    let mut roots = RootCertStore::empty();
    for anchor in CertificateDer::pem_reader_iter(file("ca.pem".into())) {
        roots.add(anchor.unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    match client {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let chain = CertificateDer::pem_reader_iter(file(format!("{name}.pem"))).map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_reader(file(format!("{name}.key"))).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

pub fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let (status_line, fields) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let lower = |line: &str| line.split_once(':').map(|(name, value)| format!("{}:{value}", name.to_ascii_lowercase()));
    let head = fields.lines().filter_map(lower).collect::<Vec<_>>().join("\n");
    Answer { status, head, body: body.to_owned() }
}
