//! An origin that records every byte it gets.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: origin/1\r\nX-Powered-By: rust\r\nX-Frame-Options: SAMEORIGIN\r\n\
    X-Request-Id: of-the-origin\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";

/// Bytes that are kept; later ones are only counted.
const KEPT: usize = 1 << 20;

/// A recording origin; every request with a whole head gets 200, `…/download-N` N MiB of zeros with it.
pub struct Origin {
    pub address: SocketAddr,
    record: Arc<Mutex<Record>>,
}

#[derive(Default)]
struct Record {
    bytes: Vec<u8>,
    count: usize,
    answered: usize,
}

impl Record {
    fn take(&mut self, bytes: &[u8]) {
        self.count += bytes.len();
        let room = KEPT.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..room]);
    }
}

impl Origin {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let record = Arc::new(Mutex::new(Record::default()));
        let shared = Arc::clone(&record);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let record = Arc::clone(&shared);
                // A connection that breaks is the test's to notice.
                thread::spawn(move || serve(stream, &record).unwrap_or(()));
            }
        });
        Self { address, record }
    }

    /// How many bytes have come so far.
    pub fn seen(&self) -> usize {
        self.record.lock().unwrap().count
    }

    /// How many requests were answered, as far as the system took the answer.
    pub fn answered(&self) -> usize {
        self.record.lock().unwrap().answered
    }

    /// The first MiB that came.
    pub fn raw_text(&self) -> String {
        String::from_utf8_lossy(&self.record.lock().unwrap().bytes).into_owned()
    }

    /// The first MiB that came, in lower case.
    pub fn text(&self) -> String {
        self.raw_text().to_ascii_lowercase()
    }
}

/// An origin that says what a test tells it to, however wrong that is.
pub struct Scripted {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Scripted {
    /// Answers each request by its target. What `answer` writes is all that goes out.
    pub fn start(answer: impl Fn(&str, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (shared, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let (requests, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                // The gateway hangs up on what it does not like.
                thread::spawn(move || recite(number, stream, &requests, &*answer).unwrap_or(()));
            }
        });
        Self { address, requests }
    }

    /// The target of each request so far, with the number of its connection.
    pub fn requests(&self) -> Vec<(usize, String)> {
        self.requests.lock().unwrap().clone()
    }

    /// An API of the gateway's configuration, `/hostile/{name}`, that this origin serves to anyone.
    pub fn api(&self) -> String {
        let address = self.address;
        format!(
            "  - {{ name: hostile, host: localhost, path: /hostile, upstream: \"http://{address}\", response_timeout: 20s, \
             routes: [{{ match: \"GET /hostile/{{name}}\", public: \"a test\" }}] }}\n"
        )
    }
}

fn recite(
    number: usize,
    mut stream: TcpStream,
    requests: &Mutex<Vec<(usize, String)>>,
    answer: &dyn Fn(&str, &mut TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
        if head.ends_with(b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&head).into_owned();
            let target = text.split(' ').nth(1).unwrap_or_default();
            requests.lock().unwrap().push((number, target.to_owned()));
            answer(target, &mut stream)?;
            head.clear();
        }
    }
    Ok(())
}

fn serve(mut stream: TcpStream, record: &Mutex<Record>) -> io::Result<()> {
    let (mut pending, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let head = loop {
            if let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&pending[..end]).to_ascii_lowercase();
                pending.drain(..end + 4);
                break head;
            }
            if !receive(&mut stream, &mut buffer, &mut pending, record)? {
                return Ok(());
            }
        };
        if head.contains("transfer-encoding: chunked") {
            while !pending.ends_with(b"0\r\n\r\n") {
                // Only its end matters, and that is five bytes.
                pending.drain(..pending.len().saturating_sub(5));
                if !receive(&mut stream, &mut buffer, &mut pending, record)? {
                    return Ok(());
                }
            }
            pending.clear();
        } else {
            let stated = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let mut left = stated.unwrap_or(0);
            loop {
                let used = left.min(pending.len());
                pending.drain(..used);
                left -= used;
                if left == 0 {
                    break;
                }
                if !receive(&mut stream, &mut buffer, &mut pending, record)? {
                    return Ok(());
                }
            }
        }
        answer(&mut stream, &head)?;
        record.lock().unwrap().answered += 1;
    }
}

fn receive(
    stream: &mut TcpStream,
    buffer: &mut [u8],
    pending: &mut Vec<u8>,
    record: &Mutex<Record>,
) -> io::Result<bool> {
    let count = stream.read(buffer)?;
    record.lock().unwrap().take(&buffer[..count]);
    pending.extend_from_slice(&buffer[..count]);
    Ok(count > 0)
}

fn answer(stream: &mut TcpStream, head: &str) -> io::Result<()> {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let Some(mebibytes) = target.split_once("download-").and_then(|(_, size)| size.parse::<usize>().ok()) else {
        return stream.write_all(ANSWER);
    };
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", mebibytes << 20)?;
    let block = vec![0; 1 << 20];
    (0..mebibytes).try_for_each(|_| stream.write_all(&block))
}
