//! TLS as its critics see it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{fs, process::Command};

use running::{Origin, Process, python};
use serde_json::Value;

/// Findings about the certificate and its name, which a test cannot have from a public CA, nor in the DNS.
const OF_THE_CHAIN: [&str; 2] = ["cert_", "DNS_"];

/// A gateway as `protect` makes it, and its folder.
fn protected() -> (Process, tempfile::TempDir) {
    let (folder, origin) = (tempfile::TempDir::new().unwrap(), Origin::start());
    let url = format!("http://{}", origin.address);
    let arguments = ["protect", &url, "--listen", "127.0.0.1:0", "--save", "gateway.yaml"];
    (Process::start(folder.path(), &arguments), folder)
}

#[test]
fn sslyze_finds_mozillas_intermediate_configuration() {
    let (gate, folder) = protected();
    let (ca, address) = (folder.path().join("portcullis-data/ca.pem"), gate.address.to_string());
    let arguments = ["--mozilla_config=intermediate", "--certinfo_ca_file", ca.to_str().unwrap(), &address];
    let report = python::module("sslyze", &arguments);
    assert!(report.contains("OK - Compliant"), "{report}");
}

#[test]
fn a_session_is_resumed_without_early_data() {
    let (gate, folder) = protected();
    let port = gate.address.port();
    let ca = folder.path().join("portcullis-data/ca.pem");
    let session = folder.path().join("session.pem");
    let connect = |flag: &str| {
        let script = format!(
            "(printf 'GET / HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n'; sleep 0.3) | \
             openssl s_client -connect 127.0.0.1:{port} -CAfile {} {flag} {} 2>/dev/null",
            ca.display(),
            session.display()
        );
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(connect("-sess_out").contains("New, TLSv1.3"));
    let resumed = connect("-sess_in");
    assert!(resumed.contains("Reused, TLSv1.3") && resumed.contains("Early data was not sent"), "{resumed}");
    assert!(resumed.contains("Max Early Data: 0"), "{resumed}");
}

#[test]
fn testssl_finds_nothing_but_the_chain() {
    let (gate, folder) = protected();
    let (ca, report) = (folder.path().join("portcullis-data/ca.pem"), folder.path().join("report.json"));
    let output = Command::new("testssl")
        .args(["--quiet", "--color", "0", "--severity", "LOW"])
        .arg("--jsonfile")
        .arg(&report)
        .arg("--add-ca")
        .arg(ca)
        .arg(gate.address.to_string())
        .output()
        .unwrap();
    let findings: Vec<Value> = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    let of_the_chain =
        |finding: &&Value| OF_THE_CHAIN.iter().any(|prefix| finding["id"].as_str().unwrap().starts_with(prefix));
    // It always has something to say of a CA of our own; silence would mean that it did not run.
    assert!(findings.iter().any(|finding| of_the_chain(&finding)), "{}", String::from_utf8_lossy(&output.stdout));
    // WARN is a check that its own client could not make, such as resumption with a ticket.
    let is_finding = |finding: &&Value| finding["severity"] != "WARN";
    let others: Vec<&Value> = findings.iter().filter(|f| !of_the_chain(f)).filter(is_finding).collect();
    assert!(others.is_empty(), "{others:#?}");
}
