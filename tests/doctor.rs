//! `portcullis doctor`: each check, provoked in a folder of its own.
#![allow(clippy::unwrap_used)]

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Output},
};

use rcgen::{CertificateParams, KeyPair};
use serde_json::Value;
use tempfile::TempDir;

const NOBODY: u32 = 65_534;
/// The binary by an open file: nobody may not be let into the folder where it was built.
const BINARY: &str = "/proc/self/fd/0";

/// A place where a gateway could run. Its upstream answers while it lives.
struct Place {
    folder: TempDir,
    upstream: TcpListener,
    text: String,
}

impl Place {
    /// Nothing is wrong here.
    fn sound() -> Self {
        let folder = TempDir::new().unwrap();
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let text = format!(
            r#"
listeners:
  - {{ address: "127.0.0.1:0", tls: {{ certificate: server.pem, key: file:server.key }} }}
data: data
limits: {{ connections: 50 }}
apis:
  - name: orders
    upstream: http://{}
    authenticate: [api_key]
    routes: [{{ match: "GET /orders" }}]
"#,
            upstream.local_addr().unwrap()
        );
        let place = Self { folder, upstream, text };
        place.certificate(400);
        fs::create_dir(place.path("data")).unwrap();
        place.mode("data", 0o700);
        place
    }

    /// The same with one text of the configuration replaced.
    fn with(from: &str, to: &str) -> Self {
        let mut place = Self::sound();
        assert!(place.text.contains(from), "{from}");
        place.text = place.text.replace(from, to);
        place
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The listener's certificate, good for this many days.
    fn certificate(&self, days: u64) {
        let key = KeyPair::generate().unwrap();
        let mut certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let end = std::time::SystemTime::now() + std::time::Duration::from_hours(24 * days);
        certificate.not_after = end.into();
        fs::write(self.path("server.pem"), certificate.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(self.path("server.key"), key.serialize_pem()).unwrap();
        self.mode("server.key", 0o600);
    }

    /// Writes the configuration; the binary and all files then belong to somebody who is not root.
    fn prepare(&self) -> Command {
        fs::write(self.path("portcullis.yaml"), &self.text).unwrap();
        if is_root() {
            give_away(self.folder.path());
        }
        let mut command = self.unprivileged(BINARY);
        command.env("NO_COLOR", "1").args(["doctor", "-c", "portcullis.yaml"]);
        command
    }

    /// A command of somebody who is not root, with the binary as its standard input.
    fn unprivileged(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.stdin(File::open(env!("CARGO_BIN_EXE_portcullis")).unwrap()).current_dir(self.folder.path());
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn run(&self, more: &[&str]) -> Output {
        self.prepare().args(more).output().unwrap()
    }

    /// Causes that one check found, after it was made sure that no other check found anything.
    fn causes(&self, check: &str) -> String {
        let output = self.run(&["-o", "json"]);
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = json["findings"].as_array().unwrap();
        assert!(findings.iter().all(|finding| finding["check"] == check), "{json:#}");
        assert!(findings.iter().all(|finding| !finding["fix"].as_str().unwrap().is_empty()), "{json:#}");
        findings.iter().map(|finding| finding["cause"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }
}

/// Whether the tests run as root.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn give_away(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}

/// An address of this machine at which nobody listens.
fn silent() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_sound_place_has_no_findings_and_exits_with_0() {
    let output = Place::sound().run(&[]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]), "{said}");
}

#[test]
fn a_data_folder_that_is_not_there_yet_is_no_finding() {
    let place = Place::with("data: data", "data: later/data");
    assert_eq!(place.run(&[]).status.code(), Some(0));
    assert!(!place.path("later").exists(), "the check made the folder");
}

#[test]
fn a_certificate_that_ends_within_a_month_is_found() {
    let place = Place::sound();
    place.certificate(29);
    let causes = place.causes("certificates");
    assert!(causes.contains("listener 127.0.0.1:0") && causes.contains("expires in 2"), "{causes}");
    place.certificate(32);
    assert_eq!(place.run(&[]).status.code(), Some(0));
}

#[test]
fn an_authority_that_has_expired_is_found() {
    let mut place = Place::with("http://127.0.0.1", "https://127.0.0.1");
    let address = place.upstream.local_addr().unwrap();
    place.text = place.text.replace(&format!("upstream: https://{address}"), "upstream: orders")
        + &format!("upstreams: {{ orders: {{ servers: [\"https://{address}\"], ca: old.pem }} }}\n");
    let mut certificate = CertificateParams::new(["old".to_owned()]).unwrap();
    certificate.not_after = (std::time::SystemTime::now() - std::time::Duration::from_hours(24)).into();
    fs::write(place.path("old.pem"), certificate.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()).unwrap();
    let causes = place.causes("certificates");
    assert!(causes.contains("authority of upstream orders") && causes.contains("expired on"), "{causes}");
}

#[test]
fn a_key_that_others_can_read_is_found() {
    for (mode, found) in [(0o644, true), (0o660, true), (0o640, false), (0o400, false)] {
        let place = Place::sound();
        place.mode("server.key", mode);
        if found {
            let causes = place.causes("key files");
            assert!(causes.contains(&format!("server.key holds a secret and has mode {mode:04o}")), "{causes}");
        } else {
            assert_eq!(place.run(&[]).status.code(), Some(0), "{mode:o}");
        }
    }
}

#[test]
fn a_data_folder_that_is_open_to_others_is_found() {
    let place = Place::sound();
    place.mode("data", 0o755);
    assert!(place.causes("data folder").contains("mode 0755"));
}

#[test]
fn a_data_folder_that_cannot_be_written_to_is_found() {
    let place = Place::sound();
    place.mode("data", 0o500);
    assert!(place.causes("data folder").contains("cannot be written to"));
}

#[test]
fn a_data_folder_that_is_a_file_is_found() {
    let place = Place::with("data: data", "data: portcullis.yaml");
    assert!(place.causes("data folder").contains("is not a folder"));
}

#[test]
fn a_port_that_somebody_holds_is_found() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let causes = Place::with("\"127.0.0.1:0\"", &format!("\"{address}\"")).causes("listeners");
    assert!(causes.starts_with(&format!("{address} cannot be listened on")), "{causes}");
}

#[test]
fn an_address_of_another_machine_is_found() {
    // RFC 5737: no machine has it.
    let causes = Place::with("127.0.0.1:0", "192.0.2.1:8443").causes("listeners");
    assert!(causes.starts_with("192.0.2.1:8443 cannot be listened on"), "{causes}");
}

#[test]
fn a_port_that_the_running_gateway_holds_is_no_finding() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = Place::with("127.0.0.1:0", &holder.local_addr().unwrap().to_string());
    let _control = std::os::unix::net::UnixListener::bind(place.path("data/control.sock")).unwrap();
    assert_eq!(place.run(&[]).status.code(), Some(0));
}

#[test]
fn a_limit_of_open_files_below_the_connections_is_found() {
    let place = Place::sound();
    let doctor = place.prepare();
    let mut command = place.unprivileged("sh");
    command.arg("-c").arg("ulimit -n 200; exec \"$0\" \"$@\"").arg(doctor.get_program()).args(doctor.get_args());
    let output = command.args(["-o", "json"]).output().unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["findings"][0]["check"], "open files", "{json:#}");
    let cause = "200 files may be open; `limits.connections` of 50 takes up to 228";
    assert_eq!(json["findings"][0]["cause"], cause);
}

