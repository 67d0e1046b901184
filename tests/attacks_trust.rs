//! Rows of the attack catalogue about who is believed: proxies in front, pages of other origins, what is echoed, and
//! handshakes that never end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use running::{Answer, Gate, origin::Scripted, wire};
use rustls_pki_types::PrivateKeyDer;

/// Sends bytes to the listener without TLS, and reads until it closes.
fn say(gate: &Gate, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(gate.plain).unwrap();
    stream.set_read_timeout(Some(wire::PATIENCE)).unwrap();
    // The gateway may have closed before all is written.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the connection stays open");
    }
    wire::parse(&String::from_utf8_lossy(&answer))
}

/// A gateway whose listener without TLS takes connections of these networks, with PROXY headers.
fn behind_proxies(networks: &str) -> Gate {
    Gate::start_changed(|text| {
        let listener = "  - address: 127.0.0.2:0\n";
        assert!(text.contains(listener));
        text.replace(listener, &format!("{listener}    proxy_protocol: {{ from: [{networks}] }}\n"))
    })
}

const OPEN: &str = "GET /open HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn version2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n", &[command, family][..], &length, rest, OPEN.as_bytes()].concat()
}

const SOURCE: [u8; 12] = [192, 0, 2, 77, 127, 0, 0, 2, 0x30, 0x39, 0x01, 0xbb];

#[test]
fn c43_a_proxy_header_is_believed_from_a_trusted_proxy_alone() {
    let gate = behind_proxies("127.0.0.0/8");
    for header in [b"PROXY TCP4 192.0.2.77 127.0.0.2 12345 80\r\n".as_slice(), b"PROXY TCP6 2001:db8::77 ::1 1 80\r\n"]
    {
        assert_eq!(say(&gate, &[header, OPEN.as_bytes()].concat()).status, 200);
    }
    assert_eq!(say(&gate, &version2(0x21, 0x11, &SOURCE)).status, 200);
    let seen = gate.origin.text();
    assert_eq!(seen.matches("x-forwarded-for: 192.0.2.77").count(), 2, "{seen}");
    assert!(seen.contains("x-forwarded-for: 2001:db8::77"), "{seen}");
    // Health checks of the proxy itself.
    assert_eq!(say(&gate, &version2(0x20, 0x00, b"")).status, 200);

    let stranger = behind_proxies("192.0.2.0/24");
    let before = stranger.origin.seen();
    assert_eq!(say(&stranger, &version2(0x21, 0x11, &SOURCE)).status, 0);
    assert_eq!(say(&stranger, OPEN.as_bytes()).status, 0);
    assert_eq!(stranger.origin.seen(), before, "the origin saw a stranger's request");
}

