//! Section A of the attack catalogue over real sockets: where a message begins and ends has one reading, or none.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use running::{
    Answer, Gate,
    http2::{self, Outcome},
    wire,
};

const ORDER: &str = "/orders/7";

/// Rows of one gateway and one caller whose every well-formed request passes.
struct Framing {
    gate: Gate,
    authorization: String,
}

impl Framing {
    fn start() -> Self {
        let gate = Gate::start();
        let authorization = format!("Authorization: Bearer {}\r\n", gate.token("orders:read orders:write"));
        Self { gate, authorization }
    }

    /// A POST with these lines (each with its line end) and exact bytes after its head.
    fn post(&self, lines: &str, body: &str) -> String {
        format!("POST /orders HTTP/1.1\r\nHost: localhost\r\n{}{lines}\r\n{body}", self.authorization)
    }

    fn get(&self, lines: &str) -> String {
        format!("GET {ORDER} HTTP/1.1\r\nHost: localhost\r\n{}{lines}\r\n", self.authorization)
    }

    /// The positive twin: the same request, well-formed.
    fn passes(&self, request: &str) {
        let before = self.gate.origin.seen();
        let answer = wire::Connection::open(&self.gate).exchange(request.as_bytes());
        assert_eq!(answer.status, 200, "{request:?}: {}", answer.body);
        assert!(self.gate.origin.seen() > before, "the origin saw nothing of an accepted request");
    }

    /// 400 and close, nothing upstream.
    fn refuses(&self, request: &str) -> Answer {
        self.refuses_with(request, &[400])
    }

    fn refuses_with(&self, request: &str, statuses: &[u16]) -> Answer {
        let before = self.gate.origin.seen();
        let answer = wire::until_close(&self.gate, request.as_bytes());
        assert!(statuses.contains(&answer.status), "{request:?}: {} {}", answer.status, answer.body);
        assert_eq!(self.gate.origin.seen(), before, "the origin saw a refused request: {request:?}");
        answer
    }
}

