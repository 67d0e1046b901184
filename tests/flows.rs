//! What flows for long or in both directions, with other people's clients and servers at both ends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use running::{Gate, python};
use serde_json::Value;

#[test]
fn autobahns_websocket_cases_fail_nowhere_that_the_bare_server_does_not() {
    let echo = python::Server::start("websocket_echo.py", &[]);
    let gate = Gate::start_with_apis(&format!(
        "  - {{ name: live, host: localhost, path: /live, upstream: \"http://127.0.0.1:{}\", authenticate: [jwt: corp], \
         routes: [{{ match: \"GET /live\", websocket: {{ origins: [] }} }}] }}\n",
        echo.port
    ));
    let plain = gate.plain.to_string();
    let credential = format!("Authorization: Bearer {}", gate.token("orders:read"));
    let report = python::run("websocket_conformance.py", &[&echo.port.to_string(), &plain, "/live", &credential]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["cases"].as_u64().unwrap() > 200, "{report}");
    assert_eq!(report["only_through"].as_array().unwrap().len(), 0, "{report}");
}

#[test]
fn grpc_calls_of_every_kind_pass_with_their_trailers() {
    let server = python::Server::start("grpc_echo.py", &["serve"]);
    let gate = Gate::start_with_apis(&format!(
        "  - {{ name: echo, host: localhost, path: /echo.Echo, upstream: grpc, authenticate: [api_key], \
         routes: [{{ match: \"POST /echo.Echo/{{method}}\" }}] }}\nupstreams: {{ grpc: {{ servers: [\"http://127.0.0.1:{}\"], protocol: http2 }} }}\n",
        server.port
    ));
    let (_, key) = gate.key("orders:read");
    let ca = gate.folder.path().join("ca.pem");
    let printed = python::run(
        "grpc_echo.py",
        &["call", &gate.address.port().to_string(), ca.to_str().unwrap(), "X-API-Key", &key],
    );
    assert_eq!(printed.trim(), "5 kinds of call");
}

#[test]
fn events_reach_the_reader_as_they_are_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
                // One read has the whole of a small request. A reader that has left ends it.
                let mut sent = stream.read(&mut [0; 4096]).and_then(|_| stream.write_all(head.as_bytes()));
                for number in 0.. {
                    let event = format!("data: {number}\n\n");
                    sent = sent.and_then(|()| write!(stream, "{:x}\r\n{event}\r\n", event.len()));
                    if sent.is_err() {
                        return;
                    }
                    thread::sleep(Duration::from_millis(200));
                }
            });
        }
    });
    let gate = Gate::start_with_apis(&format!(
        "  - {{ name: events, host: localhost, path: /events, upstream: \"http://{address}\", authenticate: [jwt: corp], \
         routes: [{{ match: \"GET /events\" }}] }}\n"
    ));
    let token = format!("Authorization: Bearer {}", gate.token("orders:read"));
    for flag in ["--http1.1", "--http2"] {
        let mut reader = Command::new("curl")
            .args(["--silent", "--no-buffer", flag, "--cacert", "ca.pem", "-H", &token])
            .args(["--resolve", &format!("localhost:{}:127.0.0.1", gate.address.port())])
            .arg(format!("https://localhost:{}/events", gate.address.port()))
            .current_dir(gate.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let mut events = vec![0; "data: 0\n\ndata: 1\n\ndata: 2\n\n".len()];
        reader.stdout.as_mut().unwrap().read_exact(&mut events).unwrap();
        assert_eq!(String::from_utf8(events).unwrap(), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
        assert!(begun.elapsed() < Duration::from_secs(5), "events were held back");
        reader.kill().unwrap();
        reader.wait().unwrap();
    }
}
