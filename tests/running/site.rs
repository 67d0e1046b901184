//! Somebody else's site: https on loopback under the name `localhost`, with a certificate of its own, which writes down what
//! it was asked.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub body: String,
}

/// A running site. What it answers to a path is up to the test: a whole answer, byte by byte.
pub struct Site {
    pub address: SocketAddr,
    /// What its certificate is trusted by, as PEM.
    pub ca: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<Mutex<usize>>,
}

impl Site {
    pub fn start(answer: impl Fn(&Seen, &str) -> String + Send + Sync + 'static) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let config = Arc::new(builder.with_single_cert(chain, private).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (notes, count, answer) = (Arc::clone(&seen), Arc::clone(&connections), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                *count.lock().unwrap() += 1;
                let (config, notes, answer) = (Arc::clone(&config), Arc::clone(&notes), Arc::clone(&answer));
                thread::spawn(move || serve(stream, config, &notes, |seen| answer(seen, &base(address))));
            }
        });
        Self { address, ca: certificate.pem(), seen, connections }
    }

    /// The address of a path.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", base(self.address))
    }

    /// What it was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Connections so far, whatever came of them.
    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

fn base(address: SocketAddr) -> String {
    format!("https://localhost:{}", address.port())
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, notes: &Mutex<Vec<Seen>>, answer: impl Fn(&Seen) -> String) {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut reader = BufReader::new(&mut stream);
    let mut head = Vec::new();
    while !head.last().is_some_and(String::is_empty) {
        let mut line = String::new();
        // A client that does not trust the certificate leaves.
        if reader.read_line(&mut line).is_err() || line.is_empty() {
            return;
        }
        head.push(line.trim_end().to_owned());
    }
    let length = head.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    let mut words = head[0].split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let seen = Seen { method, path, body: String::from_utf8(body).unwrap() };
    notes.lock().unwrap().push(seen.clone());
    // Whoever has read enough closes.
    let _ = stream.write_all(answer(&seen).as_bytes());
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

/// An answer with a body of JSON.
pub fn json(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}
