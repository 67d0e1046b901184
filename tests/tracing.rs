//! Spans at a collector, and traces that go on through the gateway.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
};

use running::{Gate, python, wire};
use serde_json::Value;

/// Takes what a collector of OTLP over HTTP is sent.
fn collector() -> (std::net::SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, batches) = channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (head, body) = receive(&mut stream);
            assert!(head.starts_with("POST /v1/traces ") && head.contains("content-type: application/json"), "{head}");
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
            if sender.send(body).is_err() {
                return;
            }
        }
    });
    (address, batches)
}

fn receive(stream: &mut TcpStream) -> (String, String) {
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1);
        read.push(byte[0]);
    }
    let head = String::from_utf8(read).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

fn traced(share: &str) -> (Gate, Receiver<String>) {
    traced_of(share, "trusted_proxies: [127.0.0.1/32]\n")
}

fn traced_of(share: &str, more: &str) -> (Gate, Receiver<String>) {
    let (address, batches) = collector();
    let gate = Gate::start_changed(|text| {
        let text = text.replace(
            "monitoring: {",
            &format!("monitoring: {{ traces: {{ endpoint: \"http://{address}/v1/traces\", sample: {share} }},"),
        );
        text + more
    });
    (gate, batches)
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[test]
fn a_trace_goes_on_through_the_gateway_and_its_span_reaches_the_collector() {
    let (gate, batches) = traced("100%");
    let token = format!("Authorization: Bearer {}", gate.token("orders:read"));
    let parent = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-00");
    let answer = gate.get("/orders/secret-path?a=secret-query", &[&token, &parent, "tracestate: vendor=1"]);
    assert_eq!(answer.status, 200);
    let seen = gate.origin.text();
    let sent = seen.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap();
    let (trace, span) = (&sent[3..35], &sent[36..52]);
    assert!(trace == TRACE && span != "b7ad6b7169203331" && sent.ends_with("-01"), "{sent}");
    assert!(seen.contains("tracestate: vendor=1"), "{seen}");

    let body = batches.recv_timeout(wire::PATIENCE).unwrap();
    let batch: Value = serde_json::from_str(&body).unwrap();
    let found = &batch["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(found["traceId"], TRACE);
    assert_eq!((found["spanId"].as_str(), found["parentSpanId"].as_str()), (Some(span), Some("b7ad6b7169203331")));
    assert_eq!((found["name"].as_str(), found["kind"].as_u64()), (Some("GET /orders/{id}"), Some(2)));
    let attribute = |key: &str| {
        let all = found["attributes"].as_array().unwrap();
        all.iter().find(|attribute| attribute["key"] == key).unwrap()["value"].clone()
    };
    assert_eq!(attribute("http.route")["stringValue"], "/orders/{id}");
    assert_eq!(attribute("http.response.status_code")["intValue"], "200");
    assert_eq!(attribute("portcullis.request_id")["stringValue"], answer.field("x-request-id").unwrap());
    for secret in ["secret-path", "secret-query", "Bearer"] {
        assert!(!body.contains(secret), "{secret} is told");
    }
    // The published schema takes it, to the last field.
    let file = gate.folder.path().join("batch.json");
    std::fs::write(&file, &body).unwrap();
    assert_eq!(python::run("otlp_schema.py", &[file.to_str().unwrap()]).trim(), "1 span");
}

#[test]
fn a_trace_that_cannot_be_read_is_not_passed_on() {
    let (gate, _batches) = traced("100%");
    let answer = gate.get("/open", &["traceparent: 00-zz-1-01", "tracestate: vendor=1"]);
    let seen = gate.origin.text();
    let sent = seen.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap();
    assert_eq!(&sent[3..35], answer.field("x-request-id").unwrap(), "a new trace has the request's id");
    assert!(!seen.contains("tracestate"), "{seen}");
}

#[test]
fn a_strangers_trace_ends_at_the_gateway_and_a_new_one_begins() {
    let (gate, batches) = traced_of("100%", "");
    let parent = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-01");
    let answer = gate.get("/open", &[&parent, "tracestate: vendor=1"]);
    let seen = gate.origin.text();
    let sent = seen.lines().find_map(|line| line.strip_prefix("traceparent: ")).unwrap();
    assert_eq!(&sent[3..35], answer.field("x-request-id").unwrap(), "a new trace has the request's id");
    assert!(!seen.contains(TRACE) && !seen.contains("tracestate"), "{seen}");
    let body = batches.recv_timeout(wire::PATIENCE).unwrap();
    let batch: Value = serde_json::from_str(&body).unwrap();
    let span = &batch["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert!(span["parentSpanId"].as_str().unwrap_or_default().is_empty() && span["links"].is_null(), "{span}");
    assert!(!body.contains(TRACE), "{body}");
}

#[test]
fn without_traces_fields_of_trusted_proxies_pass_and_those_of_strangers_do_not() {
    let parent = format!("traceparent: 00-{TRACE}-b7ad6b7169203331-01");
    let passes = |change: &dyn Fn(String) -> String| {
        let gate = Gate::start_changed(change);
        assert_eq!(gate.get("/open", &[&parent, "tracestate: vendor=1"]).status, 200);
        let seen = gate.origin.text();
        assert_eq!(seen.contains(&parent), seen.contains("tracestate: vendor=1"), "{seen}");
        seen.contains(&parent)
    };
    assert!(!passes(&|text| text));
    assert!(passes(&|text| text + "trusted_proxies: [127.0.0.1/32]\n"));
    assert!(passes(&|text| text.replace("monitoring: {", "monitoring: { trace_context: anyone,")));
}
