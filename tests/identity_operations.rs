//! What operators do with the built-in authorization server while it runs: reloads, declarative files, and what `doctor` says
//! of its place.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use running::{Answer, Gate, process, wire};
use serde_json::Value;

fn gate() -> Gate {
    Gate::start_in(&[("client.secret", "a secret that both sides know of")], |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls: {{ certificate: server.pem, key: file:server.key }}
identity:
  scopes: {{ "orders:read": "read your orders" }}
  templates: .
data: data
apis:
  - name: orders
    host: localhost
    path: /orders
    upstream: http://{0}
    authenticate: [identity]
    routes: [{{ match: "GET /orders/{{id}}", scopes: [orders:read] }}]
monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
"#,
            origin.address
        )
    })
}

/// Runs a command that may fail.
fn run(gate: &Gate, arguments: &[&str]) -> Output {
    let mut command = Command::new(process::binary());
    command.current_dir(gate.folder.path()).env("NO_COLOR", "1").args(arguments).args(["-c", "portcullis.yaml"]);
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn reload(gate: &Gate) -> Output {
    let mut command = Command::new(process::binary());
    command.args(["reload", "--data", "data"]).current_dir(gate.folder.path()).output().unwrap()
}

fn write(gate: &Gate, name: &str, text: &str) {
    fs::write(gate.folder.path().join(name), text).unwrap();
}

fn edit(gate: &Gate, change: impl Fn(&str) -> String) {
    let present = fs::read_to_string(gate.folder.path().join("portcullis.yaml")).unwrap();
    write(gate, "portcullis.yaml", &change(&present));
}

/// A registered service: its id and its secret.
fn service(gate: &Gate) -> (String, String) {
    let create = ["client", "create", "-o", "json", "--name", "n", "--type", "service", "--scope", "orders:read"];
    let made: Value = serde_json::from_slice(&gate.command(&create).stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made["client"]["id"]), text(&made["secret"]))
}

fn ask(gate: &Gate, (id, secret): (&str, &str), more: &str) -> Answer {
    let authorization = format!("Authorization: Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let fields = [authorization.as_str(), "Content-Type: application/x-www-form-urlencoded"];
    wire::request(gate, "POST", "/oauth2/token", &fields, &format!("grant_type=client_credentials{more}"))
}

fn token(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn an_api_that_a_reload_adds_is_one_that_tokens_are_for_and_one_that_it_takes_away_is_none() {
    let gate = gate();
    let (id, secret) = service(&gate);
    let client = (id.as_str(), secret.as_str());
    let added = "&resource=https%3A%2F%2Flocalhost%2Fadded";
    let early = ask(&gate, client, added);
    assert_eq!(early.status, 400, "{}", early.body);
    assert!(early.body.contains("invalid_target"), "{}", early.body);
    let before = token(&ask(&gate, client, "&scope=orders%3Aread"));

    let api = "  - { name: added, host: localhost, path: /added, upstream: \"http://127.0.0.1:1\", authenticate: \
               [identity], routes: [{ match: \"GET /added\" }] }\nmonitoring:";
    edit(&gate, |text| text.replace("monitoring:", api));
    let output = reload(&gate);
    assert!(output.status.success(), "{}", err(&output));
    let there = token(&ask(&gate, client, added));
    let bearer = |target: &str, token: &str| gate.get(target, &[&format!("Authorization: Bearer {token}")]).status;
    // There is no upstream: whoever gets as far as that was let in.
    assert_eq!(bearer("/added", &there), 502);
    assert_eq!(bearer("/orders/7", &there), 401, "it is for the other API");
    assert_eq!(bearer("/orders/7", &before), 200, "what was given out before is still good");
    assert_eq!(bearer("/added", &before), 401, "nor was this one ever for the new API");

    edit(&gate, |text| text.replace(api, "monitoring:"));
    assert!(reload(&gate).status.success());
    let late = ask(&gate, client, added);
    assert_eq!(late.status, 400, "{}", late.body);
    assert_eq!(bearer("/added", &there), 404);
}

#[test]
fn a_reload_reads_the_files_of_the_pages_and_refuses_those_that_are_wrong() {
    let gate = gate();
    let page = || gate.get("/login", &[]).body;
    assert!(page().contains("<h1>Log in</h1>"), "{}", page());
    write(&gate, "messages.toml", "login.title = \"Come in\"\n");
    write(&gate, "theme.css", ":root { --accent: #005500 }\n");
    assert!(!page().contains("Come in"), "read before a reload");
    assert!(reload(&gate).status.success());
    let styled = page();
    assert!(styled.contains("<h1>Come in</h1>"), "{styled}");
    let style = styled.split("href=\"/assets/theme.css").nth(1).unwrap().split('"').next().unwrap();
    assert!(gate.get(&format!("/assets/theme.css{style}"), &[]).body.contains("#005500"));

    // With a wrong file nothing of the configuration comes into force.
    write(&gate, "messages.toml", "login.titel = \"Come in\"\n");
    edit(&gate, |text| text.replace("GET /orders/{id}", "GET /orders/{id}/lines"));
    let refused = reload(&gate);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("messages.toml") && err(&refused).contains("titel"), "{}", err(&refused));
    assert!(page().contains("<h1>Come in</h1>"));
    assert_eq!(gate.get("/orders/7", &[]).status, 401);
    assert_eq!(gate.get("/orders/7/lines", &[]).status, 404);
}

#[test]
fn a_reload_that_changes_the_server_itself_says_that_it_needs_a_restart() {
    let gate = gate();
    edit(&gate, |text| text.replace("templates: .", "fapi: true"));
    let refused = reload(&gate);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("`identity` cannot change while the gateway runs; restart it"), "{}", err(&refused));
}

