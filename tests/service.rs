//! The gateway as a service manager sees it: told when it is ready, handed its sockets, shut in.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use running::{Gate, Origin, wire};

fn configuration(address: &str, origin: &Origin) -> String {
    format!(
        "listeners: [{{ address: \"{address}\" }}]\ndata: data\napis:\n  - {{ name: a, upstream: \"http://{}\", \
         routes: [{{ match: \"GET /\", public: \"a test\" }}] }}\n",
        origin.address
    )
}

/// A gateway that a test ends.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn terminate(service: &Service) {
    assert!(Command::new("kill").args(["-TERM", &service.0.id().to_string()]).status().unwrap().success());
}

fn ask(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn the_service_manager_is_told_of_start_reload_and_end() {
    let (folder, origin) = (tempfile::TempDir::new().unwrap(), Origin::start());
    let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(wire::PATIENCE)).unwrap();
    fs::write(folder.path().join("portcullis.yaml"), configuration("127.0.0.1:0", &origin)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["serve", "-c", "portcullis.yaml"]).current_dir(folder.path()).stderr(Stdio::null());
    let service = Service(command.env("NOTIFY_SOCKET", folder.path().join("notify")).spawn().unwrap());
    let next = || {
        let mut message = [0; 256];
        let count = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..count]).into_owned()
    };
    assert_eq!(next(), "READY=1\n");
    assert!(Command::new("kill").args(["-HUP", &service.0.id().to_string()]).status().unwrap().success());
    let reloading = next();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(next(), "READY=1\n");
    terminate(&service);
    assert_eq!(next(), "STOPPING=1\n");
}

/// Opens a socket as a service manager does, then becomes the gateway.
const MANAGER: &str = "
import os, socket, sys
s = socket.create_server(('127.0.0.1', 0))
port = s.getsockname()[1]
open('portcullis.yaml', 'w').write(sys.argv[2].replace('PORT', str(port)))
print(port, flush=True)
sys.stdin.readline()
if s.fileno() != 3:
    os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], [sys.argv[1], 'serve', '-c', 'portcullis.yaml'])
";

#[test]
fn a_socket_that_the_service_manager_opened_is_used_and_who_came_early_is_served() {
    let (folder, origin) = (tempfile::TempDir::new().unwrap(), Origin::start());
    let mut command = Command::new("python3");
    command.args(["-c", MANAGER, env!("CARGO_BIN_EXE_portcullis"), &configuration("127.0.0.1:PORT", &origin)]);
    command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut service = Service(command.spawn().unwrap());
    let mut port = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let address = format!("127.0.0.1:{}", port.trim());
    // Before there is a gateway.
    let early = thread::spawn({
        let address = address.clone();
        move || ask(&address)
    });
    thread::sleep(Duration::from_millis(100));
    service.0.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert!(early.join().unwrap().unwrap().starts_with("HTTP/1.1 200"));
    assert!(ask(&address).unwrap().starts_with("HTTP/1.1 200"));
}

/// The `nice` of every worker and of every thread beside them.
fn niceness(gate: &Gate) -> (Vec<i32>, Vec<i32>) {
    let stat = gate.process_file("stat");
    let tasks = fs::read_dir(format!("/proc/{}/task", stat.split(' ').next().unwrap())).unwrap();
    let (mut workers, mut heavy) = (Vec::new(), Vec::new());
    for task in tasks {
        // A thread may end meanwhile.
        let Ok(stat) = fs::read_to_string(task.unwrap().path().join("stat")) else { continue };
        let (head, fields) = stat.rsplit_once(')').unwrap();
        // `nice` is the 19th field, and the second ends here (proc_pid_stat(5)).
        let nice: i32 = fields.split_whitespace().nth(16).unwrap().parse().unwrap();
        match head.split_once('(').unwrap().1 {
            "heavy" => heavy.push(nice),
            name if name.starts_with("worker-") => workers.push(nice),
            _ => {}
        }
    }
    (workers, heavy)
}

#[test]
fn threads_for_handshakes_and_large_bodies_stand_behind_workers_also_when_shut_in() {
    let gate = Gate::start();
    let stand_behind = |(workers, heavy): &(Vec<i32>, Vec<i32>)| {
        !workers.is_empty()
            && heavy.len() == workers.len()
            && heavy.iter().all(|nice| workers.iter().all(|other| nice > other))
    };
    // One worker that serves is enough to be ready: the other threads name themselves and step back when they first run.
    let patience = Instant::now() + wire::PATIENCE;
    let mut seen = niceness(&gate);
    while !stand_behind(&seen) && Instant::now() < patience {
        thread::sleep(Duration::from_millis(10));
        seen = niceness(&gate);
    }
    assert!(stand_behind(&seen), "{seen:?}");
}

#[test]
fn a_gateway_that_serves_is_shut_in() {
    let gate = Gate::start();
    let status = gate.process_file("status");
    let value = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    assert_eq!((value("NoNewPrivs:"), value("Seccomp:"), value("Seccomp_filters:")), (Some("1"), Some("2"), Some("2")));
    let limits = gate.process_file("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"]);
    // What its configuration named may be named again; what lies elsewhere may not be read even by another one.
    let elsewhere = tempfile::TempDir::new().unwrap();
    for name in ["server.pem", "server.key"] {
        fs::copy(gate.folder.path().join(name), elsewhere.path().join(name)).unwrap();
    }
    let file = gate.folder.path().join("portcullis.yaml");
    let original = fs::read_to_string(&file).unwrap();
    let moved =
        original.replace("certificate: server.pem", &format!("certificate: {}/server.pem", elsewhere.path().display()));
    assert_ne!(original, moved);
    let reload = |text: &str| {
        fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["reload", "--data", "data"]).current_dir(gate.folder.path()).output().unwrap()
    };
    let refused = reload(&moved);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("permission denied"), "{refused:?}");
    assert!(reload(&original).status.success());
    assert_eq!(gate.get("/open", &[]).status, 200);
}
