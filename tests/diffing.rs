//! `portcullis diff`: what a new file lets through that the old one did not.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use jose::{Algorithm, SigningKey};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

const BASE: &str = r#"
listeners:
  - address: 127.0.0.1:8080
issuers:
  corp: { issuer: "https://corp.example", audience: [api], algorithms: [ES256], required_claims: [sub], max_lifetime: 1h }
  partner: { issuer: "https://partner.example", audience: api, algorithms: [ES256] }
upstreams:
  orders: { servers: ["https://10.0.0.1:9000"] }
apis:
  - name: orders
    host: api.example.com
    path: /orders
    upstream: orders
    authenticate: [jwt: corp, api_key]
    body: 64KiB
    limits: [{ per: client, rate: 100/minute }]
    routes:
      - { match: "GET /orders/{id}", scopes: [orders:read] }
      - { match: "POST /orders", scopes: [orders:read, orders:write] }
  - name: status
    upstream: http://127.0.0.1:9001
    routes:
      - { match: "GET /status", public: "probed by the load balancer" }
"#;

/// Runs the command on two files in a folder.
fn diff_in(folder: &Path, old: &str, new: &str, more: &[&str]) -> Output {
    fs::write(folder.join("old.yaml"), old).unwrap();
    fs::write(folder.join("new.yaml"), new).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder).env("NO_COLOR", "1").args(["diff", "old.yaml", "new.yaml"]).args(more).output().unwrap()
}

fn diff(old: &str, new: &str, more: &[&str]) -> Output {
    diff_in(TempDir::new().unwrap().path(), old, new, more)
}

/// The base, with one text in it replaced.
fn edited(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "{from}");
    BASE.replace(from, to)
}

/// Exit code and standard output of a change to the base.
fn told(from: &str, to: &str) -> String {
    shown(&diff(BASE, &edited(from, to), &[]))
}

fn shown(output: &Output) -> String {
    format!("exit {}\n{}", output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout))
}

const READ: &str = r#"- { match: "GET /orders/{id}", scopes: [orders:read] }"#;
const WRITE: &str = r#"- { match: "POST /orders", scopes: [orders:read, orders:write] }"#;

#[test]
fn a_scope_that_is_no_longer_asked_for_widens() {
    insta::assert_snapshot!(told("[orders:read, orders:write]", "[orders:read]"));
}

