//! `protect`, `serve`, and what of them outlives a process.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    net::TcpListener,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use running::{Curl, Gate, Origin, Process, issuer::Issuer, process::command, unix_now, write_certificates};
use serde_json::{Value, json};

/// A port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn curl(folder: &Path, process: &Process) -> Curl {
    let ca = folder.join("portcullis-data/ca.pem");
    Curl { folder: folder.to_owned(), ca, host: "localhost", address: process.address }
}

#[test]
fn a_saved_file_serves_the_same_gateway() {
    let folder = tempfile::TempDir::new().unwrap();
    let origin = Origin::start();
    let (url, listen) = (format!("http://{}", origin.address), format!("127.0.0.1:{}", free_port()));
    let protect = ["protect", &url, "--auth", "api-key", "--listen", &listen, "--save", "gateway.yaml"];
    let mut process = Process::start(folder.path(), &protect);
    let key = format!("X-API-Key: {}", process.printed_line());
    let certificate = fs::read(folder.path().join("portcullis-data/server.pem")).unwrap();
    let behaves = |process: &Process| {
        let curl = curl(folder.path(), process);
        let (status, _, body) = curl.run("/any/path", &[]);
        assert!(status == 401 && body.contains("PC-0201"), "{status} {body}");
        assert_eq!(curl.run("/any/path", &["-H", &key]).0, 200);
        assert_eq!(curl.run("/any/path", &["-H", &key, "-X", "DELETE"]).0, 200);
        assert_eq!(process.address.to_string(), listen);
    };
    behaves(&process);
    assert!(process.stop().success());
    let served = Process::start(folder.path(), &["serve", "-c", "gateway.yaml"]);
    behaves(&served);
    assert!(served.stop().success());
    let again = Process::start(folder.path(), &protect);
    behaves(&again);
    assert_eq!(fs::read(folder.path().join("portcullis-data/server.pem")).unwrap(), certificate);
}

