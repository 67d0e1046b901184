//! What clients see: the answers of a running gateway, over HTTP/1.1 and HTTP/2, with every kind of credential.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    io::{Read, Write},
    time::{Duration, Instant},
};

use jose::{JwkSet, jwt};
use running::{Gate, unix_now, wire};
use serde_json::Value;

/// Runs curl against the gateway; the status, HTTP version and body.
fn curl(gate: &Gate, target: &str, arguments: &[&str]) -> (u16, String, String) {
    gate.curl().run(target, arguments)
}

#[test]
fn a_request_without_a_credential_gets_401_as_problem_json() {
    let gate = Gate::start();
    let answer = gate.get("/orders/1", &[]);
    assert_eq!(answer.status, 401);
    assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    let challenge =
        "Bearer realm=\"api\", resource_metadata=\"https://localhost/.well-known/oauth-protected-resource\"";
    assert_eq!(answer.field("www-authenticate"), Some(challenge));
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    for member in ["type", "title", "status", "code", "request_id"] {
        assert!(!problem[member].is_null(), "{member}: {problem}");
    }
    assert_eq!(problem["request_id"].as_str(), answer.field("x-request-id"));
    assert_eq!(gate.origin.seen(), 0);
}

#[test]
fn keys_tokens_and_certificates_are_accepted_over_both_versions_of_http() {
    let gate = Gate::start();
    let (_, key) = gate.key("orders:read");
    let key = format!("X-API-Key: {key}");
    let token = format!("Authorization: Bearer {}", gate.token("orders:read"));
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        for credential in [&["-H", &key][..], &["-H", &token], &["--cert", "client.pem", "--key", "client.key"]] {
            let (status, spoken, body) = curl(&gate, "/orders/1", &[&[flag], credential].concat());
            assert_eq!((status, spoken.as_str(), body.as_str()), (200, version, r#"{"ok":true}"#), "{credential:?}");
        }
        let (status, _, body) = curl(&gate, "/orders/1", &[flag]);
        assert!(status == 401 && body.contains("PC-0201"), "{body}");
    }
}

#[test]
fn a_certificate_of_no_known_client_is_refused() {
    let gate = Gate::start();
    let (status, _, body) = curl(&gate, "/orders/1", &["--cert", "stranger.pem", "--key", "stranger.key"]);
    assert!(status == 401 && body.contains("PC-0205"), "{body}");
    assert_eq!(gate.origin.seen(), 0);
}

#[test]
fn a_caller_without_the_scope_gets_403_that_names_it() {
    let gate = Gate::start();
    let answer = gate.get("/orders/1", &[&format!("Authorization: Bearer {}", gate.token("orders:write"))]);
    assert_eq!((answer.status, answer.code().as_str()), (403, "PC-0301"));
    let challenge = answer.field("www-authenticate").unwrap();
    assert!(challenge.contains("insufficient_scope") && challenge.contains("orders:read"), "{challenge}");
    assert_eq!(gate.origin.seen(), 0);
}

#[test]
fn unknown_paths_methods_and_hosts_are_told_apart() {
    let gate = Gate::start();
    gate.refuses("/nothing", &[], 404, "PC-0108");
    gate.refuses("/orders/1/", &[], 404, "PC-0108");
    let answer = wire::request(&gate, "DELETE", "/orders/1", &[], "");
    assert_eq!((answer.status, answer.field("allow")), (405, Some("GET, HEAD")));
    assert_eq!(wire::request(&gate, "TRACE", "/orders/1", &[], "").status, 405);
    gate.refuses("/orders/1", &["Host: other.example"], 404, "PC-0108");
}

#[test]
fn an_address_as_host_is_protected_by_its_own_api_however_it_is_spelled() {
    let apis = "  - { name: six, host: \"[::1]\", upstream: \"http://127.0.0.1:9\", authenticate: [api_key], routes: [{ match: \"GET /any\" }] }\n  \
                - { name: all, upstream: \"http://127.0.0.1:9\", routes: [{ match: \"GET /any\", public: \"a test\" }] }\n";
    let gate = Gate::start_with_apis(apis);
    for host in ["[::1]", "[0:0:0:0:0:0:0:1]:443", "[0::1]"] {
        let status = |fields: &str| {
            let mut stream = std::net::TcpStream::connect(gate.plain).unwrap();
            write!(stream, "GET /any HTTP/1.1\r\n{fields}Connection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer.split(' ').nth(1).unwrap().to_owned()
        };
        assert_eq!(status(&format!("Host: {host}\r\n")), "401", "{host}");
        assert_eq!(status("Host: elsewhere.example\r\n"), "502");
    }
}

#[test]
fn a_host_that_the_connection_was_not_made_for_gets_421() {
    let any = "  - { name: any, upstream: \"http://127.0.0.1:9\", authenticate: [api_key], routes: [{ match: \"GET /any\" }] }\n";
    let gate = Gate::start_with_apis(any);
    gate.refuses("/any", &["Host: other.example"], 421, "PC-0107");
    gate.refuses("/orders/1", &["Host: localhost.:443"], 401, "PC-0201");
}

#[test]
fn a_body_that_is_too_large_is_refused_by_its_length_and_as_it_flows() {
    let gate = Gate::start();
    let token = format!("Authorization: Bearer {}", gate.token("orders:write"));
    let body = "x".repeat((1 << 20) + 1);
    let answer = wire::request(&gate, "POST", "/orders", &[&token], &body);
    assert_eq!((answer.status, answer.code().as_str()), (413, "PC-0110"));
    assert_eq!(gate.origin.seen(), 0);
    fs::write(gate.folder.path().join("body"), &body).unwrap();
    let chunked = ["--http1.1", "-H", &token, "-H", "Transfer-Encoding: chunked", "--data-binary", "@body"];
    let (status, _, text) = curl(&gate, "/orders", &chunked);
    assert!(status == 413 && text.contains("PC-0110"), "{status} {text}");
    let fits = ["-H", &token, "--data-binary", "small"];
    assert_eq!(curl(&gate, "/orders", &fits).0, 200);
}

#[test]
fn the_answer_to_a_refused_upload_arrives_and_the_connection_lives_on() {
    let gate = Gate::start();
    let token = format!("Authorization: Bearer {}", gate.token("orders:write"));
    let mut connection = wire::Connection::open(&gate);
    let upload = |fields: &str, length: usize| {
        format!(
            "POST /orders HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {length}\r\n\r\n{}",
            "x".repeat(length)
        )
    };
    assert_eq!(connection.exchange(upload("", 1 << 19).as_bytes()).status, 401);
    assert_eq!(connection.exchange(upload(&format!("{token}\r\n"), 1 << 21).as_bytes()).status, 413);
    assert_eq!(connection.exchange(upload(&format!("{token}\r\n"), 1 << 19).as_bytes()).status, 200);
}

#[test]
fn every_answer_is_dressed_and_gives_nothing_away() {
    let gate = Gate::start();
    let token = format!("Authorization: Bearer {}", gate.token("orders:read"));
    let answers = [
        gate.get("/orders/1", &[&token]),
        gate.get("/orders/1", &[]),
        gate.get("/open", &[]),
        gate.get("/nothing", &[]),
        wire::until_close(&gate, b"GET / HTTP/3.0\r\n\r\n"),
    ];
    for answer in &answers {
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
        ] {
            assert_eq!(answer.field(name), Some(value), "{name} of {}", answer.status);
            assert_eq!(answer.head.matches(&format!("{name}:")).count(), 1, "{name} is doubled");
        }
        assert!(answer.field("permissions-policy").is_some());
        assert_eq!(answer.head.matches("x-request-id:").count(), 1, "{}", answer.head);
        assert!(answer.field("x-request-id").unwrap().len() == 32, "the origin's own is no request's id");
        assert!(answer.field("server").is_none() && answer.field("x-powered-by").is_none(), "{}", answer.head);
    }
    let [private, refused, public, _, unread] = &answers;
    assert_eq!((unread.status, unread.code().as_str()), (400, "PC-0114"));
    assert_eq!(private.field("cache-control"), Some("no-store"));
    assert_eq!(refused.field("cache-control"), Some("no-store"));
    assert_eq!(public.field("cache-control"), None);
}

#[test]
fn an_answer_has_the_same_fields_over_both_versions_of_http() {
    let gate = Gate::start();
    let fields = |flag: &str| {
        let heads = gate.folder.path().join("heads");
        assert_eq!(curl(&gate, "/open", &[flag, "--dump-header", heads.to_str().unwrap()]).0, 200);
        let head = fs::read_to_string(heads).unwrap();
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut fields: Vec<(String, String)> =
            fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for (name, value) in &mut fields {
            match name.as_str() {
                "x-request-id" => assert_eq!(std::mem::take(value).len(), 32),
                "date" => value.clear(),
                _ => {}
            }
        }
        fields.sort();
        fields
    };
    let over_http1 = fields("--http1.1");
    assert_eq!(over_http1, fields("--http2"));
    assert!(over_http1.iter().is_sorted_by(|(one, _), (other, _)| one < other), "{over_http1:?}");
    assert!(over_http1.iter().any(|(name, _)| name == "x-request-id"));
}

#[test]
fn what_is_no_request_is_counted_and_logged_without_a_word_of_it() {
    let gate = Gate::start();
    let answer = wire::until_close(&gate, b"GET /secret HTTP/1.1\r\nHost: localhost\nX-Secret: secret\r\n\r\n");
    let id = answer.field("x-request-id").unwrap();
    let begun = Instant::now();
    let line = loop {
        let log = fs::read_to_string(&gate.log).unwrap_or_default();
        if let Some(line) = log.lines().find(|line| line.contains(id)) {
            break line.to_owned();
        }
        assert!(begun.elapsed() < wire::PATIENCE, "it is not in the log: {log}");
        std::thread::sleep(Duration::from_millis(20));
    };
    let logged: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&logged["code"], &logged["reason"]), (&"PC-0114".into(), &"bare_line_feed".into()));
    assert_eq!((&logged["method"], &logged["status"]), (&"-".into(), &400.into()));
    assert!(!line.contains("secret"), "{line}");
    let metrics = gate.monitor("/metrics", "localhost");
    assert!(metrics.lines().any(|line| line.contains("PC-0114") && line.ends_with(" 1")), "{metrics}");
}