#[test]
fn c43_malformed_proxy_headers_close_the_connection() {
    let gate = behind_proxies("127.0.0.0/8");
    let before = gate.origin.seen();
    let cut_value = [&SOURCE[..], &[0x02, 0, 200], b"a.example"].concat();
    for bytes in [
        OPEN.as_bytes().to_vec(),
        [b"PROXY TCP4 192.0.2.77 127.0.0.2 12345\r\n", OPEN.as_bytes()].concat(),
        [b"PROXY TCP4 192.0.2.77 127.0.0.2 12345 80 ".as_slice(), &[b'x'; 200], OPEN.as_bytes()].concat(),
        version2(0x21, 0x11, &cut_value),
        version2(0x21, 0x11, &SOURCE[..4]),
        version2(0x21, 0x00, b""),
        version2(0x31, 0x11, &SOURCE),
        version2(0x21, 0x11, &[0; 5000]),
    ] {
        assert_eq!(say(&gate, &bytes).status, 0, "{:?}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!(gate.origin.seen(), before, "the origin saw a request without a source");
}

#[test]
fn c43_without_the_key_a_proxy_header_is_no_request() {
    let gate = Gate::start();
    let before = gate.origin.seen();
    assert_eq!(say(&gate, &[b"PROXY TCP4 192.0.2.77 127.0.0.2 12345 80\r\n", OPEN.as_bytes()].concat()).status, 400);
    assert_eq!(gate.origin.seen(), before);
}

#[test]
fn c44_nothing_that_is_echoed_can_begin_a_line() {
    let gate = Gate::start_changed(|text| text.replace("    authenticate:", &format!("{CORS}    authenticate:")));
    let injected = |answer: &Answer| answer.head.lines().any(|line| line.starts_with("injected"));
    for target in ["/open%0d%0aInjected:%201", "/open?a=%0d%0aInjected:%201", "/orders/%0AInjected:%201"] {
        let answer = gate.get(target, &["Origin: https://app.example"]);
        assert!(answer.status > 0 && !injected(&answer), "{target}: {}", answer.head);
    }
    for field in [
        "X-Request-Id: a%0d%0aInjected: 1",
        "Origin: https://app.example%0d%0aInjected: 1",
        "Access-Control-Request-Method: GET%0d%0aInjected: 1",
        "Authorization: Bearer a%0d%0aInjected: 1",
    ] {
        let answer = gate.get("/open", &[field]);
        assert!(answer.status > 0 && !injected(&answer), "{field}: {}", answer.head);
    }
    // A bare CR is no line end for some and one for others.
    for bytes in [
        "GET /open HTTP/1.1\r\nHost: localhost\r\nOrigin: a\rInjected: 1\r\n\r\n",
        "GET /open\rInjected:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ] {
        let answer = wire::until_close(&gate, bytes.as_bytes());
        assert!(answer.status == 400 && !injected(&answer), "{bytes:?}: {}", answer.head);
    }
    let plain = gate.get("/open", &["Origin: https://app.example"]);
    assert_eq!((plain.status, plain.field("access-control-allow-origin")), (200, Some("https://app.example")));
}

const CORS: &str = "    cors: { origins: [\"https://app.example\", \"https://good\"], credentials: true, response_headers: [x-total] }\n";

#[test]
fn c45_only_origins_that_are_named_whole_may_read() {
    let gate = Gate::start_changed(|text| text.replace("    authenticate:", &format!("{CORS}    authenticate:")));
    for origin in [
        "null",
        "https://good.evil",
        "https://evilgood",
        "http://good",
        "https://good:8443",
        "https://GOOD",
        "https://good/",
        "https://good, https://evil",
        "*",
    ] {
        let asked = format!("Origin: {origin}");
        let answer = gate.get("/open", &[&asked]);
        assert_eq!((answer.status, answer.field("access-control-allow-origin")), (200, None), "{origin}");
        assert_eq!(answer.field("vary"), Some("Origin"));
        let preflight = wire::request(&gate, "OPTIONS", "/open", &[&asked, "Access-Control-Request-Method: GET"], "");
        assert_eq!((preflight.status, preflight.field("access-control-allow-origin")), (403, None), "{origin}");
    }
    let twice = gate.get("/open", &["Origin: https://good", "Origin: https://evil"]);
    assert_eq!(twice.field("access-control-allow-origin"), None);

    let token = format!("Authorization: Bearer {}", gate.token("orders:read"));
    let answer = gate.get("/orders/7", &["Origin: https://good", &token]);
    assert_eq!((answer.status, answer.field("access-control-allow-origin")), (200, Some("https://good")));
    assert_eq!(answer.field("access-control-allow-credentials"), Some("true"));
    assert_eq!(answer.field("access-control-expose-headers"), Some("x-total"));
    assert_eq!(answer.field("cross-origin-resource-policy"), Some("cross-origin"));
    // A page may read why it was refused.
    let refused = gate.get("/orders/7", &["Origin: https://good"]);
    assert_eq!((refused.status, refused.field("access-control-allow-origin")), (401, Some("https://good")));
}

#[test]
fn a_preflight_is_answered_without_a_credential_and_reaches_no_origin() {
    let gate = Gate::start_changed(|text| text.replace("    authenticate:", &format!("{CORS}    authenticate:")));
    let before = gate.origin.seen();
    let ask = |target: &str, method: &str| {
        let method = format!("Access-Control-Request-Method: {method}");
        wire::request(&gate, "OPTIONS", target, &["Origin: https://good", &method], "")
    };
    let answer = ask("/orders", "POST");
    assert_eq!((answer.status, answer.field("access-control-allow-methods")), (204, Some("POST")), "{}", answer.head);
    assert_eq!(answer.field("access-control-allow-headers"), Some("authorization, content-type, x-api-key"));
    assert_eq!(answer.field("access-control-max-age"), Some("600"));
    // What has no route has no preflight either.
    assert_eq!(ask("/orders", "DELETE").status, 405);
    assert_eq!(ask("/nowhere", "GET").status, 404);
    assert_eq!(gate.origin.seen(), before, "a preflight reached the origin");
}

#[test]
fn c45_an_upstream_lets_no_page_in() {
    let reflecting = Scripted::start(|_, stream| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: https://evil\r\nAccess-Control-Allow-Credentials: true\r\n\
              Content-Length: 0\r\n\r\n",
        )
    });
    let gate = Gate::start_with_apis(&reflecting.api());
    let answer = gate.get("/hostile/a", &["Origin: https://evil"]);
    assert_eq!(answer.status, 200);
    assert!(!answer.head.contains("access-control-"), "{}", answer.head);
}

