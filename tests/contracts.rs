//! APIs with an OpenAPI document: attack rows I96 and I97, threats Z7 to Z9, L5 to L7 and I1, and what operators see.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    io::Write,
    thread,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use running::{Answer, Gate, bystander::endured, wire};
use serde_json::Value;

const SHOP: &str = r#"
openapi: 3.1.0
info: { title: Shop, version: "1" }
servers: [{ url: https://api.example.com/shop }]
paths:
  /orders:
    get:
      parameters: [{ name: limit, in: query, schema: { type: integer, minimum: 1, maximum: 100 } }]
      responses: { "200": { description: Orders } }
    post:
      operationId: makeOrder
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [name]
              properties:
                id: { type: integer, readOnly: true }
                name: { type: string, maxLength: 40, pattern: "^([a-z]+)+$" }
                lines: { type: array, maxItems: 10, items: { type: object, properties: { article: { type: string } } } }
                free: {}
      responses: { "201": { description: Made } }
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
    get: { responses: { "200": { description: An order, content: { application/json: { schema: { type: object, properties: { ok: { type: boolean } } } } } } } }
  /old: { get: { x-sunset: "2020-01-01", responses: { "200": { description: Old } } } }
  /ending: { get: { x-sunset: "2100-03-01", responses: { "200": { description: Ending } } } }
"#;

fn shop(contract: &str) -> Gate {
    Gate::start_with_contract(SHOP, contract)
}

fn send(gate: &Gate, method: &str, target: &str, fields: &[&str], body: &str) -> Answer {
    let authorization = format!("Authorization: Bearer {}", gate.token("orders:read"));
    wire::request(gate, method, target, &[&[authorization.as_str()], fields].concat(), body)
}

const JSON: &str = "Content-Type: application/json";

fn post(gate: &Gate, body: &str) -> Answer {
    send(gate, "POST", "/shop/orders", &[JSON], body)
}

/// Asserts a refusal while others ask.
fn refused_among_others(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.body);
}

/// Asserts a refusal that the origin sees nothing of; the places that are named.
fn refused(gate: &Gate, answer: impl Fn() -> Answer, status: u16, code: &str) -> Vec<String> {
    let before = gate.origin.seen();
    let answer = answer();
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}", answer.body);
    assert_eq!(gate.origin.seen(), before, "the origin saw a refused request");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let errors = body["errors"].as_array().cloned().unwrap_or_default();
    errors
        .iter()
        .map(|e| {
            format!(
                "{} {} {}",
                e["in"].as_str().unwrap(),
                e["pointer"].as_str().unwrap(),
                e["keyword"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn what_the_document_describes_passes_byte_for_byte() {
    let gate = shop("mode: enforce");
    let body = "{ \"name\" :\t\"abc\", \"lines\": [ {\"article\":\"\\u0061\"} ], \"free\": 1.50 }";
    assert_eq!(post(&gate, body).status, 200);
    assert!(gate.origin.raw_text().contains(body), "{}", gate.origin.raw_text());
    let chunks = format!("1\r\n{{\r\n{:x}\r\n\"name\":\"chunked\"}}\r\n0\r\n\r\n", "\"name\":\"chunked\"}".len());
    let head = format!(
        "POST /shop/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{JSON}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        gate.token("")
    );
    assert_eq!(wire::raw(&gate, format!("{head}{chunks}").as_bytes()).status, 200);
    assert!(gate.origin.raw_text().contains("{\"name\":\"chunked\"}"));
    assert_eq!(send(&gate, "GET", "/shop/orders?limit=20", &[], "").status, 200);
    assert_eq!(send(&gate, "GET", "/shop/orders/17", &[], "").status, 200);
}

#[test]
fn z7_members_that_callers_may_not_write_are_refused() {
    let gate = shop("mode: enforce");
    let places = |body: &str| refused(&gate, || post(&gate, body), 400, "PC-0701");
    assert_eq!(places(r#"{"name":"abc","admin":true}"#), ["body /admin additionalProperties"]);
    assert_eq!(
        places(r#"{"name":"abc","lines":[{"article":"a","price":0}]}"#),
        ["body /lines/0/price additionalProperties"]
    );
    assert_eq!(places(r#"{"name":"abc","id":1}"#), ["body /id readOnly"]);
    let loose = shop("strict_objects: false");
    assert_eq!(post(&loose, r#"{"name":"abc","admin":true}"#).status, 200, "the twin: the option is what refuses");
}

#[test]
fn z8_members_that_the_document_does_not_declare_do_not_leave() {
    // The origin answers {"ok":true} to everything.
    let document = SHOP.replace("{ ok: { type: boolean } }", "{ fine: { type: boolean } }");
    let filtering = Gate::start_with_contract(&document, "responses: filter");
    let answer = send(&filtering, "GET", "/shop/orders/1", &[], "");
    assert_eq!((answer.status, answer.body.as_str(), answer.field("content-length")), (200, "{}", Some("2")));
    assert!(filtering.origin.text().contains("accept-encoding: identity"));
    let enforcing = Gate::start_with_contract(&document, "responses: enforce");
    let answer = send(&enforcing, "GET", "/shop/orders/1", &[], "");
    assert_eq!((answer.status, answer.code().as_str()), (502, "PC-0707"));
    assert!(!answer.body.contains("ok\"") && !answer.body.contains("errors"), "{}", answer.body);
    let monitoring = Gate::start_with_contract(&document, "responses: monitor");
    let answer = send(&monitoring, "GET", "/shop/orders/1", &[], "");
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"ok\":true}"));
    let line = logged(&monitoring, answer.field("x-request-id").unwrap());
    assert_eq!(line["contract"]["answer"][0]["pointer"], "/ok");
    let undocumented = send(&enforcing, "GET", "/shop/orders", &[], "");
    assert_eq!(undocumented.code(), "PC-0707", "the document has no body there");
}

/// The access log's line of a request.
fn logged(gate: &Gate, id: &str) -> Value {
    let start = Instant::now();
    loop {
        let log = fs::read_to_string(&gate.log).unwrap_or_default();
        if let Some(line) = log.lines().find(|line| line.contains(id)) {
            return serde_json::from_str(line).unwrap();
        }
        assert!(start.elapsed() < wire::PATIENCE, "no line of {id} in {log}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn z9_and_i1_paths_methods_and_json_have_one_meaning() {
    let gate = shop("routes: true, mode: enforce");
    let code = |method: &str, target: &str, status, code| {
        refused(&gate, || send(&gate, method, target, &[], ""), status, code)
    };
    code("GET", "/shop/unknown", 404, "PC-0108");
    code("GET", "/shop/orders/1/x", 404, "PC-0108");
    code("GET", "/shop/old", 410, "PC-0706");
    let before = gate.origin.seen();
    let wrong = send(&gate, "PUT", "/shop/orders", &[], "");
    assert_eq!((wrong.status, wrong.field("allow")), (405, Some("GET, HEAD, POST")));
    assert_eq!(gate.origin.seen(), before);
    assert_eq!(code("GET", "/shop/orders/abc", 400, "PC-0701"), ["path /id type"]);
    assert_eq!(code("GET", "/shop/orders?limit=1&limit=2", 400, "PC-0701"), ["query /limit repeated"]);
    assert_eq!(code("GET", "/shop/orders?limit=1&debug=1", 400, "PC-0701"), ["query /debug unknown"]);
    refused(&gate, || post(&gate, r#"{"name":"abc","name":"abd"}"#), 400, "PC-0702");
    let ending = send(&gate, "GET", "/shop/ending", &[], "");
    assert_eq!((ending.status, ending.field("sunset")), (200, Some("Mon, 01 Mar 2100 00:00:00 GMT")));
}

#[test]
fn an_open_route_lets_only_documented_operations_through() {
    let gate = Gate::start_in(&[("shop.openapi.yaml", SHOP)], |origin| {
        format!(
            "listeners:\n  - address: 127.0.0.2:0\n  - address: 127.0.0.1:0\n    tls: {{ certificate: server.pem, key: file:server.key }}\n\
             issuers:\n  corp: {{ issuer: \"https://issuer.example\", audience: api, algorithms: [ES256], jwks_file: jwks.json }}\n\
             apis:\n  - {{ name: shop, path: /shop, upstream: \"http://{}\", authenticate: [jwt: corp], contract: {{ openapi: shop.openapi.yaml }}, \
             routes: [{{ match: \"* /shop/{{rest*}}\" }}] }}\nmonitoring: {{ address: 127.0.0.1:0, access_log: access.log }}\n",
            origin.address
        )
    });
    refused(&gate, || send(&gate, "GET", "/shop/debug", &[], ""), 404, "PC-0108");
    let wrong = send(&gate, "DELETE", "/shop/orders", &[], "");
    assert_eq!((wrong.status, wrong.field("allow")), (405, Some("GET, HEAD, POST")));
    assert_eq!(send(&gate, "GET", "/shop/orders", &[], "").status, 200);
}

#[test]
fn bodies_of_other_types_and_codings_are_refused() {
    let gate = shop("mode: enforce");
    let body = r#"{"name":"abc"}"#;
    for fields in [&[][..], &["Content-Type: text/plain"], &["Content-Type: application/json; charset=utf-16"]] {
        refused(&gate, || send(&gate, "POST", "/shop/orders", fields, body), 415, "PC-0703");
    }
    for coding in ["gzip", "br", "gzip, gzip"] {
        let field = format!("Content-Encoding: {coding}");
        refused(&gate, || send(&gate, "POST", "/shop/orders", &[JSON, &field], body), 415, "PC-0704");
    }
    // What the upstream will not see does not count.
    let hidden = "Connection: close, Content-Type";
    let head = format!(
        "POST /shop/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{JSON}\r\n{hidden}\r\nContent-Length: {}\r\n\r\n",
        gate.token(""),
        body.len()
    );
    refused(&gate, || wire::raw(&gate, format!("{head}{body}").as_bytes()), 415, "PC-0703");
    assert_eq!(refused(&gate, || post(&gate, ""), 400, "PC-0701"), ["body  required"]);
    assert_eq!(refused(&gate, || send(&gate, "GET", "/shop/orders", &[JSON], body), 400, "PC-0701"), ["body  unknown"]);
    assert_eq!(send(&gate, "POST", "/shop/orders", &[JSON, "Content-Encoding: identity"], body).status, 200);
}

fn zip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn post_zipped(gate: &Gate, plain: &[u8]) -> Answer {
    post_as_gzip(gate, &zip(plain))
}

fn post_as_gzip(gate: &Gate, body: &[u8]) -> Answer {
    let head = format!(
        "POST /shop/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{JSON}\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        gate.token(""),
        body.len()
    );
    wire::raw(gate, &[head.as_bytes(), body].concat())
}

#[test]
fn i96_l7_a_gzip_bomb_is_refused_before_it_has_unfolded() {
    let gate = shop("gzip: true");
    assert_eq!(post_zipped(&gate, br#"{"name":"abc"}"#).status, 200);
    assert_eq!(
        refused(&gate, || post_zipped(&gate, br#"{"name":"abc","admin":1}"#), 400, "PC-0701"),
        ["body /admin additionalProperties"]
    );
    let bomb = format!("{{\"free\":\"{}\"}}", "a".repeat(64 << 20));
    refused(&gate, || post_zipped(&gate, bomb.as_bytes()), 413, "PC-0705");
    let zipped = zip(bomb.as_bytes());
    endured("gzip bomb", &gate, || refused_among_others(&post_as_gzip(&gate, &zipped), 413, "PC-0705"));
}

#[test]
fn i97_l5_l6_hostile_json_is_refused_for_what_it_is() {
    let gate = Gate::start_with_shop(SHOP, "body: 16MiB, contract: { openapi: shop.openapi.yaml }");
    let deep = |depth: usize| format!("{{\"name\":\"abc\",\"free\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(post(&gate, &deep(31)).status, 200);
    refused(&gate, || post(&gate, &deep(32)), 400, "PC-0702");
    let levels = deep(100_000);
    refused(&gate, || post(&gate, &levels), 400, "PC-0702");
    let members = |count: usize| (0..count).map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(",");
    let many = format!("{{{}}}", members(1_000_000));
    refused(&gate, || post(&gate, &many), 400, "PC-0702");
    let catastrophic = format!(r#"{{"name":"{}!"}}"#, "a".repeat(39));
    assert_eq!(refused(&gate, || post(&gate, &catastrophic), 400, "PC-0701"), ["body /name pattern"]);
    for (name, body, code) in [
        ("JSON of 10^5 levels", &levels, "PC-0702"),
        ("JSON of 10^6 members", &many, "PC-0702"),
        ("a pattern", &catastrophic, "PC-0701"),
    ] {
        endured(name, &gate, || refused_among_others(&post(&gate, body), 400, code));
    }
    // As many values as may be.
    let full = format!("{{\"name\":\"abc\",\"free\":{{{}}}}}", members(99_990));
    assert_eq!(post(&gate, &full).status, 200);
    let lines = [r#"{"article":"a"}"#; 11].join(",");
    assert_eq!(
        refused(&gate, || post(&gate, &format!(r#"{{"name":"abc","lines":[{lines}]}}"#)), 400, "PC-0701"),
        ["body /lines maxItems"]
    );
    for number in ["1e999", "123456789012345678901234567890"] {
        refused(&gate, || post(&gate, &format!(r#"{{"name":"abc","free":{number}}}"#)), 400, "PC-0702");
    }
}

/// The head of a request whose body is so long, and nothing of it.
fn announce(gate: &Gate, length: usize) -> wire::Connection {
    let mut connection = wire::Connection::open(gate);
    let head = format!(
        "POST /shop/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n{JSON}\r\nContent-Length: {length}\r\n\r\n",
        gate.token(""),
    );
    connection.send(head.as_bytes()).unwrap();
    connection
}

/// A body of which one byte is still to come.
fn begin(gate: &Gate, length: usize) -> wire::Connection {
    let mut connection = announce(gate, length);
    connection.send(&vec![b' '; length - 1]).unwrap();
    connection
}

#[test]
fn bodies_that_are_held_whole_take_no_more_than_their_budget_together() {
    let gate = Gate::start_with_shop(SHOP, "body: 16MiB, contract: { openapi: shop.openapi.yaml }");
    let file = gate.folder.path().join("portcullis.yaml");
    let text = fs::read_to_string(&file).unwrap() + "limits: { held_bodies: 2MiB }\n";
    fs::write(&file, text).unwrap();
    assert!(gate.command(&["reload"]).status.success());
    let held = |expected: std::ops::RangeInclusive<f64>| {
        let began = Instant::now();
        loop {
            let page = gate.monitor("/metrics", "localhost");
            let bytes = page.lines().find_map(|line| line.strip_prefix("portcullis_held_body_bytes "));
            let bytes: f64 = bytes.unwrap().parse().unwrap();
            if expected.contains(&bytes) {
                return;
            }
            assert!(began.elapsed() < wire::PATIENCE, "{bytes} bytes are held, not {expected:?}");
            thread::sleep(Duration::from_millis(10));
        }
    };
    // A length alone takes nothing.
    let announced = announce(&gate, 15 << 20);
    let waiting = [begin(&gate, 900 << 10), begin(&gate, 900 << 10)];
    held(1_790.0 * 1_024.0..=2_048.0 * 1_024.0);
    let long = format!(r#"{{"name":"abc","free":"{}"}}"#, "a".repeat(600 << 10));
    refused(&gate, || post(&gate, &long), 503, "PC-0602");
    assert!(post(&gate, &long).field("retry-after").is_some());
    assert!(gate.monitor("/metrics", "localhost").contains("code=\"PC-0602\",reason=\"held_bodies\"}"));
    assert_eq!(post(&gate, r#"{"name":"abc"}"#).status, 200, "what fits is judged");
    drop(waiting);
    drop(announced);
    held(0.0..=0.0);
    assert_eq!(post(&gate, &long).status, 200, "the budget is given back");
    held(0.0..=0.0);
}

#[test]
fn a_body_past_its_route_is_refused_before_it_is_judged() {
    let gate = shop("mode: enforce");
    let big = format!(r#"{{"name":"{}"}}"#, "a".repeat(2 << 20));
    refused(&gate, || post(&gate, &big), 413, "PC-0110");
}

#[test]
fn monitored_operations_pass_and_are_logged_without_values() {
    let gate = shop("mode: enforce, operations: { makeOrder: monitor }");
    let answer = post(&gate, r#"{"name":"SECRET-VALUE","admin":"SECRET-TOO"}"#);
    assert_eq!(answer.status, 200);
    let line = logged(&gate, answer.field("x-request-id").unwrap());
    let found = line["contract"]["request"].as_array().unwrap();
    let pointers: Vec<_> =
        found.iter().map(|d| (d["pointer"].as_str().unwrap(), d["keyword"].as_str().unwrap())).collect();
    assert!(
        pointers.contains(&("/name", "pattern")) && pointers.contains(&("/admin", "additionalProperties")),
        "{line}"
    );
    assert!(!line.to_string().contains("SECRET"), "{line}");
    let malformed = post(&gate, "{");
    assert_eq!(malformed.status, 200);
    let line = logged(&gate, malformed.field("x-request-id").unwrap());
    assert_eq!(line["contract"]["reason"], "malformed");
    refused(&gate, || send(&gate, "GET", "/shop/orders/abc", &[], ""), 400, "PC-0701");
    let page = gate.monitor("/metrics", "localhost");
    assert!(page.contains("portcullis_contract_differences_total{portcullis_api=\"shop\",http_route=\"POST /shop/orders\",side=\"request\"} 2"), "{page}");
    let off = shop("operations: { makeOrder: { off: \"a partner's client is being mended\" } }");
    assert_eq!(post(&off, "anything").status, 200);
}

#[test]
fn refusals_are_logged_with_places_and_without_values() {
    let gate = shop("mode: enforce");
    let answer = post(&gate, r#"{"name":"SECRET-VALUE"}"#);
    assert!(!answer.body.contains("SECRET"), "{}", answer.body);
    let line = logged(&gate, answer.field("x-request-id").unwrap());
    assert_eq!(
        (line["code"].as_str(), line["contract"]["request"][0]["keyword"].as_str()),
        (Some("PC-0701"), Some("pattern"))
    );
    assert!(!line.to_string().contains("SECRET"), "{line}");
}
