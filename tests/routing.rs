//! What `config::routing` says that the gateway decides, against what the gateway decides.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{collections::BTreeMap, fs, thread, time::Duration};

use config::{
    Access, HostPattern,
    routing::{Answer, Table, classes},
};
use running::{Gate, wire};
use serde_json::Value;

/// Templates that compete for the same paths in every way that precedence tells apart.
const TEMPLATES: [(&str, &str); 14] = [
    ("GET", "/x"),
    ("GET", "/x/{a}"),
    ("POST", "/x/new"),
    ("PUT", "/x/new"),
    ("GET", "/x/{a}/items"),
    ("GET,PUT", "/x/{a}/{b}"),
    ("GET", "/x/new/{b}/end"),
    ("DELETE", "/x/{a}/items/end"),
    ("*", "/x/{rest*}"),
    ("GET", "/x/files/{rest*}"),
    ("POST", "/x/{a}/files/{rest*}"),
    ("GET", "/x/{a}/{b}/{c}"),
    ("GET", "/x/files/{a}/{rest*}"),
    ("GET", "/x/files/top"),
];

fn api() -> String {
    let routes = TEMPLATES.iter().enumerate().map(|(at, (methods, path))| {
        let access = if at % 2 == 0 { "public: \"a test\"" } else { "authenticate: [api_key]" };
        format!("      - {{ match: \"{methods} {path}\", {access} }}\n")
    });
    let upstream = "upstream: \"http://127.0.0.1:1\"";
    format!(
        "  - name: competing\n    host: localhost\n    path: /x\n    {upstream}\n    routes:\n{}",
        routes.collect::<String>()
    )
}

/// Status and route that are expected; the origin of the competing routes is not there.
fn expected(answer: Answer<'_>) -> (Vec<u16>, Option<String>) {
    match answer {
        Answer::NoRoute => (vec![404], None),
        Answer::MethodNotAllowed => (vec![405], None),
        Answer::Found(entry) => {
            let status = match entry.route.access {
                Access::Public { .. } => vec![200, 502, 503],
                Access::Authenticated { .. } => vec![401],
            };
            (status, Some(entry.route.name.clone()))
        }
    }
}

/// Route by method and path, as the access log has it, once every request is in it.
fn logged(gate: &Gate, requests: usize) -> BTreeMap<(String, String), Option<String>> {
    for _ in 0..200 {
        let text = fs::read_to_string(&gate.log).unwrap_or_default();
        if text.lines().count() >= requests {
            let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            let text = |line: &Value, key: &str| line[key].as_str().map(str::to_owned);
            let entry = |line: Value| {
                let key = (text(&line, "method").unwrap(), text(&line, "path").unwrap());
                (key, text(&line, "route"))
            };
            return lines.map(entry).collect();
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the access log does not have {requests} lines");
}

#[test]
fn the_gateway_decides_as_the_table_says() {
    let gate = Gate::start_with_apis(&api());
    let config = config::load(&gate.folder.path().join("portcullis.yaml")).unwrap();
    let table = Table::of(&config, &HostPattern::Exact("localhost".into()));
    let templates: Vec<_> = table.entries().iter().map(|entry| &entry.route.template).collect();
    let paths = classes(&templates);
    assert!(paths.len() > 30, "too few classes: {}", paths.len());
    let mut wanted = BTreeMap::new();
    for path in &paths {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE"] {
            let (statuses, route) = expected(table.decide(path, &method.parse().unwrap()));
            let answer = wire::request(&gate, method, &path.text(), &[], "");
            assert!(statuses.contains(&answer.status), "{method} {}: {} {statuses:?}", path.text(), answer.status);
            wanted.insert((method.to_owned(), path.text()), route);
        }
    }
    assert_eq!(logged(&gate, wanted.len()), wanted);
}
