//! Another configuration for a gateway that runs (row N104): whole or not at all, and nothing is cut off.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    process::{Command, Output},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use running::{Gate, Origin, wire};

fn reload(gate: &Gate) -> Output {
    let folder = gate.folder.path();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["reload", "--data", "data"]).current_dir(folder).output().unwrap()
}

/// Writes another configuration, made from the present one.
fn edit(gate: &Gate, change: impl Fn(&str) -> String) -> String {
    let file = gate.folder.path().join("portcullis.yaml");
    let present = fs::read_to_string(&file).unwrap();
    fs::write(&file, change(&present)).unwrap();
    present
}

fn request(target: &str, field: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{field}\r\n\r\n")
}

#[test]
fn n104_a_removed_route_is_gone_also_on_open_connections() {
    let gate = Gate::start();
    let mut connection = wire::Connection::open(&gate);
    assert_eq!(connection.exchange(request("/open", "A: b").as_bytes()).status, 200);
    edit(&gate, |text| text.replace("GET /open", "GET /shut"));
    assert!(reload(&gate).status.success());
    assert_eq!(connection.exchange(request("/open", "A: b").as_bytes()).status, 404);
    assert_eq!(connection.exchange(request("/shut", "A: b").as_bytes()).status, 200);
}

#[test]
fn n104_a_file_that_is_not_valid_changes_nothing() {
    let gate = Gate::start();
    for broken in [
        |text: &str| text.replace("authenticate:", "authentikate:"),
        |text: &str| text[..text.len() / 2].to_owned(),
        |text: &str| text.replace("certificate: server.pem", "certificate: client.pem"),
        |_: &str| String::new(),
        |text: &str| text.replace("127.0.0.1:0", "127.0.0.1:1"),
        |text: &str| text.replace("data: data", "data: elsewhere"),
    ] {
        let before = edit(&gate, broken);
        let output = reload(&gate);
        assert_eq!(output.status.code(), Some(1));
        assert!(!output.stderr.is_empty());
        assert_eq!(gate.get("/open", &[]).status, 200);
        gate.refuses("/orders/1", &[], 401, "PC-0201");
        edit(&gate, |_| before.clone());
    }
    assert!(reload(&gate).status.success());
}

#[test]
fn n104_a_client_certificate_of_rules_that_are_gone_proves_nothing() {
    let gate = Gate::start();
    let mut connection = wire::Connection::open_as(&gate, "client");
    assert_eq!(connection.exchange(request("/orders/1", "A: b").as_bytes()).status, 200);
    edit(&gate, |text| text.replace("public: \"the status page\"", "public: \"the page of the status\""));
    assert!(reload(&gate).status.success());
    assert_eq!(connection.exchange(request("/orders/1", "A: b").as_bytes()).status, 200);
    edit(&gate, |text| text.replace("spiffe://corp.example/billing", "spiffe://corp.example/other"));
    assert!(reload(&gate).status.success());
    assert_eq!(connection.exchange(request("/orders/1", "A: b").as_bytes()).status, 401);
}

#[test]
fn n104_a_rate_limit_that_stays_keeps_its_count() {
    let gate = Gate::start_limited("limits: [{ per: client, rate: 3/hour }]");
    let token = format!("Authorization: Bearer {}", gate.token("orders:read"));
    for _ in 0..3 {
        assert_eq!(gate.get("/orders/1", &[&token]).status, 200);
    }
    edit(&gate, |text| text.replace("the status page", "the page"));
    assert!(reload(&gate).status.success());
    gate.refuses("/orders/1", &[&token], 429, "PC-0401");
}

#[test]
fn a_certificate_is_replaced_without_a_restart() {
    let gate = Gate::start();
    let old = wire::certificate(&gate);
    for file in fs::read_dir(gate.folder.path()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|kind| kind == "pem" || kind == "key") {
            fs::remove_file(file).unwrap();
        }
    }
    running::write_certificates(gate.folder.path(), "localhost");
    assert!(reload(&gate).status.success());
    assert_ne!(wire::certificate(&gate), old);
    assert_eq!(gate.get("/open", &[]).status, 200);
}

#[test]
fn n104_reloads_under_load_cut_nothing_and_mix_nothing() {
    let gate = Gate::start();
    let other = Origin::start();
    let token = format!("Authorization: Bearer {}", gate.token("orders:read"));
    let original = edit(&gate, str::to_owned);
    // The other configuration asks for another scope and goes to another origin: a mix would let the token reach it.
    let changed = original
        .replace(&gate.origin.address.to_string(), &other.address.to_string())
        .replace("GET /orders/{id}\", scopes: [orders:read]", "GET /orders/{id}\", scopes: [orders:admin]");
    let (stop, served, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = wire::Connection::open(&gate);
                while !stop.load(Ordering::Relaxed) {
                    match connection.exchange(request("/orders/1", &token).as_bytes()).status {
                        200 => served.fetch_add(1, Ordering::Relaxed),
                        403 => refused.fetch_add(1, Ordering::Relaxed),
                        status => panic!("{status}"),
                    };
                }
            });
        }
        for round in 0..20 {
            edit(&gate, |_| if round % 2 == 0 { changed.clone() } else { original.clone() });
            let output = reload(&gate);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            thread::sleep(Duration::from_millis(20));
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(served.into_inner() > 100 && refused.into_inner() > 100);
    assert_eq!(other.seen(), 0, "a request was allowed by one configuration and sent by the other");
}

#[test]
fn a_hangup_reloads() {
    let gate = Gate::start();
    edit(&gate, |text| text.replace("GET /open", "GET /shut"));
    gate.signal("HUP");
    let begun = std::time::Instant::now();
    while gate.get("/shut", &[]).status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(5), "SIGHUP did nothing");
        thread::sleep(Duration::from_millis(20));
    }
}