/// Lines typed into openssl's client one by one; what it printed. Lines that it reads together are one to it, so that where
/// the machine has other things to do they are typed again, more slowly, until it prints what is expected.
fn openssl(gate: &Gate, flag: &str, lines: &[&str], expected: &str) -> String {
    let attempt = |pause: &str| {
        let typed: String =
            lines.iter().fold(String::new(), |typed, line| typed + "printf '" + line + "\\n'; sleep " + pause + "; ");
        let script = format!(
            "({typed}sleep 0.5) | timeout 8 openssl s_client -connect {} -servername localhost {flag} 2>&1",
            gate.address
        );
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let mut printed = String::new();
    for pause in ["0.02", "0.1", "0.5"] {
        printed = attempt(pause);
        if printed.contains(expected) {
            break;
        }
    }
    printed
}

const ASK: [&str; 4] = ["GET /open HTTP/1.1\\r", "Host: localhost\\r", "Connection: close\\r", "\\r"];
const OK: &str = "HTTP/1.1 200";

#[test]
fn j99_renegotiation_is_not_granted_and_a_flood_of_key_updates_ends_the_connection() {
    let gate = Gate::start();
    let few = [vec!["K"; 4], ASK.to_vec()].concat();
    let printed = openssl(&gate, "-tls1_3", &few, OK);
    assert!(printed.contains("KEYUPDATE") && printed.contains(OK), "{printed}");
    let flood = [vec!["K"; 60], ASK.to_vec()].concat();
    let printed = openssl(&gate, "-tls1_3", &flood, "KEYUPDATE");
    assert!(printed.contains("KEYUPDATE") && !printed.contains(OK), "{printed}");

    let printed = openssl(&gate, "-tls1_2", &ASK, OK);
    assert!(printed.contains(OK), "{printed}");
    // testssl, in another test, says the same of it.
    let printed = openssl(&gate, "-tls1_2", &[vec!["R"], ASK.to_vec()].concat(), "RENEGOTIATING");
    assert!(printed.contains("RENEGOTIATING") && !printed.contains(OK), "{printed}");
}

#[test]
fn j99_a_client_hello_a_byte_at_a_time_has_a_deadline() {
    let gate = Gate::start_changed(|text| text + "limits: { handshake_timeout: 1s }\n");
    let began = Instant::now();
    let mut stream = TcpStream::connect(gate.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    // A record of 512 bytes with a ClientHello that would be whole in a minute.
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[0; 501]].concat();
    let closed = hello.iter().any(|byte| {
        let gone = stream.write_all(&[*byte]).is_err() || matches!(stream.read(&mut [0; 64]), Ok(0));
        thread::sleep(Duration::from_millis(50));
        gone
    });
    assert!(closed && began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn j99_a_protocol_that_is_not_spoken_ends_the_handshake() {
    let gate = Gate::start();
    let attempt = |protocol: &[u8]| {
        let mut config = wire::config(&gate, None);
        config.alpn_protocols = vec![protocol.to_vec()];
        wire::handshake(gate.address, "localhost", config).write_all(b"GET / HTTP/1.1\r\n")
    };
    assert!(attempt(b"http/1.1").is_ok());
    let error = attempt(b"smtp").unwrap_err().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
}

#[test]
fn j99_a_maze_of_intermediates_costs_little_and_ends() {
    let gate = Gate::start();
    // Each has the name of each: every one could have issued every other, and none leads to the trust anchor.
    let params = || {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "maze");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let keys: Vec<KeyPair> = (0..16).map(|_| KeyPair::generate().unwrap()).collect();
    let issuer = || Issuer::new(params(), KeyPair::try_from(keys[0].serialize_der()).unwrap());
    let mut chain = Vec::new();
    let leaf = KeyPair::generate().unwrap();
    chain.push(CertificateParams::default().signed_by(&leaf, &issuer()).unwrap().der().clone());
    for key in &keys {
        chain.push(params().signed_by(key, &issuer()).unwrap().der().clone());
    }
    let before = gate.processor_time();
    // The longest that is looked at, and the longest that a handshake holds.
    for length in [7, 7, 7, 7, 7, 17, 17, 17, 17, 17] {
        let key = PrivateKeyDer::try_from(leaf.serialize_der()).unwrap();
        let mut config = wire::config(&gate, None);
        config.client_auth_cert_resolver =
            std::sync::Arc::new(Maze(std::sync::Arc::new(rustls::sign::CertifiedKey::new(
                chain[..length].to_vec(),
                rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap(),
            ))));
        let mut stream = wire::handshake(gate.address, "localhost", config);
        let _ = stream.write_all(OPEN.as_bytes());
        let mut answer = Vec::new();
        assert!(stream.read_to_end(&mut answer).is_err(), "{}", String::from_utf8_lossy(&answer));
    }
    let spent = gate.processor_time().saturating_sub(before);
    assert!(spent < Duration::from_millis(500), "ten chains took {spent:?}");
}

/// Shows its chain whoever the server trusts.
#[derive(Debug)]
struct Maze(std::sync::Arc<rustls::sign::CertifiedKey>);

impl rustls::client::ResolvesClientCert for Maze {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<std::sync::Arc<rustls::sign::CertifiedKey>> {
        Some(std::sync::Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
