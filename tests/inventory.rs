//! What is documented, routed and used, held against each other; and callers that walk through others' objects.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{fs, process::Command, time::Instant};

use running::{Gate, wire};
use serde_json::{Value, json};

const DOCUMENT: &str = r#"
openapi: 3.0.3
info: { title: Shop, version: "1" }
servers: [{ url: /shop }]
paths:
  /orders: { get: { responses: { "200": { description: Orders } } } }
  /carts: { get: { responses: { "200": { description: Carts } } } }
  /old: { get: { deprecated: true, responses: { "200": { description: Old } } } }
  /gone: { get: { x-sunset: "2020-01-01", responses: { "200": { description: Gone } } } }
"#;

fn gate() -> Gate {
    Gate::start_in(&[("shop.openapi.yaml", DOCUMENT)], |origin| {
        let address = origin.address;
        format!(
            "listeners:\n  - address: 127.0.0.2:0\n  - address: 127.0.0.1:0\n    tls: {{ certificate: server.pem, key: file:server.key }}\n\
             issuers:\n  corp: {{ issuer: \"https://issuer.example\", audience: api, algorithms: [ES256], jwks_file: jwks.json }}\n\
             apis:\n\
             \x20 - {{ name: shop, path: /shop, upstream: \"http://{address}\", authenticate: [jwt: corp], \
             contract: {{ openapi: shop.openapi.yaml, mode: monitor }}, routes: [{{ match: \"* /shop/{{rest*}}\" }}] }}\n\
             \x20 - {{ name: notes, path: /notes, upstream: \"http://{address}\", authenticate: [jwt: corp], \
             routes: [{{ match: \"GET /notes/{{id}}\" }}] }}\n\
             monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}\n"
        )
    })
}

fn get(gate: &Gate, target: &str, subject: &str) -> u16 {
    let mut claims = running::claims("");
    claims["sub"] = json!(subject);
    let token = gate.issuer.sign_jwt("at+jwt", &claims).unwrap();
    wire::request(gate, "GET", target, &[&format!("Authorization: Bearer {token}")], "").status
}

fn inventory(gate: &Gate, arguments: &[&str]) -> (Option<i32>, String) {
    let binary = env!("CARGO_BIN_EXE_portcullis");
    let mut command = Command::new(binary);
    let output = command
        .args(["inventory", "-c", "portcullis.yaml"])
        .args(arguments)
        .current_dir(gate.folder.path())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn shadows_zombies_ghosts_and_orphans_are_told_apart() {
    let gate = gate();
    for target in
        ["/shop/orders", "/shop/old", "/shop/debug/dump", "/shop/users/17/cart", "/shop/users/18/cart", "/notes/1"]
    {
        assert_eq!(get(&gate, target, "alice"), 200, "{target}");
    }
    let (code, text) = inventory(&gate, &["-o", "json"]);
    assert_eq!(code, Some(3), "{text}");
    let told: Value = serde_json::from_str(&text).unwrap();
    let standings: Vec<String> = told["operations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            format!(
                "{} {} {} {}",
                entry["standing"].as_str().unwrap(),
                entry["method"].as_str().unwrap(),
                entry["template"].as_str().unwrap(),
                entry["answered"]
            )
        })
        .collect();
    assert_eq!(
        standings,
        [
            "shadow GET /notes/{id} 1",
            "shadow GET /shop/debug/dump 1",
            "shadow GET /shop/users/{}/cart 2",
            "zombie GET /shop/old 1",
            "orphan GET /shop/carts 0",
            "known GET /shop/gone 0",
            "known GET /shop/orders 1",
        ]
    );
    let (_, table) = inventory(&gate, &[]);
    assert!(table.contains("GET /shop/users/{}/cart") && table.contains("shadow"), "{table}");
    let (_, overlay) = inventory(&gate, &["--patch"]);
    assert!(overlay.starts_with("overlay: 1.0.0"), "{overlay}");
    assert!(overlay.contains("\"/shop/users/{id1}/cart\":") && overlay.contains("name: id1, in: path"), "{overlay}");
}

#[test]
fn a_ghost_is_documented_but_not_there() {
    let routes = "routes: [{ match: \"GET /shop/orders\" }], contract: { openapi: shop.openapi.yaml }";
    let gate = Gate::start_with_shop(DOCUMENT, routes);
    let (_, text) = inventory(&gate, &["-o", "json"]);
    let told: Value = serde_json::from_str(&text).unwrap();
    let ghosts = told["operations"].as_array().unwrap().iter().filter(|entry| entry["standing"] == "ghost");
    let ghosts: Vec<_> = ghosts.map(|entry| entry["template"].as_str().unwrap()).collect();
    assert_eq!(ghosts, ["/shop/carts", "/shop/gone", "/shop/old"], "{text}");
}

#[test]
fn a_caller_who_walks_through_the_objects_of_others_raises_an_alarm() {
    let gate = gate();
    for id in 0..30 {
        assert_eq!(get(&gate, &format!("/notes/{id}"), "alice"), 200);
    }
    for id in 0..30 {
        assert_eq!(get(&gate, &format!("/notes/{id}"), "mallory"), 200, "it only tells");
    }
    let start = Instant::now();
    let alarm = loop {
        let log = fs::read_to_string(&gate.log).unwrap_or_default();
        if let Some(line) = log.lines().find(|line| line.contains("object_walk")) {
            break serde_json::from_str::<Value>(line).unwrap();
        }
        assert!(start.elapsed() < wire::PATIENCE, "{log}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert_eq!((alarm["subject"].as_str(), alarm["route"].as_str()), (Some("mallory"), Some("GET /notes/{id}")));
    let page = gate.monitor("/metrics", "localhost");
    assert!(
        page.contains("portcullis_object_walks_total{portcullis_api=\"notes\",http_route=\"GET /notes/{id}\"} 1"),
        "{page}"
    );
}
