//! The commands that need no running gateway: output, messages and exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::{Command, Output};

fn portcullis(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portcullis")).args(arguments).env("NO_COLOR", "1").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn check(text: &str, more: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("portcullis.yaml");
    std::fs::write(&file, text).unwrap();
    portcullis(&[&["check", "-c", file.to_str().unwrap()], more].concat())
}

const VALID: &str = r#"
listeners:
  - address: 127.0.0.1:8080
apis:
  - name: orders
    path: /orders
    upstream: http://127.0.0.1:9000
    authenticate: [api_key]
    routes:
      - { match: "GET /orders/{id}" }
"#;

#[test]
fn explain_says_what_a_code_means_in_any_case() {
    let output = portcullis(&["explain", "pc-0101"]);
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    assert!(text.starts_with("PC-0101: Request target is not canonical (status 400)"), "{text}");
    assert!(text.contains("For the operator: "));
    assert_eq!(json(&portcullis(&["explain", "PC-0101", "-o", "json"]))["status"], 400);
}

#[test]
fn explain_fails_for_an_unknown_code_without_data() {
    let output = portcullis(&["explain", "PC-9999\u{1b}[31m"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("is not a code of this version") && !message.contains('\u{1b}'));
}

#[test]
fn schema_prints_a_json_schema() {
    let output = portcullis(&["config", "schema"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(json(&output)["$schema"].is_string());
}

#[test]
fn check_is_silent_on_stdout_about_a_valid_file() {
    let output = check(VALID, &[]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""));
    assert_eq!(json(&check(VALID, &["-o", "json"])), serde_json::json!({ "findings": [], "warnings": [] }));
}

#[test]
fn check_shows_findings_as_data_and_exits_3() {
    let wrong = VALID.replace("authenticate:", "authentikate:");
    let output = check(&wrong, &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains("authentikate") && !stdout(&output).contains('\u{1b}'));
    let findings = json(&check(&wrong, &["-o", "json"]));
    assert_eq!(findings["findings"][0]["line"], 8);
}

#[test]
fn serve_refuses_an_invalid_file_with_exit_code_1() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("portcullis.yaml");
    std::fs::write(&file, "listeners: []\n").unwrap();
    let output = portcullis(&["serve", "-c", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty() && !output.stderr.is_empty());
}

#[test]
fn wrong_usage_exits_2() {
    for arguments in [
        &["key", "list"] as &[&str],
        &["key", "create", "--data", "d", "--owner", "o", "--name", "n", "--expires-in", "9 days"],
        &["key", "list", "--data", "d", "-c", "f"],
        &["protect", "ftp://a.example"],
        &["protect", "http://127.0.0.1:1/path"],
        &["nonsense"],
    ] {
        assert_eq!(portcullis(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn key_commands_say_when_no_gateway_runs() {
    let dir = tempfile::tempdir().unwrap();
    let output = portcullis(&["key", "list", "--data", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("no gateway answers"));
}
