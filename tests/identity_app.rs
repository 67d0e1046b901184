//! Delegated access, from end to end and in a real browser: a program of somebody else is allowed to call an API for a user
//! who shares no credential with it, until the user takes that back.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;
#[path = "../crates/identity/tests/tools/mod.rs"]
mod tools;

use std::{net::TcpListener, process::Command};

use running::Gate;
use serde_json::{Value, json};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/identity_app");

/// A port of loopback that nobody uses now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_program_calls_an_api_for_a_user_until_the_user_takes_that_back() {
    let (port, app) = (free_port(), free_port());
    let issuer = format!("http://localhost:{port}");
    let gate = Gate::start_in(&[], |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls: {{ certificate: server.pem, key: file:server.key }}
  - address: 127.0.0.1:{port}
identity: {{ issuer: "{issuer}", plaintext: "a test", scopes: {{ "orders:read": "read your orders" }} }}
apis:
  - name: orders
    host: localhost
    path: /orders
    upstream: http://{}
    authenticate: [identity]
    cors: {{ origins: ["http://localhost:{app}"], request_headers: [authorization] }}
    routes: [{{ match: "GET /orders/{{id}}", scopes: [orders:read] }}]
monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
"#,
            origin.address
        )
    });
    let command = |arguments: &[&str]| -> Value {
        let output = gate.command(&[arguments, &["-o", "json"]].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    };
    let redirect = format!("http://localhost:{app}/");
    let scopes = ["--scope", "openid", "--scope", "profile", "--scope", "orders:read"];
    let create = ["client", "create", "--name", "An app", "--type", "browser", "--redirect-uri", redirect.as_str()];
    let client = command(&[create.as_slice(), &scopes].concat());
    let user = command(&["user", "create", "--name", "ada"]);
    let arguments = json!({
        "issuer": issuer,
        "invitation": user["link"],
        "api": format!("{issuer}/orders/7"),
        "client": client["client"]["id"],
        "port": app,
        "chromium": tools::program("chromium", "chromium"),
    });
    let folder = tools::npm("identity_app", SCRIPTS);
    let mut node = Command::new(tools::program("node", "nodejs"));
    let told = tools::run(node.arg("app.mjs").arg(arguments.to_string()).current_dir(&folder));
    println!("{}", String::from_utf8_lossy(&told.stdout));
}
