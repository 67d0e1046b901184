//! Schemathesis (pinned, from the Python Package Index) makes requests from an OpenAPI document, good and bad, and looks at
//! the answers: none is a 5xx, none is undocumented, and what the document forbids is refused.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use running::{Gate, python};

const DOCUMENT: &str = include_str!("peers/schemathesis.openapi.yaml");

#[test]
fn schemathesis_finds_no_answer_that_is_not_documented() {
    let gate = Gate::start_with_contract(DOCUMENT, "mode: enforce");
    let document = gate.folder.path().join("shop.openapi.yaml");
    let url = format!("http://{}/shop", gate.plain);
    let token = format!("Authorization: Bearer {}", gate.token(""));
    let told = python::module(
        "schemathesis.cli",
        &[
            "run",
            document.to_str().unwrap(),
            "--url",
            &url,
            "-H",
            &token,
            "-H",
            "Host: localhost",
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection,positive_data_acceptance",
            "--mode",
            "all",
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "40",
            "--seed",
            "1",
            "--generation-database",
            "none",
        ],
    );
    println!("{told}");
    assert!(gate.origin.seen() > 0, "good requests reach the origin");
}
