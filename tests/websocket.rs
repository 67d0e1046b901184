//! `WebSocket`s through a running gateway, to an origin that echoes what comes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use running::{
    Gate,
    echo::{Echo, handshake, masked},
    wire,
};

fn gate(echo: &Echo, rules: &str) -> Gate {
    Gate::start_with_apis(&echo.api(rules))
}

const RULES: &str = ", websocket: { origins: [\"https://app.example\"] }";

fn open(gate: &Gate, credential: &str) -> wire::Connection {
    let mut connection = wire::Connection::open(gate);
    let head = connection.switch(handshake(credential).as_bytes());
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.to_ascii_lowercase().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    connection
}

fn closes_within(connection: &mut wire::Connection, limit: Duration) {
    let begun = Instant::now();
    while connection.echo(&masked(0x82, b"still there?")).is_some() {
        assert!(begun.elapsed() < limit, "the tunnel is still open");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn bytes_flow_both_ways_after_the_upstreams_101() {
    let echo = Echo::start();
    let gate = gate(&echo, RULES);
    let token = format!("Authorization: Bearer {}\r\n", gate.token("orders:read"));
    let mut connection = open(&gate, &token);
    for count in [1, 100, 2_000] {
        let sent = masked(0x82, &[b'x'; 100]).repeat(count);
        assert_eq!(connection.echo(&sent).unwrap(), sent);
    }
}

#[test]
fn c46_a_foreign_origin_or_no_credential_is_refused_before_any_101() {
    let echo = Echo::start();
    let gate = gate(&echo, RULES);
    let token = format!("Authorization: Bearer {}\r\n", gate.token("orders:read"));
    let status = |fields: &str| wire::Connection::open(&gate).exchange(handshake(fields).as_bytes());
    assert_eq!(status("").code(), "PC-0201");
    for origin in
        ["https://evil.example", "null", "https://app.example.evil", "HTTPS://app.example", "https://app.example:444"]
    {
        assert_eq!(status(&format!("{token}Origin: {origin}\r\n")).code(), "PC-0302", "{origin}");
    }
    let twice = format!("{token}Origin: https://app.example\r\nOrigin: https://evil.example\r\n");
    assert_eq!(status(&twice).code(), "PC-0302");
    assert_eq!(echo.asked.load(Ordering::SeqCst), 0, "the origin was asked");
    open(&gate, &format!("{token}Origin: https://app.example\r\n"));
}

#[test]
fn a_route_without_rules_passes_no_upgrade_on() {
    let echo = Echo::start();
    let gate = gate(&echo, "");
    let token = format!("Authorization: Bearer {}\r\n", gate.token("orders:read"));
    let answer = wire::Connection::open(&gate).exchange(handshake(&token).as_bytes());
    assert_eq!((answer.status, answer.body.as_str()), (200, "plain"));
}

#[test]
fn e67_a_websocket_closes_when_its_key_is_revoked() {
    let echo = Echo::start();
    let gate = gate(&echo, RULES);
    let (id, key) = gate.key("orders:read");
    let mut connection = open(&gate, &format!("X-API-Key: {key}\r\n"));
    thread::sleep(Duration::from_millis(1200));
    assert!(connection.echo(&masked(0x82, b"alive")).is_some());
    gate.command(&["key", "revoke", &id]);
    closes_within(&mut connection, Duration::from_secs(1));
}

#[test]
fn a_gateway_that_stops_says_so_to_its_websockets_between_two_frames() {
    let echo = Echo::start();
    let gate = gate(&echo, RULES);
    let mut connection = open(&gate, &format!("Authorization: Bearer {}\r\n", gate.token("orders:read")));
    // It comes back as it went, so the gateway sees frames of its upstream.
    let frame = masked(0x82, b"hello");
    assert_eq!(connection.echo(&frame).unwrap(), frame);
    gate.signal("TERM");
    // What is asked now is still answered.
    assert_eq!(connection.echo(&frame).unwrap(), frame);
    assert_eq!(connection.read_to_end(), [0x88, 2, 0x03, 0xE9], "1001, going away");
}

#[test]
fn a_caller_who_may_not_stay_is_told_so() {
    let echo = Echo::start();
    let gate = gate(&echo, RULES);
    let (id, key) = gate.key("orders:read");
    let mut connection = open(&gate, &format!("X-API-Key: {key}\r\n"));
    gate.command(&["key", "revoke", &id]);
    assert_eq!(connection.read_to_end(), [0x88, 2, 0x03, 0xF0], "1008, policy violation");
}

#[test]
fn a_websocket_closes_when_its_token_expires_or_its_route_goes() {
    let echo = Echo::start();
    let gate = gate(&echo, RULES);
    let mut claims = running::claims("orders:read");
    // Past its time, but within the allowance for clocks that differ, for two more seconds.
    claims["iat"] = (running::unix_now() - 600).into();
    claims["exp"] = (running::unix_now() - 27).into();
    let short = gate.issuer.sign_jwt("at+jwt", &claims).unwrap();
    let mut expiring = open(&gate, &format!("Authorization: Bearer {short}\r\n"));
    let mut staying = open(&gate, &format!("Authorization: Bearer {}\r\n", gate.token("orders:read")));
    closes_within(&mut expiring, Duration::from_secs(6));
    assert!(staying.echo(&masked(0x82, b"alive")).is_some());
    let file = gate.folder.path().join("portcullis.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("scopes: [orders:read], websocket", "scopes: [orders:admin], websocket")).unwrap();
    gate.command(&["reload"]);
    closes_within(&mut staying, Duration::from_secs(1));
}
