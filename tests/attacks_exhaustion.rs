//! Rows I of the attack catalogue: what a client may not use up. Each prints a row: how often it ran, by how much resident
//! memory grew at its peak, a bystander's median and 99th percentile without and during it, and how often that one asked.
//! `cargo xtask soak exhaustion` runs each for seconds on a release, and judges those times.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use running::{
    Gate,
    bystander::endured,
    echo::{Echo, handshake, masked},
    http2::{self, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Outcome, RST_STREAM, SETTINGS},
    wire,
};

const PING: u8 = 6;

const OPEN: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/open")];

/// Whether a connection ended, with GOAWAY if a word was said at all.
fn is_ended(connection: &mut http2::Connection) -> bool {
    matches!(connection.outcome(u32::MAX), Outcome::GoneAway(_) | Outcome::Closed)
}

#[test]
fn i90_a_connection_that_takes_its_requests_back_is_ended() {
    let gate = Gate::start();
    endured("rapid reset", &gate, || {
        let mut connection = http2::Connection::open(&gate);
        for number in 0..2_000 {
            connection.request(2 * number + 1, &OPEN);
            connection.frame(RST_STREAM, 0, 2 * number + 1, &8_u32.to_be_bytes());
        }
        assert!(is_ended(&mut connection));
    });
    let mut connection = http2::Connection::open(&gate);
    for number in 0..100 {
        connection.request(4 * number + 1, &OPEN);
        connection.frame(RST_STREAM, 0, 4 * number + 1, &8_u32.to_be_bytes());
        assert!(
            matches!(connection.ask(4 * number + 3, &OPEN), Outcome::Answered(200, _)),
            "who resets now and then stays"
        );
    }
}

#[test]
fn i91_a_head_without_end_is_ended() {
    let gate = Gate::start();
    endured("CONTINUATION flood", &gate, || {
        let mut connection = http2::Connection::open(&gate);
        connection.frame(HEADERS, END_STREAM, 1, &http2::block(&OPEN));
        let piece = http2::block(&[("x-more", &"a".repeat(1_000))]);
        (0..5_000).for_each(|_| connection.frame(CONTINUATION, 0, 1, &piece));
        assert!(is_ended(&mut connection));
    });
}

#[test]
fn i93_floods_of_frames_that_cost_nothing_are_ended() {
    let gate = Gate::start();
    let token = format!("Bearer {}", gate.token("orders:read"));
    let post = [
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/orders"),
        ("authorization", token.as_str()),
    ];
    for (name, kind, flags, stream, payload, count) in [
        ("empty DATA", DATA, 0, 1, &[][..], 1_000),
        ("DATA of 1 byte", DATA, 0, 1, b"a", 20_000),
        ("SETTINGS", SETTINGS, 0, 0, &[], 5_000),
        ("PING", PING, 0, 0, b"12345678", 5_000),
        ("empty CONTINUATION", CONTINUATION, 0, 1, &[], 1_000),
    ] {
        endured(name, &gate, || {
            let mut connection = http2::Connection::open(&gate);
            let end = if kind == CONTINUATION { 0 } else { END_HEADERS };
            connection.frame(HEADERS, end, 1, &http2::block(&post));
            (0..count).for_each(|_| connection.frame(kind, flags, stream, payload));
            assert!(is_ended(&mut connection), "{name}");
        });
    }
}

#[test]
fn i93_a_body_in_chunks_of_one_byte_costs_no_more_than_another() {
    let gate = Gate::start();
    let token = gate.token("orders:read");
    let head = format!(
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    // One more than a body may have.
    let whole = [head.as_bytes(), &b"1\r\na\r\n".repeat((1 << 20) + 1), b"0\r\n\r\n"].concat();
    endured("chunks of 1 byte", &gate, || {
        let answer = wire::Connection::open(&gate).exchange(&whole);
        assert_eq!((answer.status, answer.code().as_str()), (413, "PC-0110"), "{}", answer.body);
    });
}

#[test]
fn i93_a_body_in_tls_records_of_a_few_bytes_costs_no_more_than_another() {
    let gate = Gate::start();
    let token = gate.token("orders:read");
    let head = format!(
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
        1 << 20
    );
    let whole = [head.as_bytes(), &vec![b'a'; 1 << 20]].concat();
    endured("TLS records of 10 bytes", &gate, || {
        let mut config = wire::config(&gate, None);
        // The least that the library makes: ten bytes, and what TLS itself adds.
        config.max_fragment_size = Some(32);
        let mut stream = wire::handshake(gate.address, "localhost", config);
        stream.write_all(&whole).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        assert_eq!(status, *b"HTTP/1.1 200");
    });
}

#[test]
fn i94_a_head_that_swells_when_it_is_read_is_refused() {
    let gate = Gate::start();
    endured("HPACK bomb", &gate, || {
        let mut connection = http2::Connection::open(&gate);
        for number in 0..50 {
            // An entry of 4 KB is put into the table (RFC 7541 §6.2.1), and named 10,000 times (§6.1).
            let mut block = http2::block(&OPEN);
            block.extend([0x40, 1, b'x', 0x7F, 0x81, 0x1E]);
            block.extend([b'a'; 4_000]);
            block.extend([0xBE; 10_000]);
            connection.frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, &block);
            let outcome = connection.outcome(2 * number + 1);
            assert!(!matches!(outcome, Outcome::Answered(200, _)), "{outcome:?}");
            if matches!(outcome, Outcome::Closed | Outcome::GoneAway(_)) {
                break;
            }
        }
    });
}

