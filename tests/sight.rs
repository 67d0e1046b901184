//! What operators see of single requests.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use running::Gate;
use serde_json::Value;

fn explain(gate: &Gate, id: &str) -> Value {
    serde_json::from_slice(&gate.command(&["explain", id, "-o", "json"]).stdout).unwrap()
}

fn outcomes(story: &Value) -> String {
    let steps = story["stages"].as_array().unwrap().iter();
    steps.fold(String::new(), |text, step| {
        text + step["stage"].as_str().unwrap() + " " + step["outcome"].as_str().unwrap() + ", "
    })
}

#[test]
fn a_request_is_explained_stage_by_stage_without_its_secrets() {
    let gate = Gate::start();
    let token = gate.token("orders:read");
    let good = gate.get("/orders/secret-path?secret-query=1", &[&format!("Authorization: Bearer {token}")]);
    let id = good.field("x-request-id").unwrap();
    let story = explain(&gate, id);
    assert_eq!(
        outcomes(&story),
        "canonical passed, route passed, authenticate passed, limit passed, contract passed, authorize passed, upstream passed, body passed, "
    );
    assert_eq!((story["status"].as_u64(), story["subject"].as_str()), (Some(200), Some("user-1")));
    let (whole, spent) = (story["microseconds"].as_f64().unwrap(), story["stages"].as_array().unwrap().iter());
    let sum: f64 = spent.map(|step| step["microseconds"].as_f64().unwrap()).sum();
    assert!((sum - whole).abs() < 1.0, "{story}");
    let text = String::from_utf8(gate.command(&["explain", id]).stdout).unwrap();
    assert!(text.contains("GET /orders/{id}") && text.contains("authenticate"), "{text}");
    for secret in [token.as_str(), "secret-path", "secret-query"] {
        assert!(!text.contains(secret) && !story.to_string().contains(secret), "{secret} is told");
    }

    let refused = gate.get("/orders/1", &[&format!("Authorization: Bearer {}", gate.token("orders:write"))]);
    let story = explain(&gate, refused.field("x-request-id").unwrap());
    assert_eq!(story["code"], "PC-0301");
    assert!(
        outcomes(&story)
            .contains("limit passed, contract passed, authorize refused, upstream not_reached, body not_reached")
    );

    let binary = env!("CARGO_BIN_EXE_portcullis");
    let unknown = ["explain", &"0".repeat(32), "-c", "portcullis.yaml"];
    let output = Command::new(binary).args(unknown).current_dir(gate.folder.path()).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("no request"), "{output:?}");
}

#[test]
fn tail_shows_refusals_as_they_happen() {
    let gate = Gate::start();
    gate.refuses("/orders/before", &[], 401, "PC-0201");
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["tail", "--denied", "-o", "json", "-c", "portcullis.yaml"]).current_dir(gate.folder.path());
    let mut tail = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    // It begins a moment later: until then it is asked again, and what was before it is never shown.
    let shown = std::thread::spawn(move || (lines.next().unwrap().unwrap(), lines));
    while !shown.is_finished() {
        gate.get("/open", &[]);
        gate.refuses("/orders/1", &["Authorization: Basic dTpw"], 401, "PC-0201");
        gate.refuses("/orders/1", &["X_Alias: 1"], 400, "PC-0102");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let (first, mut lines) = shown.join().unwrap();
    for line in [first, lines.next().unwrap().unwrap()] {
        let story: Value = serde_json::from_str(&line).unwrap();
        assert!(["PC-0201", "PC-0102"].contains(&story["code"].as_str().unwrap()), "{line}");
    }
    tail.kill().unwrap();
    tail.wait().unwrap();
}