#[test]
fn an_upstream_that_accepts_no_connection_is_found() {
    let mut place = Place::sound();
    let address = silent();
    place.text = place.text.replace(&place.upstream.local_addr().unwrap().to_string(), &address);
    let causes = place.causes("upstreams");
    assert!(causes.contains("127.0.0.1 port") && causes.contains("accepts no connection"), "{causes}");
}

#[test]
fn an_upstream_that_does_not_resolve_is_found() {
    let mut place = Place::sound();
    // RFC 6761: never resolves.
    place.text = place.text.replace(&place.upstream.local_addr().unwrap().to_string(), "orders.invalid:9000");
    let causes = place.causes("upstreams");
    assert!(causes.contains("`orders.invalid` does not resolve"), "{causes}");
}

#[test]
fn an_issuer_that_does_not_answer_is_found() {
    let issuers = format!(
        "issuers: {{ corp: {{ issuer: \"http://{}\", audience: api, algorithms: [ES256] }} }}\napis:",
        silent()
    );
    let causes = Place::with("apis:", &issuers).causes("issuers");
    assert!(causes.starts_with("issuer corp: 127.0.0.1 port"), "{causes}");
}

#[test]
fn an_invalid_file_is_reported_and_exits_with_1() {
    let output = Place::with("GET /orders", "FETCH /orders").run(&[]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("portcullis.yaml"));
}

#[test]
fn root_is_told_and_nobody_else_is() {
    let place = Place::sound();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    fs::write(place.path("portcullis.yaml"), &place.text).unwrap();
    let output = command.current_dir(place.folder.path()).args(["doctor", "-c", "portcullis.yaml"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.contains("user: this is root"), is_root(), "{text}");
    assert_eq!(output.status.code(), Some(if is_root() { 3 } else { 0 }), "{text}");
}
