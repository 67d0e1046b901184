//! A server of an upstream that a test can make ill, kill and revive.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// What it does with a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// 200.
    Answers,
    /// 200, but `/healthz` gets 503.
    Ails,
    /// 503.
    Refuses,
    /// Nothing, for as long as the client waits.
    Hangs,
    /// Closes the connection.
    Breaks,
    /// Closes the connection in the middle of an answer's head.
    Stutters,
}

/// A server; its number is in its answers.
pub struct Backend {
    pub address: SocketAddr,
    state: Arc<State>,
    alive: Arc<AtomicBool>,
}

struct State {
    number: usize,
    mood: Mutex<Mood>,
    requests: Mutex<Vec<String>>,
    hanging: AtomicUsize,
    open: Mutex<Vec<TcpStream>>,
}

impl Backend {
    pub fn start(number: usize) -> Self {
        Self::start_on(number, "127.0.0.1:0".parse().unwrap())
    }

    pub fn start_on(number: usize, address: SocketAddr) -> Self {
        let state = Arc::new(State {
            number,
            mood: Mutex::new(Mood::Answers),
            requests: Mutex::default(),
            hanging: AtomicUsize::new(0),
            open: Mutex::default(),
        });
        let mut backend = Self { address, state, alive: Arc::default() };
        backend.revive();
        backend
    }

    /// Listens at its address, again.
    pub fn revive(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        self.address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        self.alive = Arc::new(AtomicBool::new(true));
        let (state, alive) = (Arc::clone(&self.state), Arc::clone(&self.alive));
        thread::spawn(move || {
            while alive.load(Ordering::Acquire) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).unwrap();
                        state.open.lock().unwrap().push(stream.try_clone().unwrap());
                        let (state, alive) = (Arc::clone(&state), Arc::clone(&alive));
                        // A connection that breaks is the test's to notice.
                        thread::spawn(move || state.serve(stream, &alive).unwrap_or(()));
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }

    /// Closes its listener and all of its connections.
    pub fn kill(&self) {
        self.alive.store(false, Ordering::Release);
        thread::sleep(Duration::from_millis(20));
        for stream in self.state.open.lock().unwrap().drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn becomes(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    /// The first line of each request so far that is not a health check.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().iter().filter(|line| !line.contains("/healthz")).cloned().collect()
    }

    /// Health checks so far.
    pub fn checks(&self) -> usize {
        self.state.requests.lock().unwrap().iter().filter(|line| line.contains("/healthz")).count()
    }

    /// Requests that hang now.
    pub fn hanging(&self) -> usize {
        self.state.hanging.load(Ordering::Acquire)
    }

    pub fn url(&self) -> String {
        format!("\"http://{}\"", self.address)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream, alive: &AtomicBool) -> io::Result<()> {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while stream.read(&mut byte)? == 1 {
            head.push(byte[0]);
            if !head.ends_with(b"\r\n\r\n") {
                continue;
            }
            let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
            let line = text.lines().next().unwrap_or_default().to_owned();
            self.requests.lock().unwrap().push(line.clone());
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<u64>().ok());
            io::copy(&mut (&mut stream).take(length.unwrap_or(0)), &mut io::sink())?;
            head.clear();
            let mood = *self.mood.lock().unwrap();
            match mood {
                Mood::Ails if line.contains("/healthz") => self.answer(&mut stream, "503 Service Unavailable")?,
                Mood::Answers | Mood::Ails => {
                    // Long enough that some requests are under way when it is killed.
                    thread::sleep(Duration::from_millis(2));
                    self.answer(&mut stream, "200 OK")?;
                }
                Mood::Refuses => self.answer(&mut stream, "503 Service Unavailable")?,
                Mood::Hangs => {
                    self.hanging.fetch_add(1, Ordering::AcqRel);
                    while alive.load(Ordering::Acquire) {
                        thread::sleep(Duration::from_millis(10));
                    }
                    return Ok(());
                }
                Mood::Breaks => return stream.shutdown(Shutdown::Both),
                Mood::Stutters => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-")?;
                    thread::sleep(Duration::from_millis(50));
                    return stream.shutdown(Shutdown::Both);
                }
            }
        }
        Ok(())
    }

    fn answer(&self, stream: &mut TcpStream, status: &str) -> io::Result<()> {
        let body = format!("server {}", self.number);
        stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
    }
}
