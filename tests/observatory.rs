//! Headers by the rules of the MDN HTTP Observatory, as it computes them itself: the pages of the authorization server, and
//! every other kind of answer that the binary gives.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;
#[path = "../crates/identity/tests/tools/mod.rs"]
mod tools;

use std::{net::TcpListener, process::Command};

use running::Gate;
use serde_json::{Value, json};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/observatory");

/// Ports of loopback that nobody uses now.
fn free_ports() -> [u16; 2] {
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

fn gate(port: u16) -> Gate {
    Gate::start_in(&[("client.secret", "a secret that both sides know of")], |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:{port}
    tls: {{ certificate: server.pem, key: file:server.key }}
identity:
  issuer: "https://localhost:{port}"
  scopes: {{ "orders:read": "read your orders" }}
  providers: {{ foreign: {{ issuer: "https://foreign.example", client_id: here, client_secret: "file:client.secret" }} }}
apis:
  - name: orders
    host: localhost
    path: /orders
    upstream: http://{0}
    authenticate: [identity]
    routes: [{{ match: "GET /orders", public: "a test" }}, {{ match: "GET /orders/{{id}}", scopes: [orders:read] }}]
monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
limits: {{ failed_authentication: {{ per_address: 100000/second, ban_after: 100000/second }} }}
"#,
            origin.address
        )
    })
}

/// What anybody may ask for.
const OUTSIDE: [&str; 25] = [
    "/login",
    "/login?return=%2Faccount&acr=aal2",
    "/login/passkey",
    "/login/totp",
    "/login/recovery",
    "/login/external/foreign",
    "/login/external/foreign/return?state=a&code=b",
    "/device",
    "/device?user_code=BCDF-GHJK",
    "/logout",
    "/account",
    "/invitation/open?link=nobodys",
    "/assets/style.css",
    "/assets/passkey.js",
    "/oauth2/authorize",
    "/oauth2/logout",
    "/oauth2/logout?post_logout_redirect_uri=https%3A%2F%2Felsewhere.example",
    "/oauth2/jwks",
    "/oauth2/userinfo",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource/orders",
    "/.well-known/portcullis/jwks.json",
    "/orders",
    "/orders/7",
];

/// What somebody may ask for who is logged in.
const INSIDE: [&str; 9] = [
    "/account",
    "/account/password",
    "/account/passkeys",
    "/account/totp",
    "/login",
    "/logout",
    "/oauth2/logout",
    "/device",
    "/device?user_code=BCDF-GHJK",
];

#[test]
fn every_page_and_every_answer_is_graded_a_plus_by_the_observatory() {
    let [port, unused] = free_ports();
    let gate = gate(port);
    let command = |arguments: &[&str]| -> Value {
        serde_json::from_slice(&gate.command(&[arguments, &["-o", "json"]].concat()).stdout).unwrap()
    };
    let user = command(&["user", "create", "--name", "ada"]);
    // Whoever agrees is sent back to where this origin goes on.
    let back = format!("https://localhost:{port}/orders");
    let create = ["client", "create", "--name", "An app", "--type", "web", "--redirect-uri", back.as_str()];
    let client = command(&[create.as_slice(), &["--scope", "openid", "--scope", "orders:read"]].concat());
    let consent = format!(
        "/oauth2/authorize?client_id={}&redirect_uri=https%3A%2F%2Flocalhost%3A{port}%2Forders&response_type=code\
         &scope=orders%3Aread&code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&state=s",
        client["client"]["id"].as_str().unwrap()
    );
    let told = json!({
        "host": "localhost",
        "port": port,
        "unused": unused,
        "invitation": user["link"],
        "name": "ada",
        "password": "seven purple hedgehogs",
        "consent": consent,
        "paths": OUTSIDE.iter().copied().chain(["/nowhere", "/orders/%00", consent.as_str()]).collect::<Vec<_>>(),
        "inside": INSIDE,
    });
    let folder = tools::npm("observatory", SCRIPTS);
    let mut node = Command::new(tools::program("node", "nodejs"));
    node.env("NODE_EXTRA_CA_CERTS", gate.folder.path().join("ca.pem"));
    let output = tools::run(node.arg(folder.join("observatory.mjs")).arg(told.to_string()).current_dir(&folder));
    let graded = String::from_utf8(output.stdout).unwrap();
    println!("{graded}");
    assert!(graded.lines().count() > OUTSIDE.len() + INSIDE.len(), "{graded}");
    let lower: Vec<&str> = graded.lines().filter(|line| !line.starts_with("A+ ")).collect();
    assert!(lower.is_empty(), "{lower:#?}");
}
