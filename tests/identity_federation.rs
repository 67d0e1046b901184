//! Providers that a configuration names, with `oidc-provider` as one, through the binary.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;
#[path = "../crates/identity/tests/tools/mod.rs"]
mod tools;

use std::{net::TcpListener, process::Command};

use running::Gate;
use serde_json::{Value, json};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/identity/tests/independent");

/// Ports of loopback that nobody uses now.
fn free_ports() -> [u16; 2] {
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

fn gate(port: u16, provider: &str) -> Gate {
    let secret = "a secret that both sides know of\n";
    Gate::start_in(&[("client.secret", secret)], |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:{port}
    tls: {{ certificate: server.pem, key: file:server.key }}
identity:
  issuer: "https://localhost:{port}"
  providers:
    foreign: {{ issuer: "{provider}", client_id: here, client_secret: "file:client.secret", link: create }}
apis:
  - name: orders
    host: localhost
    path: /orders
    upstream: http://{}
    authenticate: [identity]
    routes: [{{ match: "GET /orders" }}]
monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
"#,
            origin.address
        )
    })
}

/// Somebody logs in through `foreign` at a server that knows that provider as `known`.
fn log_in(known: impl Fn(u16) -> String, says: impl Fn(u16) -> String) -> (Gate, std::process::Output) {
    let [port, foreign] = free_ports();
    let gate = gate(port, &known(foreign));
    let folder = tools::npm("independent", SCRIPTS);
    let told = json!({ "issuer": format!("https://localhost:{port}"), "foreign": says(foreign), "port": foreign });
    let mut node = Command::new(tools::program("node", "nodejs"));
    node.env("NODE_EXTRA_CA_CERTS", gate.folder.path().join("ca.pem"));
    node.arg(folder.join("oidc_provider.mjs")).arg(told.to_string()).current_dir(&folder);
    let output = node.output().unwrap();
    (gate, output)
}

fn users(gate: &Gate) -> Value {
    let listed: Value = serde_json::from_slice(&gate.command(&["user", "list", "-o", "json"]).stdout).unwrap();
    listed["users"].clone()
}

fn bare(port: u16) -> String {
    format!("http://localhost:{port}")
}

fn slashed(port: u16) -> String {
    format!("http://localhost:{port}/")
}

#[test]
fn people_of_a_provider_that_the_configuration_names_log_in() {
    let (gate, output) = log_in(bare, bare);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let users = users(&gate);
    assert_eq!((&users[0]["name"], &users[0]["email"]), (&json!("bela"), &json!("bela@foreign.example")), "{users:#}");
}

#[test]
fn a_slash_at_the_end_of_a_providers_identifier_belongs_to_it() {
    let (gate, output) = log_in(slashed, slashed);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(users(&gate)[0]["name"], "bela");
}

#[test]
fn a_provider_whose_identifier_differs_by_a_slash_is_another_one() {
    for (known, says) in [(bare as fn(u16) -> String, slashed as fn(u16) -> String), (slashed, bare)] {
        let (gate, output) = log_in(known, says);
        assert!(!output.status.success(), "somebody logged in");
        assert_eq!(users(&gate), json!([]));
    }
}