#[test]
fn a_declarative_file_that_is_wrong_changes_nothing_and_says_where() {
    let gate = gate();
    for (text, said) in [
        ("clients: { a: { type: service }, a: { type: service } }", "duplicate"),
        ("clients: { a: { type: service, scopes: [], scopes: [orders:read] } }", "duplicate"),
        ("clients: { a: { scopes: [] } }", "client `a`: say its `type`"),
        ("clients: { a: { type: daemon } }", "client `a`"),
        ("clients: { a: { type: service, id: b } }", "client `a`"),
        ("clients: { a: { type: web, redirect_uris: [\"http://shop.example/\"] } }", "http://shop.example/"),
        ("clients: { a: { type: service, authentication: { method: magic } } }", "client `a`"),
        ("klients: {}", "klients"),
        ("- a", "identity.yaml"),
        ("", "identity.yaml"),
    ] {
        write(&gate, "identity.yaml", text);
        for command in ["diff", "apply"] {
            let output = run(&gate, &["identity", command, "identity.yaml"]);
            assert_eq!(output.status.code(), Some(2), "{command} {text}: {}{}", out(&output), err(&output));
            assert!(err(&output).contains(said), "{command} {text}: {}", err(&output));
        }
    }
    let absent = run(&gate, &["identity", "apply", "absent.yaml"]);
    assert_eq!(absent.status.code(), Some(1));
    assert!(err(&absent).contains("absent.yaml"), "{}", err(&absent));
    let listed: Value = serde_json::from_slice(&gate.command(&["client", "list", "-o", "json"]).stdout).unwrap();
    assert_eq!(listed["clients"], Value::Array(Vec::new()));
    write(&gate, "identity.yaml", "clients: {}");
    let empty = run(&gate, &["identity", "apply", "identity.yaml"]);
    assert_eq!((empty.status.code(), out(&empty).as_str()), (Some(0), ""));
}

#[test]
fn what_was_applied_before_a_client_that_is_refused_is_told() {
    let gate = gate();
    let text = "clients: { a: { type: service, scopes: [orders:read] }, b: { type: service, scopes: [cellar:read] }, \
                c: { type: service } }";
    write(&gate, "identity.yaml", text);
    assert_eq!(run(&gate, &["identity", "diff", "identity.yaml"]).status.code(), Some(3));
    let output = run(&gate, &["identity", "apply", "identity.yaml"]);
    assert_eq!(output.status.code(), Some(1), "{}", out(&output));
    assert!(err(&output).contains("no scope `cellar:read` is known"), "{}", err(&output));
    let told = out(&output);
    let secret =
        told.lines().find_map(|line| line.strip_prefix("a client_secret ")).unwrap_or_else(|| panic!("{told}"));
    token(&ask(&gate, ("a", secret), "&scope=orders%3Aread"));
    let left = run(&gate, &["identity", "diff", "identity.yaml"]);
    assert_eq!(out(&left), "b is new\nc is new\n");
    // What is mended goes on from there; the secret of the first stays.
    write(&gate, "identity.yaml", &text.replace("cellar", "orders"));
    let output = run(&gate, &["identity", "apply", "identity.yaml", "-o", "json"]);
    let made: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(made["applied"].as_array().unwrap().len(), 2, "{made:#}");
    token(&ask(&gate, ("a", secret), "&scope=orders%3Aread"));
}

