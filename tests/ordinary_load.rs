//! Ordinary requests of each kind, many at a time on connections that stay: each is answered as it would be alone.
//!
//! `cargo xtask profile` has them sent for longer to an instrumented build: releases are optimised for what they do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use running::{
    Gate, SHOP,
    echo::{Echo, handshake, masked},
    http2,
    load::{Offer, offer},
    wire,
};

/// Connections of each kind.
const CONNECTIONS: usize = 6;
/// Requests after which a connection is left for a new one.
const STAY: usize = 100;

/// Where the profiles of an instrumented gateway are wanted.
fn profiles() -> Option<PathBuf> {
    std::env::var_os("PORTCULLIS_PROFILES").map(PathBuf::from)
}

#[test]
fn ordinary_requests_of_each_kind_are_answered_many_at_a_time() {
    let rounds = if profiles().is_some() { 6_000 } else { STAY };
    let mut gate = Gate::start_with_contract(SHOP, "mode: enforce");
    let echo = Echo::start();
    let file = gate.folder.path().join("portcullis.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text
        .replacen("    routes:\n", "    limits: [{ per: client, rate: 1000000/second }]\n    routes:\n", 1)
        .replace(
            "monitoring:",
            &format!("{}monitoring:", echo.api(", websocket: { origins: [\"https://app.example\"] }")),
        );
    fs::write(&file, text).unwrap();
    assert!(gate.command(&["reload"]).status.success());
    let (token, key) = (gate.token("orders:read"), gate.key("orders:read").1);
    let bearer = format!("Authorization: Bearer {token}");
    let get = |target: &str, field: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n{field}\r\n\r\n")
    };
    let body = format!("{{\"name\":\"{}\"}}", "a".repeat(1_000));
    let post = format!(
        "POST /shop/orders HTTP/1.1\r\nHost: localhost\r\n{bearer}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    // By how often they come.
    let kinds = [
        (4, get("/orders/7", &bearer)),
        (2, get("/orders/8", &format!("X-API-Key: {key}"))),
        (1, get("/open", "Accept-Language: en")),
        (1, post),
    ];
    // Somebody always asks for what there is not, or without a credential.
    let refused = [(get("/nowhere", &bearer), 404), (get("/orders/7", "Accept-Language: en"), 401)];
    thread::scope(|scope| {
        for (weight, request) in &kinds {
            for _ in 0..weight * CONNECTIONS / 2 {
                scope.spawn(|| exchanges(&gate, request, &refused, rounds));
            }
        }
        for _ in 0..CONNECTIONS {
            scope.spawn(|| streams(&gate, &token, rounds));
        }
        scope.spawn(|| messages(&gate, &bearer, rounds));
        scope.spawn(|| {
            let time = Duration::from_secs(if profiles().is_some() { 20 } else { 1 });
            let offered = Offer { connections: 16, rate: None, time, stay: STAY };
            let seen = offer(gate.plain, offered, |_, _| {
                Request::get("/open").header("host", "localhost").body(Full::<Bytes>::default()).unwrap()
            });
            assert!(!seen.is_empty() && seen.iter().all(|one| one.status == Some(StatusCode::OK)));
        });
    });
    gate.stop();
    if let Some(profiles) = profiles() {
        keep(&gate, &profiles);
    }
}

/// One request after another over HTTP/1.1.
fn exchanges(gate: &Gate, request: &str, refused: &[(String, u16)], rounds: usize) {
    let mut connection = wire::Connection::open(gate);
    for round in 1..=rounds {
        assert_eq!(connection.exchange(request.as_bytes()).status, 200, "{request}");
        if round % STAY == 0 {
            for (request, status) in refused {
                assert_eq!(connection.exchange(request.as_bytes()).status, *status, "{request}");
            }
            connection = wire::Connection::open(gate);
        }
    }
}

/// Eight requests at a time over HTTP/2.
fn streams(gate: &Gate, token: &str, rounds: usize) {
    let bearer = format!("Bearer {token}");
    let fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/orders/9"),
        ("authorization", bearer.as_str()),
    ];
    for _ in 0..rounds.div_ceil(STAY) {
        let mut connection = http2::Connection::open(gate);
        for round in 0..rounds.min(STAY) / 8 {
            for stream in 0..8 {
                connection.request(u32::try_from(round * 8 + stream).unwrap() * 2 + 1, &fields);
            }
            assert_eq!(connection.statuses(8), [200; 8]);
        }
    }
}

/// One message after another over a `WebSocket`.
fn messages(gate: &Gate, bearer: &str, rounds: usize) {
    let mut connection = wire::Connection::open(gate);
    let head = connection.switch(handshake(&format!("{bearer}\r\n")).as_bytes());
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let message = masked(0x81, b"a message of a few words");
    for _ in 0..rounds {
        assert_eq!(connection.echo(&message).as_ref(), Some(&message));
    }
}

/// Copies what an instrumented gateway has left in its folder.
fn keep(gate: &Gate, profiles: &Path) {
    fs::create_dir_all(profiles).unwrap();
    let mut kept = 0;
    for entry in fs::read_dir(gate.folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "profraw") {
            fs::copy(&path, profiles.join(path.file_name().unwrap())).unwrap();
            kept += 1;
        }
    }
    assert!(kept > 0, "the gateway is not instrumented, or could not write");
}