#[test]
fn a_client_that_waits_is_told_to_continue_once_its_body_is_wanted() {
    let gate = Gate::start();
    let post = |authorization: &str| {
        format!(
            "POST /orders HTTP/1.1\r\nHost: localhost\r\n{authorization}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        )
    };
    let token = format!("Authorization: Bearer {}\r\n", gate.token("orders:write"));
    let mut connection = wire::Connection::open(&gate);
    assert_eq!(connection.switch(post(&token).as_bytes()), "HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(connection.exchange(b"hello").status, 200);
    // The connection takes the next one; a client that is refused is not asked for its body.
    connection.send(post("").as_bytes()).unwrap();
    let refused = String::from_utf8(connection.read_to_end()).unwrap();
    assert!(refused.starts_with("HTTP/1.1 401 ") && refused.contains("connection: close\r\n"), "{refused}");
}

#[test]
fn requests_that_came_early_are_answered_in_turn() {
    let gate = Gate::start();
    let get = |more: &str| format!("GET /open HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let mut connection = wire::Connection::open(&gate);
    let three = [get(""), get("X-A: 2\r\n"), get("Connection: close\r\n")].concat();
    connection.send(three.as_bytes()).unwrap();
    let answers = String::from_utf8(connection.read_to_end()).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 3, "{answers}");
    assert_eq!(answers.matches("connection: close\r\n").count(), 1, "{answers}");
}

#[test]
fn clients_of_http_1_0_get_bodies_that_they_can_read() {
    let gate = Gate::start();
    let get = |more: &str| format!("GET /open HTTP/1.0\r\nHost: localhost\r\n{more}\r\n");
    let closed = wire::until_close(&gate, get("").as_bytes());
    assert_eq!((closed.status, closed.field("connection")), (200, Some("close")));
    assert_eq!(closed.field("transfer-encoding"), None);
    let mut connection = wire::Connection::open(&gate);
    for _ in 0..2 {
        let kept = connection.exchange(get("Connection: keep-alive\r\n").as_bytes());
        assert_eq!((kept.status, kept.field("connection")), (200, Some("keep-alive")));
    }
}

#[test]
fn the_upstream_can_verify_who_is_calling() {
    let gate = Gate::start();
    let answer = gate.get("/orders/1", &[&format!("Authorization: Bearer {}", gate.token("orders:read"))]);
    assert_eq!(answer.status, 200);
    let seen = gate.origin.raw_text();
    let assertion = seen.lines().find_map(|line| line.strip_prefix("portcullis-identity: ")).unwrap().to_owned();
    let keys = gate.get("/.well-known/portcullis/jwks.json", &[]);
    let keys = JwkSet::parse(keys.body.as_bytes()).unwrap();
    let validation = jwt::Validation {
        issuer: "portcullis".into(),
        audiences: vec!["orders".into()],
        algorithms: vec![jose::Algorithm::Es256],
        types: vec!["portcullis-identity+jwt".into()],
        required_claims: vec![],
        max_lifetime: Some(std::time::Duration::from_mins(1)),
        skew: std::time::Duration::ZERO,
        max_bytes: 8192,
    };
    let claims = jwt::verify(&assertion, &keys, &validation, unix_now()).unwrap();
    assert_eq!(
        (claims.subject.as_deref(), claims.scopes.as_slice()),
        (Some("user-1"), &["orders:read".to_owned()][..])
    );
    assert!(!seen.contains("authorization:"), "the caller's own credential went upstream: {seen}");
}

#[test]
fn a_rate_limit_counts_a_client_over_all_of_its_connections() {
    let gate = Gate::start_limited("limits: [{ per: client, rate: 5/hour }]");
    let token = format!("Authorization: Bearer {}", gate.token("orders:read"));
    for _ in 0..5 {
        assert_eq!(gate.get("/orders/1", &[&token]).status, 200);
    }
    let answer = gate.get("/orders/1", &[&token]);
    assert_eq!((answer.status, answer.code().as_str()), (429, "PC-0401"));
    assert!(answer.field("retry-after").is_some() && answer.field("ratelimit").is_some(), "{}", answer.head);
    let (_, key) = gate.key("orders:read");
    assert_eq!(gate.get("/orders/1", &[&format!("X-API-Key: {key}")]).status, 200);
}

/// MiB of the large bodies; `PORTCULLIS_STREAM_MIB=1024` makes it one GiB.
fn large() -> u64 {
    std::env::var("PORTCULLIS_STREAM_MIB").map_or(64, |mebibytes| mebibytes.parse().unwrap())
}

#[test]
fn large_bodies_stream_through_without_being_held() {
    let gate = Gate::start_limited("body: 1GiB");
    let token = format!("Authorization: Bearer {}", gate.token("orders:read orders:write"));
    let file = fs::File::create(gate.folder.path().join("large")).unwrap();
    file.set_len(large() << 20).unwrap();
    let small = ["-H", token.as_str(), "--data-binary", "small"];
    assert_eq!(curl(&gate, "/orders", &small).0, 200);
    let before = gate.resident_kib();
    let mut growth = Vec::new();
    for flag in ["--http1.1", "--http2"] {
        let upload = [flag, "-X", "POST", "-H", &token, "-H", "Expect:", "-T", "large"];
        assert_eq!(curl(&gate, "/orders", &upload).0, 200);
        growth.push(gate.peak_kib().saturating_sub(before));
        let download = format!("/orders/download-{}", large());
        assert_eq!(curl(&gate, &download, &[flag, "-H", &token, "-o", "received"]).0, 200);
        assert_eq!(fs::metadata(gate.folder.path().join("received")).unwrap().len(), large() << 20);
        growth.push(gate.peak_kib().saturating_sub(before));
    }
    println!("{} MiB each way over HTTP/1.1 and HTTP/2: resident memory grew by {growth:?} KiB", large());
    assert!(growth.iter().all(|kib| *kib < 8 * 1024), "resident memory grew by {growth:?} KiB");
}
