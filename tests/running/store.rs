//! A store for shared limits: Debian's `redis-server`, on a free port of loopback, which keeps nothing.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs. Dropped, it is gone.
pub struct Store {
    pub port: u16,
    child: Child,
    _folder: TempDir,
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Text(String),
    Number(i64),
    List(Vec<Reply>),
    Nothing,
}

impl Store {
    pub fn start() -> Self {
        Self::start_on(free_port())
    }

    /// Starts one where another was.
    pub fn start_on(port: u16) -> Self {
        Self::spawn(port, &["--port", &port.to_string()])
    }

    /// Starts one that speaks TLS with the certificates of a folder, and asks for a password.
    pub fn start_with_tls(folder: &Path, password: &str) -> Self {
        let port = free_port();
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (certificate, key, ca) = (file("server.pem"), file("server.key"), file("ca.pem"));
        let number = port.to_string();
        let arguments = [
            ["--port", "0", "--tls-port", &number].as_slice(),
            &["--tls-cert-file", &certificate, "--tls-key-file", &key, "--tls-ca-cert-file", &ca],
            &["--tls-auth-clients", "no", "--requirepass", password],
        ]
        .concat();
        Self::spawn(port, &arguments)
    }

    fn spawn(port: u16, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder.path())
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let store = Self { port, child, _folder: folder };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        store
    }

    /// Sends a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    pub fn open(&self) -> Client {
        Client(BufReader::new(TcpStream::connect(("127.0.0.1", self.port)).unwrap()))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A connection to a server.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn ask(&mut self, words: &[&str]) -> Reply {
        let question = words.iter().fold(format!("*{}\r\n", words.len()), |question, word| {
            question + "$" + &word.len().to_string() + "\r\n" + word + "\r\n"
        });
        self.0.get_mut().write_all(question.as_bytes()).unwrap();
        self.reply()
    }

    fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "+" => Reply::Text(rest.to_owned()),
            ":" => Reply::Number(rest.parse().unwrap()),
            "$" if rest == "-1" => Reply::Nothing,
            "$" => {
                let mut text = vec![0; rest.parse::<usize>().unwrap() + 2];
                self.0.read_exact(&mut text).unwrap();
                Reply::Text(String::from_utf8(text).unwrap().trim_end().to_owned())
            }
            "*" => Reply::List((0..rest.parse::<usize>().unwrap()).map(|_| self.reply()).collect()),
            _ => panic!("the store says {line}"),
        }
    }
}

impl Reply {
    /// Whole numbers of a list, written either way.
    pub fn numbers(&self) -> Vec<u64> {
        let Self::List(list) = self else { panic!("{self:?}") };
        let number = |reply: &Self| match reply {
            Self::Number(number) => u64::try_from(*number).unwrap(),
            Self::Text(text) => text.parse().unwrap(),
            Self::List(_) | Self::Nothing => panic!("{reply:?}"),
        };
        list.iter().map(number).collect()
    }
}
