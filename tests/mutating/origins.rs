//! Origins of other people's making, each of which writes down what it saw:
//! request id, method, target, version, marker, a line for each request.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::running::python;

const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers");
const PATIENCE: Duration = Duration::from_secs(20);

/// An origin that runs. Dropped, it is gone.
pub struct Recorder {
    pub name: &'static str,
    pub address: SocketAddr,
    folder: TempDir,
    child: Child,
}

impl Recorder {
    /// Writes a file and starts a program, both made for a folder and a port.
    fn start(name: &'static str, program: impl Fn(&Path, u16) -> Command) -> Self {
        let folder = TempDir::new().unwrap();
        // Freed at once, and taken by nobody before the origin: ports are given out in turn.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = program(folder.path(), address.port());
        let errors = File::create(folder.path().join("errors")).unwrap();
        let mut child = command.current_dir(folder.path()).stdin(Stdio::null()).stderr(errors).spawn().unwrap();
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(child.try_wait().unwrap().is_none(), "{name} ended: {}", said(&folder));
            assert!(begun.elapsed() < PATIENCE, "{name} does not listen: {}", said(&folder));
            thread::sleep(Duration::from_millis(20));
        }
        Self { name, address, folder, child }
    }

    /// What it saw so far.
    pub fn log(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("seen.log")).unwrap()
    }

    /// What it complained about, but for the ends of connections.
    pub fn complaints(&self) -> String {
        let all = said(&self.folder);
        let telling = all.lines().filter(|line| !line.contains("closed") && !line.contains("notice"));
        telling.rev().take(200).collect::<Vec<_>>().join("\n")
    }
}

fn said(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("errors")).unwrap()
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Killed, it could leave the processes that it has started.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// It writes down heads that broke off as well, with the rest of their requests: nobody was answered, so it leaves these
/// out. What it refuses it answers.
pub fn nginx() -> Recorder {
    Recorder::start("nginx", |folder, port| {
        let file = write(
            folder,
            "nginx.conf",
            &format!(
                "daemon off; master_process off; pid nginx.pid; error_log stderr info;\n\
                 events {{ worker_connections 512; }}\n\
                 http {{\n\
                   log_format seen escape=none '$http_x_request_id $request $http_x_marker';\n\
                   map \"$status $bytes_sent\" $is_whole {{ \"400 0\" 0; default 1; }}\n\
                   access_log seen.log seen if=$is_whole;\n\
                   client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
                   uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
                   keepalive_requests 1000000; keepalive_timeout 60s; large_client_header_buffers 8 64k;\n\
                   server {{ listen 127.0.0.1:{port};\n\
                     location / {{ add_header X-Seen-Id $http_x_request_id always; return 200 ok; }} }}\n\
                 }}\n"
            ),
        );
        let mut nginx = Command::new("nginx");
        nginx.arg("-p").arg(folder).arg("-e").arg("stderr").arg("-c").arg(file);
        nginx
    })
}

/// With one thread: of several that write a line at once, all but one drop theirs.
pub fn haproxy() -> Recorder {
    Recorder::start("haproxy", |folder, port| {
        let file = write(
            folder,
            "haproxy.cfg",
            &format!(
                "global\n  nbthread 1\n  log stdout len 65000 format raw local0\n  tune.bufsize 65536\n\
                 defaults\n  mode http\n  log global\n  timeout client 60s\n  timeout server 60s\n  timeout connect 5s\n\
                 frontend seen\n  bind 127.0.0.1:{port}\n  option http-buffer-request\n  option dontlognull\n\
                 http-request capture req.fhdr(x-request-id) len 64\n  http-request capture req.fhdr(x-marker) len 64\n\
                 log-format \"%[capture.req.hdr(0)] %HM %HU %HV %[capture.req.hdr(1)]\"\n\
                 http-request return status 200 content-type text/plain string ok hdr x-seen-id \"%[req.hdr(x-request-id)]\"\n"
            ),
        );
        let mut haproxy = Command::new("haproxy");
        haproxy.args(["-db", "-f"]).arg(file).stdout(File::create(folder.join("seen.log")).unwrap());
        haproxy
    })
}

pub fn apache() -> Recorder {
    Recorder::start("apache", |folder, port| {
        let module = |name: &str| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n");
        let modules: String = ["mpm_event", "authz_core", "headers"].map(module).concat();
        let file = write(
            folder,
            "apache.conf",
            &format!(
                "ServerRoot \"{0}\"\nDocumentRoot \"{0}\"\nPidFile apache.pid\nErrorLog /dev/stderr\nServerName localhost\n\
                 {modules}Listen 127.0.0.1:{port}\nUser www-data\nGroup www-data\nDefaultRuntimeDir \"{0}\"\n\
                 StartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\n\
                 KeepAlive On\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60\n\
                 LimitRequestLine 65535\nLimitRequestFieldSize 65535\nAllowEncodedSlashes NoDecode\n\
                 LogFormat \"%{{X-Request-Id}}i %r %{{X-Marker}}i\" seen\nCustomLog seen.log seen\n\
                 Header always set X-Seen-Id \"expr=%{{req:X-Request-Id}}\"\n",
                folder.display()
            ),
        );
        let mut apache = Command::new("apache2");
        apache.args(["-X", "-f"]).arg(file);
        apache
    })
}

pub fn gunicorn() -> Recorder {
    Recorder::start("gunicorn", |folder, port| {
        let mut gunicorn = python::interpreter();
        gunicorn
            .args(["-m", "gunicorn", "--worker-class", "gthread", "--threads", "8", "--keep-alive", "60", "--bind"])
            .args([&format!("127.0.0.1:{port}"), "--chdir", PEERS, "recording_wsgi:answer"])
            .env("SEEN", folder.join("seen.log"));
        gunicorn
    })
}

pub fn aiohttp() -> Recorder {
    Recorder::start("aiohttp", |folder, port| {
        let mut aiohttp = python::interpreter();
        aiohttp.arg(format!("{PEERS}/recording_aiohttp.py")).arg(port.to_string()).env("SEEN", folder.join("seen.log"));
        aiohttp
    })
}

pub fn node() -> Recorder {
    Recorder::start("node", |folder, port| {
        let mut node = Command::new("node");
        node.arg(format!("{PEERS}/recording_node.js")).arg(port.to_string()).env("SEEN", folder.join("seen.log"));
        node
    })
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(name);
    fs::write(&file, text).unwrap();
    file
}
