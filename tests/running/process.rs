//! The binary, running.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

/// A `portcullis` that serves. Dropped, it is gone.
pub struct Process {
    pub address: SocketAddr,
    /// Where its numbers are, if it serves them.
    pub monitoring: Option<SocketAddr>,
    /// Its listener without TLS, if it has one.
    pub plain: Option<SocketAddr>,
    child: Child,
    printed: BufReader<ChildStdout>,
}

impl Process {
    /// Starts the binary in a folder; returns once it listens.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.current_dir(folder).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = String::new();
        let (mut monitoring, mut plain) = (None, None);
        let address = loop {
            let line = lines.next().unwrap_or_else(|| panic!("the gateway ended: {said}")).unwrap();
            if let Some(address) = line.strip_prefix("listening on https://") {
                break address.trim().parse().unwrap();
            }
            if let Some(address) = line.strip_prefix("monitoring on http://") {
                monitoring = Some(address.trim().parse().unwrap());
            }
            if let Some(address) = line.strip_prefix("listening on http://") {
                plain = Some(address.trim().parse().unwrap());
            }
            said.push_str(&line);
        };
        std::thread::spawn(move || lines.for_each(drop));
        let printed = BufReader::new(child.stdout.take().unwrap());
        Self { address, monitoring, plain, child, printed }
    }

    /// The next line on standard output.
    pub fn printed_line(&mut self) -> String {
        let mut line = String::new();
        self.printed.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// SIGTERM, and its end.
    pub fn stop(mut self) -> ExitStatus {
        self.end()
    }

    /// The same for one that is kept.
    pub fn end(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    /// Sends a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// A file of `/proc/PID`.
    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).unwrap()
    }

    /// How many descriptors it has open.
    pub fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap().count()
    }

    /// Processor time so far, in all threads.
    pub fn processor_time(&self) -> Duration {
        let stat = self.file("stat");
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }

    /// A figure of `/proc/PID/status`, like `VmRSS:`.
    pub fn status_kib(&self, name: &str) -> u64 {
        let status = self.file("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary that was built with the tests, or the one that `PORTCULLIS_BINARY` names: soaks measure a release.
pub fn binary() -> PathBuf {
    std::env::var_os("PORTCULLIS_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_portcullis").into(), PathBuf::from)
}

/// Runs a command of the binary that must succeed.
pub fn command(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(binary()).current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// curl against a gateway on loopback.
pub struct Curl {
    pub folder: PathBuf,
    pub ca: PathBuf,
    pub host: &'static str,
    pub address: SocketAddr,
}

impl Curl {
    /// Status, HTTP version and body of one exchange.
    pub fn run(&self, target: &str, arguments: &[&str]) -> (u16, String, String) {
        let port = self.address.port();
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--write-out", "\n%{http_code} %{http_version}", "--cacert"])
            .arg(&self.ca)
            .args(["--resolve", &format!("{}:{port}:127.0.0.1", self.host)])
            .args(arguments)
            .arg(format!("https://{}:{port}{target}", self.host))
            .current_dir(&self.folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, last) = text.rsplit_once('\n').unwrap();
        let (status, version) = last.split_once(' ').unwrap();
        (status.parse().unwrap(), version.to_owned(), body.to_owned())
    }
}