#[test]
fn a01_content_length_and_transfer_encoding_together() {
    let framing = Framing::start();
    framing.passes(&framing.post("Content-Length: 5\r\n", "hello"));
    framing.passes(&framing.post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"));
    let smuggled = "0\r\n\r\nGET /open HTTP/1.1\r\nHost: localhost\r\n\r\n";
    framing.refuses(&framing.post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", smuggled));
    framing.refuses(&framing.post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", smuggled));
    // What is no length is one too many all the same.
    for length in ["18446744073709551621", "99999999999999999999999", "five", ""] {
        framing
            .refuses(&framing.post(&format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), smuggled));
    }
}

#[test]
fn a02_two_content_lengths_that_differ() {
    let framing = Framing::start();
    framing.passes(&framing.post("Content-Length: 5\r\n", "hello"));
    framing.refuses(&framing.post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"));
    framing.refuses(&framing.post("Content-Length: 6\r\nContent-Length: 5\r\n", "hello!"));
    // One number, but two spellings, of which others may read but one.
    framing.refuses(&framing.post("Content-Length: 5\r\nContent-Length: 005\r\n", "hello"));
}

#[test]
fn a03_a_content_length_that_is_no_number() {
    let framing = Framing::start();
    framing.passes(&framing.post("Content-Length: 5\r\n", "hello"));
    for length in ["+5", "5,5", "5, 5", "0x5", " 5_0", "-5", "5 5", "5.0", "", "18446744073709551621"] {
        framing.refuses(&framing.post(&format!("Content-Length: {length}\r\n"), "hello"));
    }
}

#[test]
fn a05_space_before_colon() {
    let framing = Framing::start();
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    framing.passes(&framing.post("Transfer-Encoding: chunked\r\n", chunks));
    framing.refuses(&framing.post("Transfer-Encoding : chunked\r\n", chunks));
    framing.refuses(&framing.post("Transfer-Encoding\t: chunked\r\n", chunks));
    framing.refuses(&framing.post(" Transfer-Encoding: chunked\r\n", chunks));
    framing.refuses(&framing.post("Content-Length : 5\r\n", "hello"));
}

#[test]
fn a06_a_transfer_coding_that_is_not_chunked_alone() {
    let framing = Framing::start();
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    framing.passes(&framing.post("Transfer-Encoding: chunked\r\n", chunks));
    framing.passes(&framing.post("Transfer-Encoding: Chunked\r\n", chunks));
    for coding in [
        "cow, chunked",
        "chunked, cow",
        "\"chunked\"",
        "\u{b}chunked",
        "chunked, chunked",
        "gzip, chunked",
        "identity",
        "chunked;q=1",
        "xchunked",
        "chunked,",
        "",
    ] {
        framing.refuses_with(&framing.post(&format!("Transfer-Encoding: {coding}\r\n"), chunks), &[400, 501]);
    }
    let twice = "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n";
    framing.refuses_with(&framing.post(twice, chunks), &[400, 501]);
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    framing.refuses_with(&framing.post(twice, chunks), &[400, 501]);
}

/// The connection must not go on behind such a request, not even where its body came in time to be read to its end.
#[test]
fn a06_a_second_fault_does_not_keep_the_connection_open() {
    let framing = Framing::start();
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    for fault in ["Host: localhost\r\n", "X-API-Key: a\r\nX-API-Key: b\r\n", "X_A: 1\r\n"] {
        framing.refuses(&framing.post(&format!("{fault}{twice}"), "5\r\nhello\r\n0\r\n\r\n"));
    }
    let bad_target = framing.post(twice, "5\r\nhello\r\n0\r\n\r\n").replacen("/orders", "/orders/%00", 1);
    framing.refuses(&bad_target);
}

#[test]
fn a07_http_1_0_with_transfer_encoding() {
    let framing = Framing::start();
    let old = |request: String| request.replacen("HTTP/1.1", "HTTP/1.0", 1);
    framing.passes(&old(framing.post("Content-Length: 5\r\n", "hello")));
    framing.refuses(&old(framing.post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n")));
    framing.refuses(&old(framing.post("Transfer-Encoding: identity\r\n", "")));
}

#[test]
fn a10_bare_lf_in_a_head() {
    let framing = Framing::start();
    framing.passes(&framing.get(""));
    framing.refuses(&framing.get("X-A: 1\nX-B: 2\r\n"));
    framing.refuses(&framing.get("X-A: 1\n"));
    framing.refuses(&framing.get("").replacen("HTTP/1.1\r\n", "HTTP/1.1\n", 1));
    framing.refuses(&framing.get("").replace("\r\n", "\n"));
    framing.refuses(&framing.get("X-A: 1\r\n").replace("\r\n\r\n", "\r\n\n"));
    // The second of two requests in one packet is read as strictly as the first.
    let mut connection = wire::Connection::open(&framing.gate);
    assert_eq!(connection.exchange(framing.get("").as_bytes()).status, 200);
    assert_eq!(connection.exchange(framing.get("X-A: 1\n").as_bytes()).status, 400);
}

/// The body of a request streams: its head has gone upstream when the fault is found, so what must not arrive is its end.
#[test]
fn a10_bare_lf_in_chunk_lines() {
    let framing = Framing::start();
    let post = |body: &str| framing.post("Transfer-Encoding: chunked\r\n", body);
    framing.passes(&post("5;a=b\r\nhello\r\n0\r\n\r\n"));
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5;a=b\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n0\r\n\n",
        "5\rhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "5;\0\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0;a=\u{b}\r\n\r\n",
    ] {
        let before = framing.gate.origin.seen();
        let answer = wire::until_close(&framing.gate, post(body).as_bytes());
        assert_eq!(answer.status, 400, "{body:?}: {}", answer.body);
        let seen = framing.gate.origin.raw_text()[before..].to_owned();
        assert!(!seen.contains("\r\n0\r\n"), "{body:?} ended upstream: {seen}");
    }
}

#[test]
fn a11_nul_or_bare_cr_in_a_field_value() {
    let framing = Framing::start();
    framing.passes(&framing.get("X-A: 1 2\r\n"));
    for value in ["1\u{0}2", "1\r2", "\0", "1\r", "\r1", "1\u{1}2", "1\u{7f}2", "1\rX-B: 2"] {
        framing.refuses(&framing.get(&format!("X-A: {value}\r\n")));
    }
    framing.refuses(&framing.get("X\0A: 1\r\n"));
}

#[test]
fn a12_obs_fold() {
    let framing = Framing::start();
    framing.passes(&framing.get("X-A: 1\r\nX-B: 2\r\n"));
    framing.refuses(&framing.get("X-A: 1\r\n X-B: 2\r\n"));
    framing.refuses(&framing.get("X-A: 1\r\n\tX-B: 2\r\n"));
    framing.refuses(&framing.post("Transfer-Encoding:\r\n chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"));
    framing.refuses(&framing.get("").replacen(
        "HTTP/1.1\r\nHost: localhost\r\n",
        "HTTP/1.1\r\n X-A: 1\r\nHost: localhost\r\n",
        1,
    ));
}

#[test]
fn a14_trailers_are_dropped_and_never_merged() {
    let framing = Framing::start();
    let trailers = "Authorization: Bearer trailing\r\nContent-Length: 77\r\nHost: trailing.example\r\n\
        X-Forwarded-For: 192.0.2.66\r\nX-Trailer: trailing\r\n";
    for announced in ["", "Trailer: Authorization, Host, X-Trailer\r\n"] {
        let lines = format!("{announced}Transfer-Encoding: chunked\r\n");
        framing.passes(&framing.post(&lines, &format!("5\r\nhello\r\n0\r\n{trailers}\r\n")));
    }
    let seen = framing.gate.origin.text();
    assert!(seen.contains("hello"), "{seen}");
    assert!(!seen.contains("trailing") && !seen.contains("192.0.2.66") && !seen.contains("content-length"), "{seen}");
    // Nor do they bring a credential that the head lacks.
    let without = framing.post("Transfer-Encoding: chunked\r\n", &format!("0\r\n{}\r\n", framing.authorization));
    let without = without.replacen(&framing.authorization, "", 1);
    let before = framing.gate.origin.seen();
    assert_eq!(wire::Connection::open(&framing.gate).exchange(without.as_bytes()).code(), "PC-0201");
    assert_eq!(framing.gate.origin.seen(), before);
}

/// Fields of a GET over HTTP/2 that passes.
fn fields(authorization: &str) -> Vec<(&str, &str)> {
    vec![
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", ORDER),
        ("authorization", authorization),
    ]
}

/// Asserts that a request over HTTP/2 ends by an error, with nothing upstream, and that a well-formed one passes.
/// RFC 9113 §8.1.1 allows an answer instead of an error of the stream; 400 is what HTTP/1.1 gets.
fn malformed(gate: &Gate, request: &[(&str, &str)]) {
    let bearer = format!("Bearer {}", gate.token("orders:read"));
    let passed = http2::Connection::open(gate).ask(1, &fields(&bearer));
    assert_eq!(passed, Outcome::Answered(200, r#"{"ok":true}"#.into()));
    let before = gate.origin.seen();
    let outcome = http2::Connection::open(gate).ask(1, request);
    // RFC 9113 §5.4.2 lets an endpoint close the connection for what is an error of a stream only.
    assert!(
        matches!(
            outcome,
            Outcome::Reset(http2::PROTOCOL_ERROR)
                | Outcome::GoneAway(http2::PROTOCOL_ERROR)
                | Outcome::Answered(400, _)
        ),
        "{request:?}: {outcome:?}"
    );
    assert_eq!(gate.origin.seen(), before, "the origin saw a malformed request: {request:?}");
}

#[test]
fn a16_http_2_with_fields_of_a_connection() {
    let gate = Gate::start();
    let bearer = format!("Bearer {}", gate.token("orders:read"));
    for field in [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("connection", "x-a"),
        ("keep-alive", "1"),
        ("proxy-connection", "close"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("X-Upper", "1"),
    ] {
        malformed(&gate, &[fields(&bearer), vec![field]].concat());
    }
}

#[test]
fn a17_http_2_with_line_ends_in_fields() {
    let gate = Gate::start();
    let bearer = format!("Bearer {}", gate.token("orders:read"));
    for field in [
        ("x-a", "1\r\nx-smuggled: 2"),
        ("x-a", "1\nx-smuggled: 2"),
        ("x-a", "1\r"),
        ("x-a", "1\0"),
        ("x-a\r\nx-smuggled", "2"),
        ("x-a: 1", "2"),
        ("x a", "2"),
        ("", "2"),
    ] {
        malformed(&gate, &[fields(&bearer), vec![field]].concat());
    }
    assert!(!gate.origin.text().contains("smuggled"));
}

#[test]
fn a17_http_2_with_line_ends_in_pseudo_headers() {
    let gate = Gate::start();
    let bearer = format!("Bearer {}", gate.token("orders:read"));
    for (at, value) in [
        (0, "GET / HTTP/1.1\r\nx-smuggled: 1\r\n\r\nGET"),
        (2, "localhost\r\nx-smuggled: 1"),
        (3, "/orders/7 HTTP/1.1\r\nx-smuggled: 1"),
        (3, "/orders/7\n"),
        (3, "/orders/7 8"),
    ] {
        let mut request = fields(&bearer);
        request[at].1 = value;
        malformed(&gate, &request);
    }
    assert!(!gate.origin.text().contains("smuggled"));
}

#[test]
fn a19_http_2_with_pseudo_headers_out_of_place() {
    let gate = Gate::start();
    let bearer = format!("Bearer {}", gate.token("orders:read"));
    let good = fields(&bearer);
    for duplicate in [(":method", "POST"), (":path", "/open"), (":authority", "localhost"), (":scheme", "https")] {
        malformed(&gate, &[vec![duplicate], good.clone()].concat());
    }
    for late in [(":path", ORDER), (":authority", "localhost"), (":unknown", "1"), (":status", "200")] {
        let rest = good.iter().copied().filter(|(name, _)| *name != late.0);
        malformed(&gate, &rest.chain([late]).collect::<Vec<_>>());
    }
    for missing in [":method", ":path", ":scheme"] {
        malformed(&gate, &good.iter().copied().filter(|(name, _)| *name != missing).collect::<Vec<_>>());
    }
    malformed(&gate, &[vec![(":protocol", "websocket")], good.clone()].concat());
}

#[test]
fn a19_http_2_with_pseudo_headers_of_no_meaning() {
    let gate = Gate::start();
    let bearer = format!("Bearer {}", gate.token("orders:read"));
    for (at, value) in
        [(3, "orders/7"), (3, ""), (3, "*"), (3, "https://localhost/orders/7"), (0, "G ET"), (0, ""), (2, "a b")]
    {
        let mut request = fields(&bearer);
        request[at].1 = value;
        malformed(&gate, &request);
    }
}

#[test]
fn a20_requests_of_no_known_version() {
    let framing = Framing::start();
    framing.passes(&framing.get(""));
    let whole = framing.get("");
    let first = format!("GET {ORDER} HTTP/1.1");
    for line in [
        "ge t /orders/7 HTTP/1.1",
        "GET /orders/7",
        "GET  /orders/7 HTTP/1.1",
        "GET /orders/7  HTTP/1.1",
        "GET /orders/7 HTTP/1.1 ",
        "GET /orders/7 HTTP/0.9",
        "GET /orders/7 HTTP/1.2",
        "GET /orders/7 HTTP/2.0",
        "GET /orders/7 HTTP/11.1",
        "GET /orders/7 http/1.1",
        "GET\t/orders/7\tHTTP/1.1",
        " GET /orders/7 HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        framing.refuses_with(&whole.replacen(&first, line, 1), &[400, 505]);
    }
    framing.refuses_with("GET /\n", &[400, 505]);
    framing.refuses_with("GET /\r\n\r\n", &[400, 505]);
}