#[test]
fn i95_slow_heads_bodies_and_readers_are_closed_on_time() {
    let limits = "limits: { header_timeout: 1s, keep_alive: 2s, stream_idle: 2s, body_minimum_rate: 500 }\n";
    let gate = Gate::start_changed(|text| text + limits);
    let closes = |name: &str, first: &[u8], then: &[u8]| {
        let mut stream = TcpStream::connect(gate.plain).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        stream.write_all(first).unwrap();
        let begun = Instant::now();
        let mut buffer = [0; 1_024];
        loop {
            let gone = stream.write_all(then).is_err() || matches!(stream.read(&mut buffer), Ok(0));
            if gone {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{name} stays open");
            thread::sleep(Duration::from_millis(100));
        }
    };
    let token = gate.token("orders:read");
    let post = format!(
        "POST /orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: 100000\r\n\r\n"
    );
    let bearer = format!("Bearer {token}");
    endured("slow heads, bodies and readers", &gate, || {
        closes("a slow head", b"GET /open HTTP/1.1\r\nHost: localhost\r\n", b"A");
        closes("a slow body", post.as_bytes(), b"a");
        closes("silence", b"", b"");
        // An answer of 8 MiB into a window of nothing.
        let mut connection = http2::Connection::open(&gate);
        connection.frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        connection.request(
            1,
            &[
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", "localhost"),
                (":path", "/orders/download-8"),
                ("authorization", bearer.as_str()),
            ],
        );
        assert!(
            matches!(connection.outcome(1), Outcome::GoneAway(_) | Outcome::Closed),
            "a window of nothing is waited for"
        );
    });
    assert_eq!(gate.get("/open", &[]).status, 200);
}

/// A Close frame of the gateway with 1009, message too big (RFC 6455 §7.4.1).
const TOO_BIG: [u8; 4] = [0x88, 2, 0x03, 0xF1];

#[test]
fn i98_messages_of_a_websocket_without_end_are_ended() {
    let echo = Echo::start();
    let gate = Gate::start_with_apis(&echo.api(", websocket: { origins: [\"https://app.example\"] }"));
    let token = format!("Authorization: Bearer {}\r\n", gate.token("orders:read"));
    let fragments = [masked(1, b"a"), masked(0, b"a").repeat(1_000_000)].concat();
    // One frame that says it has 2^62 bytes.
    let huge = [&[0x82, 0xFF, 0x40][..], &[0; 7], &[0; 4], &[b'a'; 1_000]].concat();
    for (name, bytes) in [("fragments", fragments), ("a frame", huge)] {
        endured(&format!("WebSocket, {name}"), &gate, || {
            let mut connection = wire::Connection::open(&gate);
            let head = connection.switch(handshake(&token).as_bytes());
            assert!(head.starts_with("HTTP/1.1 101"), "{head}");
            // A gateway that has heard enough closes.
            let _ = connection.send(&bytes);
            assert!(connection.read_to_end().ends_with(&TOO_BIG), "{name}");
        });
    }
}

#[test]
fn i98_handshakes_of_websockets_with_too_much_or_too_often_cost_nothing() {
    let echo = Echo::start();
    let gate = Gate::start_with_apis(&echo.api(", websocket: { origins: [\"https://app.example\"] }"));
    let token = format!("Authorization: Bearer {}\r\n", gate.token("orders:read"));
    endured("WebSocket, fields", &gate, || {
        for fields in [
            "X: y\r\n".repeat(10_000),
            format!("X: {}\r\n", "y".repeat(1 << 20)),
            "Sec-WebSocket-Extensions: a\r\n".repeat(101),
        ] {
            let answer = wire::raw(&gate, handshake(&format!("{token}{fields}")).as_bytes());
            assert!(matches!(answer.status, 0 | 431), "{}", answer.status);
        }
    });
    assert_eq!(echo.asked.load(Ordering::SeqCst), 0, "the origin was asked");
    let connections = || {
        let page = gate.monitor("/metrics", "localhost");
        page.lines().find_map(|line| line.strip_prefix("portcullis_connections ")?.parse::<u64>().ok()).unwrap()
    };
    endured("WebSocket, handshakes", &gate, || {
        for _ in 0..100 {
            let head = wire::Connection::open(&gate).switch(handshake(&token).as_bytes());
            assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        }
    });
    let begun = Instant::now();
    while connections() > 1 {
        assert!(begun.elapsed() < wire::PATIENCE, "{} connections are left", connections());
        thread::sleep(Duration::from_millis(20));
    }
}