#[test]
fn protect_never_writes_over_another_file() {
    let folder = tempfile::TempDir::new().unwrap();
    fs::write(folder.path().join("gateway.yaml"), "listeners: []\n").unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(["protect", "http://127.0.0.1:9", "--listen", "127.0.0.1:0", "--save", "gateway.yaml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("holds another configuration"));
    assert_eq!(fs::read_to_string(folder.path().join("gateway.yaml")).unwrap(), "listeners: []\n");
}

#[test]
fn an_acknowledged_key_and_its_revocation_survive_kill_9() {
    let folder = tempfile::TempDir::new().unwrap();
    let origin = Origin::start();
    let url = format!("http://{}", origin.address);
    let serve = ["serve", "-c", "gateway.yaml"];
    Process::start(folder.path(), &["protect", &url, "--listen", "127.0.0.1:0", "--save", "gateway.yaml"]).kill();
    let process = Process::start(folder.path(), &serve);
    let create = ["key", "create", "-c", "gateway.yaml", "-o", "json", "--owner", "o", "--name", "n"];
    let made: Value = serde_json::from_slice(&command(folder.path(), &create).stdout).unwrap();
    let (id, key) = (made["record"]["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let field = format!("X-API-Key: {key}");
    process.kill();
    let process = Process::start(folder.path(), &serve);
    assert_eq!(curl(folder.path(), &process).run("/", &["-H", &field]).0, 200);
    command(folder.path(), &["key", "revoke", id, "-c", "gateway.yaml"]);
    process.kill();
    let process = Process::start(folder.path(), &serve);
    let (status, _, body) = curl(folder.path(), &process).run("/", &["-H", &field]);
    assert!(status == 401 && body.contains("PC-0202"), "{status} {body}");
}

#[test]
fn a_rolled_key_serves_through_its_grace_and_no_longer() {
    let gate = Gate::start();
    let (id, old) = gate.key("orders:read");
    let rolled = gate.command(&["key", "roll", &id, "--grace", "2s", "-o", "json"]);
    let rolled: Value = serde_json::from_slice(&rolled.stdout).unwrap();
    let new = rolled["key"].as_str().unwrap();
    let status = |key: &str| gate.get("/orders/1", &[&format!("X-API-Key: {key}")]).status;
    assert_eq!((status(&old), status(new)), (200, 200));
    let begun = Instant::now();
    while status(&old) == 200 {
        assert!(begun.elapsed() < Duration::from_secs(5), "the old key outlives its grace");
        sleep(Duration::from_millis(100));
    }
    assert_eq!((status(&old), status(new)), (401, 200));
}

#[test]
fn what_a_key_may_do_changes_at_once_and_its_text_stays() {
    let gate = Gate::start();
    let (id, key) = gate.key("orders:read");
    let status = || gate.get("/orders/1", &[&format!("X-API-Key: {key}")]).status;
    assert_eq!(status(), 200);
    let update = |more: &[&str]| gate.command(&[&["key", "update", &id, "-o", "json"], more].concat());
    let changed: Value = serde_json::from_slice(&update(&["--no-scopes", "--role", "auditor"]).stdout).unwrap();
    assert_eq!(changed["record"]["roles"], serde_json::json!(["auditor"]));
    assert_eq!((status(), &changed["record"]["scopes"]), (403, &serde_json::json!([])));
    assert!(update(&["--scope", "orders:read"]).status.success());
    assert_eq!(status(), 200);
}

#[test]
fn the_list_of_keys_tells_when_one_was_last_used_and_never_the_key() {
    let gate = Gate::start();
    let (id, key) = gate.key("orders:read");
    let listed = || {
        let output = gate.command(&["key", "list", "-o", "json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains(&key));
        let listed: Value = serde_json::from_str(&text).unwrap();
        listed["keys"].as_array().unwrap().iter().find(|one| one["id"] == *id).unwrap().clone()
    };
    assert!(listed()["last_used"].is_null());
    assert_eq!(gate.get("/orders/1", &[&format!("X-API-Key: {key}")]).status, 200);
    let begun = Instant::now();
    while listed()["last_used"].is_null() {
        assert!(begun.elapsed() < Duration::from_secs(10), "its use is not recorded");
        sleep(Duration::from_millis(100));
    }
    assert!(unix_now().abs_diff(listed()["last_used"].as_u64().unwrap()) < 30);
}

const EXAMPLE: &str = include_str!("../crates/config/examples/beginner.yaml");

/// A folder with the certificate that the example names.
fn example_folder() -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().unwrap();
    let tls = folder.path().join("tls");
    fs::create_dir(&tls).unwrap();
    write_certificates(&tls, "api.example.com");
    fs::rename(tls.join("server.pem"), tls.join("api.pem")).unwrap();
    fs::rename(tls.join("server.key"), tls.join("api.key")).unwrap();
    folder
}

#[test]
fn the_example_is_valid_to_the_letter() {
    let folder = example_folder();
    fs::write(folder.path().join("portcullis.yaml"), EXAMPLE).unwrap();
    command(folder.path(), &["check", "-c", "portcullis.yaml"]);
}

#[test]
fn the_example_serves_tokens_of_a_local_issuer_and_keys_within_their_scopes_and_rates() {
    let (folder, origin, issuer) = (example_folder(), Origin::start(), Issuer::start());
    // What differs is where things run: on loopback, and the keys of the issuer come from there too.
    let local = EXAMPLE
        .replace("0.0.0.0:8443", "127.0.0.1:0")
        .replace("127.0.0.1:9000", &origin.address.to_string())
        .replace("algorithms:", &format!("jwks_uri: \"http://{}/keys\", algorithms:", issuer.address));
    fs::write(folder.path().join("portcullis.yaml"), local).unwrap();
    let process = Process::start(folder.path(), &["serve", "-c", "portcullis.yaml"]);
    let ca = folder.path().join("tls/ca.pem");
    let curl = Curl { folder: folder.path().to_owned(), ca, host: "api.example.com", address: process.address };
    let token = |subject: &str, scope: &str| {
        let claims = json!({ "iss": "https://login.example.com", "aud": "https://api.example.com", "sub": subject,
            "scope": scope, "iat": unix_now(), "exp": unix_now() + 300 });
        format!("Authorization: Bearer {}", issuer.key.sign_jwt("at+jwt", &claims).unwrap())
    };
    let create = ["key", "create", "-c", "portcullis.yaml", "--owner", "o", "--name", "n", "--scope", "orders:write"];
    let key = String::from_utf8(command(folder.path(), &create).stdout).unwrap();
    let key = format!("X-API-Key: {}", key.trim());
    let reader = token("reader", "orders:read");
    assert_eq!(curl.run("/orders/7", &[]).0, 401);
    assert_eq!(curl.run("/orders/7", &["-H", &reader]).0, 200);
    assert_eq!(curl.run("/orders", &["-H", &reader, "-d", "{}"]).0, 403);
    assert_eq!(curl.run("/orders", &["-H", &key, "-d", "{}"]).0, 200);
    assert_eq!(curl.run("/orders/7", &["-H", &key]).0, 403);
    assert_eq!(curl.run("/other", &["-H", &key]).0, 404);
    let many = token("hasty", "orders:read");
    let statuses: Vec<u16> = (0..3).map(|_| curl.run("/orders/[1-50]", &["-H", &many, "-o", "answer"]).0).collect();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(curl.run("/orders/7", &["-H", &reader]).0, 200);
}
