//! Section A of the attack catalogue, the other way round: answers of origins that could end in two places, or never.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    io::{self, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use running::{Gate, origin::Scripted, wire};

/// A gateway before an origin that answers each target with the bytes given for it.
fn before_origin(answer: impl Fn(&str, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static) -> (Gate, Scripted) {
    let origin = Scripted::start(answer);
    let gate = Gate::start_with_apis(&origin.api());
    (gate, origin)
}

/// One client connection: all its requests go upstream from one worker's pool.
struct Client(wire::Connection);

impl Client {
    fn open(gate: &Gate) -> Self {
        Self(wire::Connection::open(gate))
    }

    /// The status and body of the answer to a GET.
    fn get(&mut self, name: &str) -> (u16, String) {
        let answer = self.0.exchange(request("GET", name).as_bytes());
        (answer.status, answer.body)
    }

    /// The head of the answer to a request whose answer has no body.
    fn bodiless(&mut self, method: &str, name: &str) -> String {
        self.0.switch(request(method, name).as_bytes())
    }
}

fn request(method: &str, name: &str) -> String {
    format!("{method} /hostile/{name} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain";
const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";

/// After `name`, asks twice for something plain: no answer may be another request's, and the connection that `name`
/// came over must not be used again.
fn is_not_reused(client: &mut Client, origin: &Scripted, name: &str) {
    for _ in 0..2 {
        assert_eq!(client.get("plain"), (200, "plain".into()), "after {name}");
    }
    let requests = origin.requests();
    let at = requests.iter().rposition(|(_, target)| *target == format!("/hostile/{name}")).unwrap();
    let (used, later) = (requests[at].0, &requests[at + 1..]);
    assert!(later.iter().all(|(connection, _)| *connection != used), "{name}: {requests:?}");
}

/// Whether the last two requests came over one connection.
fn is_reused(origin: &Scripted) -> bool {
    let requests = origin.requests();
    let [.., (before, _), (last, _)] = &requests[..] else { panic!("{requests:?}") };
    before == last
}

#[test]
fn a21_answers_that_nobody_asked_for() {
    let (gate, origin) = before_origin(|target, stream| match target.trim_start_matches("/hostile/") {
        "two" => stream.write_all(&[PLAIN, POISON.as_bytes()].concat()),
        "surplus" => stream.write_all(&[PLAIN, b"x"].concat()),
        "line" => stream.write_all(&[PLAIN, b"\r\n"].concat()),
        "chunks" => {
            let whole = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nplain\r\n0\r\n\r\n";
            stream.write_all([whole, POISON].concat().as_bytes())
        }
        "late" => {
            stream.write_all(PLAIN)?;
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(POISON.as_bytes())
        }
        _ => stream.write_all(PLAIN),
    });
    let mut client = Client::open(&gate);
    for _ in 0..2 {
        assert_eq!(client.get("plain"), (200, "plain".into()));
    }
    assert!(is_reused(&origin), "the positive twin: a connection with a well-formed answer is used again");
    for name in ["two", "surplus", "line", "chunks"] {
        let (status, body) = client.get(name);
        assert!(status == 200 && body.contains("plain") && !body.contains("poison"), "{name}: {status} {body}");
        is_not_reused(&mut client, &origin, name);
    }
    assert_eq!(client.get("late"), (200, "plain".into()));
    std::thread::sleep(Duration::from_millis(200));
    is_not_reused(&mut client, &origin, "late");
}

#[test]
fn a22_bodies_where_none_can_be() {
    let (gate, origin) = before_origin(|target, stream| {
        let head = match target.trim_start_matches("/hostile/") {
            "head" => "HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n",
            "chunked-head" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "204" => "HTTP/1.1 204 No Content\r\n\r\n",
            "204-with-length" => "HTTP/1.1 204 No Content\r\nContent-Length: 51\r\n\r\n",
            "304" => "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\n\r\n",
            "304-with-length" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 51\r\n\r\n",
            "modest-head" => return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n"),
            _ => return stream.write_all(PLAIN),
        };
        stream.write_all([head, POISON].concat().as_bytes())
    });
    let mut client = Client::open(&gate);
    assert!(client.bodiless("HEAD", "modest-head").starts_with("HTTP/1.1 200"));
    assert_eq!(client.get("plain"), (200, "plain".into()));
    assert!(is_reused(&origin), "the positive twin: a connection with a well-formed answer to HEAD is used again");
    for name in ["head", "chunked-head"] {
        assert!(client.bodiless("HEAD", name).starts_with("HTTP/1.1 200"), "{name}");
        is_not_reused(&mut client, &origin, name);
    }
    for name in ["204", "204-with-length", "304", "304-with-length"] {
        assert!(client.bodiless("GET", name).starts_with(&format!("HTTP/1.1 {}", &name[..3])), "{name}");
        is_not_reused(&mut client, &origin, name);
    }
}

#[test]
fn a23_a_flood_of_interim_answers() {
    let (gate, _origin) = before_origin(|target, stream| match target.trim_start_matches("/hostile/") {
        "flood" => loop {
            stream.write_all("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(100).as_bytes())?;
        },
        _ => stream.write_all(&[b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", PLAIN].concat()),
    });
    assert_eq!(Client::open(&gate).get("one"), (200, "plain".into()));
    let before = gate.resident_kib();
    for _ in 0..64 {
        let asked = Instant::now();
        assert_eq!(Client::open(&gate).get("flood").0, 502);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    // What section I of the catalogue allows for any exhaustion.
    let grown = gate.resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB");
}

/// Before an origin that answers `/hostile/N` with the Nth of these texts: each is 502, with nothing of it in the answer,
/// and its connection is not used again; the first is the positive twin.
fn refused<const N: usize>(good: String, bad: [String; N]) {
    let texts: Vec<String> = [good].into_iter().chain(bad.clone()).collect();
    let (gate, origin) = before_origin(move |target, stream| {
        let number = target.trim_start_matches("/hostile/").parse::<usize>().ok();
        stream.write_all(number.and_then(|number| texts.get(number)).map_or(PLAIN, |text| text.as_bytes()))
    });
    let mut client = Client::open(&gate);
    let (status, body) = client.get("0");
    assert!(status == 200 && body.contains("plain"), "the positive twin: {status} {body}");
    assert_eq!(client.get("plain"), (200, "plain".into()));
    assert!(is_reused(&origin), "the positive twin: a connection with a well-formed answer is used again");
    for (number, text) in bad.into_iter().enumerate().map(|(at, text)| ((at + 1).to_string(), beginning(&text))) {
        let (status, body) = client.get(&number);
        assert!(status == 502 && !body.contains("plain") && !body.contains("poison"), "{text:?}: {status} {body}");
        is_not_reused(&mut client, &origin, &number);
        let target = format!("/hostile/{number}");
        let asked = origin.requests().iter().filter(|(_, asked)| *asked == target).count();
        assert_eq!(asked, 1, "{text:?}: who answered must not be asked again");
    }
}

/// Enough of an answer to know it by.
fn beginning(text: &str) -> String {
    text.chars().take(200).collect()
}

/// An answer with these lines (each with its line end) and exact bytes after its head.
fn answer(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n{body}")
}

const CHUNKS: &str = "5\r\nplain\r\n0\r\n\r\n";

#[test]
fn a04_answers_that_are_framed_in_two_ways() {
    let chunked = |fields: &str| answer(fields, &format!("{CHUNKS}{POISON}"));
    refused(
        answer("Transfer-Encoding: chunked\r\n", CHUNKS),
        [
            chunked("Content-Length: 15\r\nTransfer-Encoding: chunked\r\n"),
            chunked("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
            chunked("Transfer-Encoding: chunked\r\nContent-Length: x\r\n"),
            chunked("Transfer-Encoding: chunked\r\n").replacen("HTTP/1.1", "HTTP/1.0", 1),
        ],
    );
}

#[test]
fn a08_answers_with_bare_line_feeds() {
    refused(
        answer("Content-Length: 5\r\nX-A: 1\r\n", "plain"),
        [
            "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\nplain",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\n\r\nplain",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\nplain",
            "HTTP/1.1 200 OK\nContent-Length: 5\n\nplain",
            "HTTP/1.1 200 OK\r\nX-A: 1\n\nContent-Length: 5\r\n\r\nplain",
            "HTTP/1.1 200 OK\r\nX-A: 1\rContent-Length: 0\r\nContent-Length: 5\r\n\r\nplain",
        ]
        .map(str::to_owned),
    );
}

#[test]
fn a08_chunks_of_answers_with_bare_line_feeds() {
    let bad = ["5\nplain\r\n0\r\n\r\n", "5\r\nplain\n0\r\n\r\n", "5\r\nplain\r\n0\n\r\n", "5\r\nplain\r\n0\r\n\n"];
    let texts = bad.map(|chunks| answer("Transfer-Encoding: chunked\r\n", chunks));
    let (gate, origin) = before_origin(move |target, stream| {
        let number = target.trim_start_matches("/hostile/").parse::<usize>().ok();
        stream.write_all(number.and_then(|number| texts.get(number)).map_or(PLAIN, |text| text.as_bytes()))
    });
    for (number, chunks) in bad.iter().enumerate() {
        // The head may be on its way by then, so that the answer can only break off.
        let answer = wire::until_close(&gate, request("GET", &number.to_string()).as_bytes());
        assert!(!answer.body.ends_with("0\r\n\r\n"), "{chunks:?} was passed on as whole: {}", answer.body);
        is_not_reused(&mut Client::open(&gate), &origin, &number.to_string());
    }
}

#[test]
fn a09_answers_in_another_transfer_coding() {
    refused(
        answer("Transfer-Encoding: Chunked\r\n", CHUNKS),
        [
            "gzip",
            "gzip, chunked",
            "chunked, gzip",
            "chunked, chunked",
            "chunked\r\nTransfer-Encoding: chunked",
            "chunked;a=b",
            "\"chunked\"",
            "xchunked",
            "identity",
            "",
        ]
        .map(|coding| answer(&format!("Transfer-Encoding: {coding}\r\n"), CHUNKS)),
    );
}

#[test]
fn a13_answers_with_lengths_that_differ_or_are_none() {
    let poisoned = format!("plain{POISON}");
    refused(
        // The same number twice is one number (RFC 9110 §8.6).
        answer("Content-Length: 5\r\nContent-Length: 5\r\n", "plain"),
        [
            "5\r\nContent-Length: 6",
            "6\r\nContent-Length: 5",
            "+5",
            "-5",
            "5, 5",
            "0x5",
            "5_0",
            "5.0",
            "five",
            "",
            "18446744073709551621",
        ]
        .map(|length| answer(&format!("Content-Length: {length}\r\n"), &poisoned)),
    );
}

#[test]
fn a15_answers_with_folded_and_misshapen_fields() {
    refused(
        answer("Content-Length: 5\r\nX-A: 1\r\n", "plain"),
        [
            "X-A: 1\r\n folded",
            "X-A: 1\r\n\tContent-Length: 9",
            " X-A: 1",
            "X-A : 1",
            "X A: 1",
            "X-A",
            ": 1",
            "X-A: \0",
            "X-A: a\u{1}b",
        ]
        .map(|line| answer(&format!("{line}\r\nContent-Length: 5\r\n"), "plain")),
    );
}

#[test]
fn a15_answers_that_are_no_http() {
    refused(
        answer("Content-Length: 5\r\n", "plain"),
        [
            "HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nplain",
            "HTTP/1.1 099 No\r\nContent-Length: 5\r\n\r\nplain",
            "HTTP/2 200 OK\r\nContent-Length: 5\r\n\r\nplain",
            "plain\r\n\r\n",
            "\r\n\r\nplain",
            "\u{16}\u{3}\u{1}\r\n\r\n",
        ]
        .map(str::to_owned),
    );
}

#[test]
fn a18_answers_whose_head_is_too_large() {
    let fields = |count: usize| answer(&("X-A: 1\r\n".repeat(count) + "Content-Length: 5\r\n"), "plain");
    let long = |bytes: usize| answer(&format!("X-A: {}\r\nContent-Length: 5\r\n", "a".repeat(bytes)), "plain");
    refused(fields(99), [fields(100), fields(10_000), long(70 * 1024), long(8 << 20)]);
}

#[test]
fn a18_a_head_without_end_is_neither_kept_nor_waited_for() {
    let (gate, _origin) = before_origin(|target, stream| match target.trim_start_matches("/hostile/") {
        "endless" => loop {
            stream.write_all("X-A: 1\r\n".repeat(100).as_bytes())?;
        },
        _ => stream.write_all(PLAIN),
    });
    assert_eq!(Client::open(&gate).get("one"), (200, "plain".into()));
    let before = gate.resident_kib();
    for _ in 0..16 {
        let asked = Instant::now();
        assert_eq!(Client::open(&gate).get("endless").0, 502);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    let grown = gate.resident_kib().saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KiB");
}