#[test]
fn a_route_that_becomes_public_widens() {
    insta::assert_snapshot!(told(READ, r#"- { match: "GET /orders/{id}", public: "a catalogue" }"#));
}

#[test]
fn one_more_method_opens() {
    insta::assert_snapshot!(told(READ, r#"- { match: "GET,DELETE /orders/{id}", scopes: [orders:read] }"#));
}

#[test]
fn any_method_opens_also_those_without_a_name() {
    insta::assert_snapshot!(told(READ, r#"- { match: "* /orders/{id}", scopes: [orders:read] }"#));
}

#[test]
fn one_more_issuer_widens() {
    insta::assert_snapshot!(told("[jwt: corp, api_key]", "[jwt: corp, jwt: partner, api_key]"));
}

#[test]
fn a_literal_route_that_escapes_a_stricter_parameter_route_widens() {
    let export = format!("{READ}\n      - {{ match: \"GET /orders/export\", authenticate: [api_key] }}");
    insta::assert_snapshot!(told(READ, &export));
}

#[test]
fn a_stricter_route_that_goes_away_leaves_its_path_to_a_looser_one() {
    let old = edited(READ, &format!("{READ}\n      - {{ match: \"GET /orders/all\", scopes: [orders:admin] }}"));
    insta::assert_snapshot!(shown(&diff(&old, BASE, &[])));
}

#[test]
fn a_literal_without_a_method_hides_the_parameter_route() {
    let posted = format!("{WRITE}\n      - {{ match: \"POST /orders/import\", scopes: [orders:write] }}");
    insta::assert_snapshot!(told(WRITE, &posted));
}

#[test]
fn a_rest_opens_what_lies_beside_a_parameter() {
    insta::assert_snapshot!(told(
        READ,
        &format!("{READ}\n      - {{ match: \"GET /orders/{{rest*}}\", public: \"files\" }}")
    ));
}

#[test]
fn a_path_that_only_differs_by_a_slash_at_its_end_is_found() {
    let guarded = |path| format!("      - {{ match: \"GET /orders{path}\", scopes: [orders:read] }}\n");
    let old = format!("      {READ}\n{}{}", guarded(""), guarded("/{id}/{more*}"));
    let open = "      - { match: \"GET /orders/{rest*}\", public: \"files\" }\n";
    let (old, new) = (edited(&format!("      {READ}\n"), &old), edited(&format!("      {READ}\n"), &(old + open)));
    let told = shown(&diff(&old, &new, &[]));
    assert!(told.contains("opened    GET api.example.com/orders/{rest*} (such as /orders/)"), "{told}");
}

#[test]
fn a_listener_that_loses_tls_widens() {
    let folder = TempDir::new().unwrap();
    write_certificate(folder.path(), "server");
    let tls = "127.0.0.1:8080\n    tls: { certificate: server.pem, key: file:server.key }\n";
    let old = edited("127.0.0.1:8080\n", tls);
    insta::assert_snapshot!(shown(&diff_in(folder.path(), &old, BASE, &[])));
}

#[test]
fn a_host_of_its_own_takes_requests_from_the_api_without_a_host() {
    let open = "  - { name: pages, host: www.example.com, upstream: \"http://127.0.0.1:9002\", routes: [{ match: \"* /{all*}\", public: \"pages\" }] }\n";
    insta::assert_snapshot!(shown(&diff(BASE, &format!("{BASE}{open}"), &[])));
}

#[test]
fn looser_limits_widen() {
    let limits = "limits: { connections: 20000, body_minimum_rate: 100, header_timeout: 5s }\n";
    let new = edited("100/minute", "10/second").replace("body: 64KiB", "body: 2MiB") + limits;
    insta::assert_snapshot!(shown(&diff(BASE, &new, &[])));
}

#[test]
fn websockets_and_metrics_open() {
    let read =
        r#"- { match: "GET /orders/{id}", scopes: [orders:read], websocket: { origins: ["https://app.example"] } }"#;
    let new = edited(READ, read) + "monitoring: { address: \"127.0.0.1:9100\" }\n";
    insta::assert_snapshot!(shown(&diff(BASE, &new, &[])));
    let back = shown(&diff(&new, BASE, &[]));
    assert!(back.starts_with("exit 0") && back.contains("closed    monitoring.address"), "{back}");
}

#[test]
fn a_raised_rate_limit_widens() {
    insta::assert_snapshot!(told("rate: 100/minute", "rate: 200/minute"));
}

#[test]
fn looser_rules_for_an_issuer_widen() {
    let loose = r#"audience: [api, other], algorithms: [ES256, RS256], max_lifetime: 1d, skew: 60s, jwks_uri: "https://keys.example/" }"#;
    insta::assert_snapshot!(told(
        "audience: [api], algorithms: [ES256], required_claims: [sub], max_lifetime: 1h }",
        loose
    ));
}

#[test]
fn an_upstream_without_tls_widens() {
    insta::assert_snapshot!(told("https://10.0.0.1:9000", "http://10.0.0.1:9000"));
}

#[test]
fn another_upstream_is_told_but_is_no_widening() {
    insta::assert_snapshot!(told("https://10.0.0.1:9000", "https://10.0.0.2:9000"));
}

#[test]
fn a_listener_that_is_added_opens() {
    insta::assert_snapshot!(told(
        "  - address: 127.0.0.1:8080\n",
        "  - address: 127.0.0.1:8080\n  - { address: \"0.0.0.0:8081\", plaintext: \"a test\" }\ntrusted_proxies: [10.0.0.0/8]\n"
    ));
}

#[test]
fn only_narrowing_exits_with_0() {
    let new = edited("scopes: [orders:read] }", "scopes: [orders:read, orders:audit] }")
        .replace(r#", public: "probed by the load balancer""#, ", authenticate: [api_key]")
        .replace("jwt: corp, ", "")
        .replace("100/minute", "50/minute")
        .replace(&format!("      {WRITE}\n"), "");
    insta::assert_snapshot!(shown(&diff(BASE, &new, &[])));
}

#[test]
fn identical_files_give_no_output_and_exit_with_0() {
    let output = diff(BASE, BASE, &[]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn order_and_the_names_of_parameters_make_no_difference() {
    let new = edited("{id}", "{number}").replace("[jwt: corp, api_key]", "[api_key, jwt: corp]");
    assert_eq!(shown(&diff(BASE, &new, &[])), "exit 0\n");
}

#[test]
fn json_has_every_change_with_its_verdict() {
    let output = diff(BASE, &edited("rate: 100/minute", "rate: 200/minute"), &["-o", "json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(json["changes"][0]["verdict"], "widened");
    assert_eq!(json["changes"][0]["subject"], "rate limits of API orders");
    let none: Value = serde_json::from_slice(&diff(BASE, BASE, &["-o", "json"]).stdout).unwrap();
    assert_eq!(none["changes"], serde_json::json!([]));
}

#[test]
fn an_invalid_file_is_reported_and_exits_with_1() {
    let output = diff(BASE, "listeners: []", &[]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("new.yaml"));
}

#[test]
fn keys_of_an_issuer_are_compared_one_by_one() {
    let folder = TempDir::new().unwrap();
    let jwk = || SigningKey::generate(Algorithm::Es256).unwrap().public_jwk();
    let (first, second) = (jwk(), jwk());
    for (name, keys) in [("one", vec![&first]), ("two", vec![&second, &first]), ("other", vec![&second])] {
        fs::write(folder.path().join(name), json!({ "keys": keys }).to_string()).unwrap();
    }
    let file = |name| edited("required_claims: [sub]", &format!("jwks_file: {name}"));
    for (old, new, expected) in [
        ("one", "one", "exit 0\n"),
        ("one", "two", "exit 3\nwidened   issuer corp keys\n          1 key -> 2 keys\n"),
        ("two", "one", "exit 0\nnarrowed  issuer corp keys\n          2 keys -> 1 key\n"),
        ("one", "other", "exit 3\nwidened   issuer corp keys\n          1 key -> 1 key\n"),
    ] {
        let told = shown(&diff_in(folder.path(), &file(old), &file(new), &[]));
        assert!(told.starts_with(expected) && (told.len() == expected.len()) == (old == new), "{old} {new}: {told}");
    }
}

const MUTUAL: &str = r#"
listeners:
  - address: 127.0.0.1:8443
    tls:
      certificate: server.pem
      key: file:server.key
      client_certificates:
        ca: server.pem
        clients: [{ name: billing, dns: billing.example, scopes: [orders:read] }]
apis:
  - name: orders
    upstream: http://127.0.0.1:9000
    authenticate: [client_certificate]
    routes:
      - { match: "GET /orders", scopes: [orders:read] }
      - { match: "POST /orders", scopes: [orders:write] }
"#;

fn write_certificate(folder: &Path, name: &str) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([format!("{name}.example")]).unwrap().self_signed(&key).unwrap();
    fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
    fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

#[test]
fn client_certificates_are_followed_through_their_scopes_and_authorities() {
    let folder = TempDir::new().unwrap();
    write_certificate(folder.path(), "server");
    write_certificate(folder.path(), "other");
    let new = MUTUAL.replace("ca: server.pem", "ca: other.pem").replace(
        "scopes: [orders:read] }]",
        "scopes: [orders:write] }, { name: audit, dns: audit.example, scopes: [orders:read] }]",
    );
    insta::assert_snapshot!(shown(&diff_in(folder.path(), MUTUAL, &new, &[])));
}

#[test]
fn clients_that_nobody_registered_open_and_widen() {
    let with = |keys: &str| {
        let scopes = "scopes: { \"orders:read\": \"read\", \"orders:write\": \"write\" }";
        format!("{BASE}identity: {{ issuer: \"https://id.example.com\", {scopes}{keys} }}\n")
    };
    let rules = |keys: &str| with(&format!(", clients_by_url: {{ {keys} }}"));
    let compared = |old: &str, new: &str| shown(&diff(old, new, &[]));
    let narrow = rules("scopes: [\"orders:read\"], hosts: [a.example]");
    let opened = compared(&with(""), &narrow);
    assert!(opened.contains("opened") && opened.contains("identity.clients_by_url"), "{opened}");
    for (wide, key) in [
        ("scopes: [\"orders:read\"]", "clients_by_url.hosts"),
        ("scopes: [\"orders:read\"], hosts: [a.example, b.example]", "clients_by_url.hosts"),
        ("scopes: [\"orders:read\", \"orders:write\"], hosts: [a.example]", "clients_by_url.scopes"),
        (
            "scopes: [\"orders:read\"], hosts: [a.example], allow_networks: [10.0.0.0/8]",
            "clients_by_url.allow_networks",
        ),
    ] {
        let (there, back) = (compared(&narrow, &rules(wide)), compared(&rules(wide), &narrow));
        assert!(there.contains("widened") && there.contains(key), "{there}");
        assert!(back.contains("narrowed") && back.contains(key), "{back}");
    }
    let logout = compared(&with(""), &with(", backchannel_logout: { allow_networks: [10.0.0.0/8] }"));
    assert!(logout.contains("widened") && logout.contains("backchannel_logout.allow_networks"), "{logout}");
    let idle = compared(&with(""), &with(", lifetimes: { session_idle: 2h }"));
    assert!(idle.contains("widened") && idle.contains("lifetimes.session_idle"), "{idle}");
}