#[test]
fn a_client_that_shall_prove_itself_by_a_secret_from_now_on_gets_one() {
    let gate = gate();
    let own = "{ method: tls_client_auth, name: a.example }";
    let file = |method: &str| {
        write(
            &gate,
            "identity.yaml",
            &format!("clients: {{ a: {{ type: service, scopes: [orders:read], authentication: {method} }} }}"),
        );
        out(&gate.command(&["identity", "apply", "identity.yaml"]))
    };
    let new = file(own);
    assert!(!new.contains("client_secret"), "{new}");
    let changed = file("{ method: client_secret_basic }");
    let secret =
        changed.lines().find_map(|line| line.strip_prefix("a client_secret ")).unwrap_or_else(|| panic!("{changed}"));
    token(&ask(&gate, ("a", secret), "&scope=orders%3Aread"));
    assert_eq!(run(&gate, &["identity", "diff", "identity.yaml"]).status.code(), Some(0));
}

#[test]
fn a_client_that_is_shut_out_stays_so_when_its_file_is_applied() {
    let gate = gate();
    write(&gate, "identity.yaml", "clients: { a: { type: service, scopes: [orders:read] } }");
    let told = out(&gate.command(&["identity", "apply", "identity.yaml"]));
    let secret = told.lines().find_map(|line| line.strip_prefix("a client_secret ")).unwrap().to_owned();
    gate.command(&["client", "disable", "a"]);
    write(&gate, "identity.yaml", "clients: { a: { type: service, name: A, scopes: [orders:read] } }");
    gate.command(&["identity", "apply", "identity.yaml"]);
    assert_eq!(ask(&gate, ("a", &secret), "&scope=orders%3Aread").status, 401);
}

/// The findings of `doctor` about the server, joined.
fn findings(gate: &Gate) -> String {
    let output = run(gate, &["doctor", "-o", "json"]);
    let said: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", err(&output)));
    let ours = said["findings"].as_array().unwrap().iter().filter(|finding| {
        // Tests may run as root, with a folder that anybody reads, and beside the gateway that they look at.
        finding["check"] == "identity" || finding["check"] == "issuers"
    });
    ours.map(|finding| finding["cause"].as_str().unwrap().to_owned()).collect::<Vec<_>>().join("\n")
}

#[test]
fn doctor_knows_what_the_server_needs() {
    let gate = gate();
    gate.command(&["client", "list"]);
    assert_eq!(findings(&gate), "");
    let key = gate.folder.path().join("data/identity-master.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o444)).unwrap();
    assert!(
        findings(&gate).contains("opens every private key of the server, and has mode 0444"),
        "{}",
        findings(&gate)
    );
    fs::remove_file(&key).unwrap();
    assert!(findings(&gate).contains("is missing, and the database holds keys"), "{}", findings(&gate));
    edit(&gate, |text| text.replace("templates: .", "templates: nowhere"));
    assert!(findings(&gate).contains("nowhere is no folder"), "{}", findings(&gate));
    edit(&gate, |text| text.replace("templates: nowhere", "issuer: \"https://id.example.com\""));
    assert!(findings(&gate).contains("no certificate of a listener is for id.example.com"), "{}", findings(&gate));
}

#[test]
fn doctor_looks_whether_providers_answer() {
    let gate = gate();
    let listening = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let provider = |address| {
        format!(
            "providers: {{ foreign: {{ issuer: \"http://{address}/\", client_id: here, client_secret: \"file:client.secret\" }} }}"
        )
    };
    edit(&gate, |text| text.replace("templates: .", &provider(silent)));
    assert!(findings(&gate).contains("provider foreign: 127.0.0.1 port"), "{}", findings(&gate));
    let heard = provider(listening.local_addr().unwrap());
    edit(&gate, |text| text.replace(&provider(silent), &heard));
    assert_eq!(findings(&gate), "");
}
