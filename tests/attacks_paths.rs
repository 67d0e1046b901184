//! Section B of the attack catalogue and the classes of bypass known elsewhere, over real sockets: one canonical form of
//! host and path for matching, policy and forwarding.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use jose::{Algorithm, SigningKey};
use running::{
    Answer, Gate, claims,
    http2::{self, Outcome},
    origin::Scripted,
    wire,
};
use rustls::{ClientConnection, HandshakeKind};
use serde_json::json;

const ORDER: &str = "/orders/7";

/// Routes behind which a path that is not read as `/admin` reaches the origin without any credential.
const OPEN_BUT_ADMIN: &str = r#"      - { match: "* /admin", scopes: [admin] }
      - { match: "GET /slashes/{name}", public: "a test", encoded_slashes: true }
      - { match: "* /{rest*}", public: "a test" }
"#;

/// Hosts with and without client certificates, behind the certificate of `*.tenants.localhost`.
const TENANTS: &str = r#"  - { name: a, host: a.tenants.localhost, upstream: "http://ORIGIN", routes: [{ match: "GET /orders/{id}", public: "a test" }] }
  - { name: b, host: b.tenants.localhost, upstream: "http://ORIGIN", authenticate: [client_certificate, jwt: corp], routes: [{ match: "GET /orders/{id}" }] }
  - { name: c, host: c.tenants.localhost, upstream: "http://ORIGIN", routes: [{ match: "GET /orders/{id}", public: "a test" }] }
"#;

fn gate_open_but_admin() -> Gate {
    Gate::start_changed(|text| {
        let before = "      - { match: \"GET /orders/{id}\"";
        assert!(text.contains(before));
        text.replacen(before, &format!("{OPEN_BUT_ADMIN}{before}"), 1)
    })
}

fn gate_of_tenants() -> Gate {
    Gate::start_changed(|text| text.replacen("monitoring:", &format!("{TENANTS}monitoring:"), 1))
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// Asserts that a request passes; what the origin got of it.
fn passes(gate: &Gate, method: &str, target: &str, fields: &[&str]) -> String {
    let before = gate.origin.seen();
    let answer = wire::request(gate, method, target, fields, "");
    assert_eq!(answer.status, 200, "{method} {target} {fields:?}: {}", answer.body);
    gate.origin.raw_text()[before..].to_owned()
}

/// Asserts that a request gets one of these statuses and that nothing of it goes upstream.
fn refuses(gate: &Gate, method: &str, target: &str, fields: &[&str], statuses: &[u16]) -> Answer {
    let before = gate.origin.seen();
    let answer = wire::request(gate, method, target, fields, "");
    assert!(statuses.contains(&answer.status), "{method} {target} {fields:?}: {} {}", answer.status, answer.body);
    assert_eq!(gate.origin.seen(), before, "the origin saw a refused request: {method} {target}");
    answer
}

/// Fields of a GET over HTTP/2.
fn pseudo<'f>(host: &'f str, path: &'f str) -> Vec<(&'f str, &'f str)> {
    vec![(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", path)]
}

/// Asserts that a request over HTTP/2 gets this status and that nothing of it goes upstream.
fn refuses_http2(gate: &Gate, request: &[(&str, &str)], status: u16) {
    let before = gate.origin.seen();
    let outcome = http2::Connection::open(gate).ask(1, request);
    assert!(matches!(outcome, Outcome::Answered(got, _) if got == status), "{request:?}: {outcome:?}");
    assert_eq!(gate.origin.seen(), before, "the origin saw a refused request: {request:?}");
}

#[test]
fn b24_dot_segments_decide_alike() {
    let gate = gate_open_but_admin();
    let admin = bearer(&gate.token("admin"));
    passes(&gate, "GET", "/x/admin", &[]);
    for target in [
        "/admin",
        "//admin",
        "///admin",
        "/./admin",
        "/x/../admin",
        "/x//..//admin",
        "/../admin",
        "/x/../../admin",
        "/%61dmin",
        "/%41dmin/../admin",
        "/%2e/admin",
        "/%2E%2e/admin",
        "/x/%2e%2e/admin",
        "/x/.%2e/admin",
        "/admin?x=/../public",
        "https://localhost//admin",
    ] {
        gate.refuses(target, &[], 401, "PC-0201");
        let seen = passes(&gate, "GET", target, &[&admin]);
        assert!(seen.starts_with("GET /admin HTTP/1.1\r\n") || seen.starts_with("GET /admin?"), "{target}: {seen}");
        let target = target.trim_start_matches("https://localhost");
        refuses_http2(&gate, &pseudo("localhost", target), 401);
    }
    for target in ["/..;/admin", "/x/..;y/admin", "/.;/admin", "/..%3b/admin"] {
        gate.refuses(target, &[], 400, "PC-0101");
        refuses_http2(&gate, &pseudo("localhost", target), 400);
    }
}

#[test]
fn b25_encoded_slashes_and_backslashes() {
    let gate = gate_open_but_admin();
    let seen = passes(&gate, "GET", "/slashes/a%2fb", &[]);
    assert!(seen.starts_with("GET /slashes/a%2Fb HTTP/1.1\r\n"), "{seen}");
    for target in [
        "/%2fadmin",
        "/%2Fadmin",
        "/%5cadmin",
        "/%5Cadmin",
        "/\\admin",
        "/x\\..\\admin",
        "/admin%2f..%2fpublic",
        "/x%2f..%2fadmin",
        "/x/..%2fadmin",
        "/x/..%5cadmin",
        "/slashes/..%2fadmin",
        "/slashes/a%2f..%2f..%2fadmin",
        "/slashes/a%5cb",
    ] {
        gate.refuses(target, &[], 400, "PC-0101");
        refuses_http2(&gate, &pseudo("localhost", target), 400);
    }
}

#[test]
fn b28_escapes_are_decoded_once() {
    let gate = gate_open_but_admin();
    for target in ["/x/%252e%252e%252fadmin", "/%2561dmin", "/%252fadmin", "/x/%25%32%65%25%32%65/admin"] {
        let seen = passes(&gate, "GET", target, &[]);
        let line = seen.lines().next().unwrap();
        assert!(line.contains("%25") && !line.contains(".."), "{target}: {seen}");
    }
    let seen = passes(&gate, "GET", "/x/%252e%252e%252fadmin", &[]);
    assert!(seen.starts_with("GET /x/%252e%252e%252fadmin HTTP/1.1\r\n"), "{seen}");
    gate.refuses("/%61dmin", &[], 401, "PC-0201");
}

#[test]
fn b29_bytes_that_no_path_holds() {
    let gate = gate_open_but_admin();
    passes(&gate, "GET", "/x/%C3%A9%20", &[]);
    for escape in [
        "%00",
        "%c0%ae",
        "%C0%AE",
        "%u002e",
        "%e0%80%ae",
        "%ff",
        "%ed%a0%80",
        "%",
        "%2",
        "%zz",
        "%0a",
        "%0d%0a",
        "%7f",
        "%+1",
        "% 41",
    ] {
        for target in [format!("/x/{escape}"), format!("/{escape}/admin"), format!("/admin{escape}")] {
            refuses(&gate, "GET", &target, &[], &[400]);
        }
        if !escape.contains(' ') {
            refuses_http2(&gate, &pseudo("localhost", &format!("/admin{escape}")), 400);
        }
    }
    for raw in ["/x/\u{e9}", "/admin\u{7f}", "/admin\u{1}", "/x/<a>", "/x/{a}", "/x/a|b", "/x/\"", "/x/^", "/x/`"] {
        refuses(&gate, "GET", raw, &[], &[400]);
    }
    for query in ["/x?%", "/x?%zz", "/x?a\\b", "/x?\u{e9}"] {
        refuses(&gate, "GET", query, &[], &[400]);
    }
}

#[test]
fn b30_a_fragment_in_the_target() {
    let gate = gate_open_but_admin();
    passes(&gate, "GET", "/x", &[]);
    passes(&gate, "GET", "/x%23admin", &[]);
    for target in ["/x#/../admin", "/admin#", "/#/admin", "/x?a#b", "#", "https://localhost/x#y"] {
        refuses(&gate, "GET", target, &[], &[400]);
    }
}

/// Paths that some origins take for `/orders/7`: they are other paths here, and what no template has is refused.
#[test]
fn b31_paths_that_are_almost_another() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    passes(&gate, "GET", ORDER, &[&token]);
    for target in ["/ORDERS/7", "/Orders/7", "/orders./7", "/orders/7/", "/orders%20/7", "/orders;a=b/7"] {
        gate.refuses(target, &[&token], 404, "PC-0108");
    }
    for target in ["/OPEN", "/open.", "/open/", "/open%20", "/open;a", "/open.json"] {
        gate.refuses(target, &[], 404, "PC-0108");
    }
    passes(&gate, "GET", "/open", &[]);
}

#[test]
fn b32_an_absolute_target_wins_over_host() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    for field in ["Host: localhost", "Host: other.example"] {
        let target = format!("https://localhost{ORDER}");
        let seen = passes(&gate, "GET", &target, &[&token, field]).to_ascii_lowercase();
        assert!(seen.starts_with("get /orders/7 http/1.1\r\n"), "{seen}");
        assert!(seen.contains("\r\nhost: localhost\r\n") && !seen.contains("other.example"), "{seen}");
    }
    for target in ["https://other.example/orders/7", "http://localhost@other.example/orders/7"] {
        refuses(&gate, "GET", target, &[&token, "Host: localhost"], &[400, 404, 421]);
    }
    // Over HTTP/2 both can be there too.
    let authorization = format!("Bearer {}", gate.token("orders:read"));
    let both = |authority, host| {
        let more = vec![("host", host), ("authorization", authorization.as_str())];
        http2::Connection::open(&gate).ask(1, &[pseudo(authority, ORDER), more].concat())
    };
    assert_eq!(both("localhost", "localhost"), Outcome::Answered(200, r#"{"ok":true}"#.into()));
    let before = gate.origin.seen();
    assert!(!matches!(both("other.example", "localhost"), Outcome::Answered(200, _)));
    assert_eq!(gate.origin.seen(), before);
    both("localhost", "other.example");
    assert!(!gate.origin.text().contains("other.example"));
}

/// Sends a GET over a connection of its own, made under a server name.
fn get_under(gate: &Gate, name: &str, client: Option<&str>, host: &str) -> Answer {
    let stream = wire::handshake(gate.address, name, wire::config(gate, client));
    let request = format!("GET {ORDER} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    wire::until_close_of(stream, request.as_bytes())
}

#[test]
fn b34_a_connection_for_another_host_than_the_one_that_asks_for_certificates() {
    let gate = gate_of_tenants();
    let (a, b) = ("a.tenants.localhost", "b.tenants.localhost");
    assert_eq!(get_under(&gate, a, None, a).status, 200);
    assert_eq!(get_under(&gate, b, Some("client"), b).status, 200);
    let before = gate.origin.seen();
    assert_eq!(get_under(&gate, b, None, b).status, 401);
    for client in [None, Some("client")] {
        let answer = get_under(&gate, a, client, b);
        assert_eq!((answer.status, answer.code().as_str()), (421, "PC-0107"), "{}", answer.body);
    }
    assert_eq!(gate.origin.seen(), before);
}

#[test]
fn b35_fields_that_change_the_method() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    let overrides = [
        "X-HTTP-Method-Override: DELETE",
        "X-HTTP-Method: DELETE",
        "X-Method-Override: DELETE",
        "X-Original-Method: DELETE",
    ];
    let seen = passes(&gate, "GET", ORDER, &[[token.as_str()].as_slice(), &overrides].concat());
    assert!(seen.starts_with("GET /orders/7 ") && !seen.contains("DELETE"), "{seen}");
    assert!(!seen.to_ascii_lowercase().contains("method-override"), "{seen}");
    for field in ["X-HTTP-Method-Override: GET", "X-HTTP-Method: GET", "X-Method-Override: GET"] {
        refuses(&gate, "DELETE", ORDER, &[&token, field], &[405]);
        refuses(&gate, "POST", "/orders", &[field], &[401]);
    }
}

#[test]
fn b36_every_method_is_authorized_alike() {
    let gate = gate_open_but_admin();
    let (admin, other) = (bearer(&gate.token("admin")), bearer(&gate.token("orders:read")));
    for method in ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "FOO", "get"] {
        refuses(&gate, method, "/admin", &[], &[401]);
        refuses(&gate, method, "/admin", &[&other], &[403]);
        let seen = passes(&gate, method, "/admin", &[&admin]);
        assert!(seen.starts_with(&format!("{method} /admin HTTP/1.1\r\n")), "{seen}");
    }
    for method in ["TRACE", "CONNECT"] {
        refuses(&gate, method, "/admin", &[&admin], &[405]);
    }
    refuses(&gate, "PRI", "*", &[&admin], &[400, 405]);
    refuses(&gate, "OPTIONS", "*", &[&admin], &[400, 404, 405]);
    let preflight = ["Origin: https://app.example", "Access-Control-Request-Method: GET"];
    refuses(&gate, "OPTIONS", "/admin", &preflight, &[401]);
    for (method, status) in [("HEAD", 401), ("OPTIONS", 401), ("FOO", 401), ("TRACE", 405)] {
        let mut request = pseudo("localhost", "/admin");
        request[0].1 = method;
        refuses_http2(&gate, &request, status);
    }
}

#[test]
fn b36_a_route_for_get_takes_head_and_no_more() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    refuses(&gate, "HEAD", ORDER, &[], &[401]);
    let seen = passes(&gate, "HEAD", ORDER, &[&token]);
    assert!(seen.starts_with("HEAD /orders/7 HTTP/1.1\r\n"), "{seen}");
    for method in ["OPTIONS", "TRACE", "CONNECT", "PRI", "FOO", "get", "POST", "M-SEARCH"] {
        let answer = refuses(&gate, method, ORDER, &[&token], &[405]);
        assert_eq!(answer.field("allow"), Some("GET, HEAD"), "{method}");
    }
}

#[test]
fn b37_fields_that_change_the_path() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    let others = [
        "X-Original-URL: /elsewhere",
        "X-Rewrite-URL: /elsewhere",
        "X-Original-URI: /elsewhere",
        "X-Original-Host: e.elsewhere",
    ];
    let seen = passes(&gate, "GET", ORDER, &[[token.as_str()].as_slice(), &others].concat());
    assert!(seen.starts_with("GET /orders/7 ") && !seen.contains("elsewhere"), "{seen}");
    gate.refuses("/nothing", &["X-Original-URL: /open", "X-Rewrite-URL: /open"], 404, "PC-0108");
}

#[test]
fn bypass_rewrite_after_match() {
    let gate = gate_open_but_admin();
    // What was matched is what goes upstream, byte for byte, and reads as itself once more.
    for (target, sent) in [
        ("/x/%2e%2e/y//z", "/y/z"),
        ("/x/%7Eme", "/x/~me"),
        ("/x/%c3%a9", "/x/%C3%A9"),
        ("/x/./y/", "/x/y/"),
        ("/x/%2525", "/x/%2525"),
    ] {
        for target in [target, sent] {
            let seen = passes(&gate, "GET", target, &[]);
            assert!(seen.starts_with(&format!("GET {sent} HTTP/1.1\r\n")), "{target}: {seen}");
        }
    }
}

#[test]
fn bypass_path_without_a_slash_or_with_a_fragment() {
    let gate = gate_open_but_admin();
    passes(&gate, "GET", "/x", &[]);
    for target in ["admin", "x/../admin", "x#/admin", "/x#admin", "?/admin", "*admin"] {
        refuses(&gate, "GET", target, &[], &[400]);
    }
    let before = gate.origin.seen();
    for path in ["admin", "x/../admin", "?/admin", "*", ""] {
        let outcome = http2::Connection::open(&gate).ask(1, &pseudo("localhost", path));
        assert!(matches!(outcome, Outcome::Answered(400, _) | Outcome::Reset(_)), "{path}: {outcome:?}");
    }
    assert_eq!(gate.origin.seen(), before);
    // Over HTTP/2 a fragment is gone before anything is decided; what is left of the target is decided upon and sent.
    for (path, status) in [("/admin#", 401), ("/admin#/../x", 401), ("/slashes/..%2fadmin#", 400)] {
        refuses_http2(&gate, &pseudo("localhost", path), status);
    }
    let answered = http2::Connection::open(&gate).ask(1, &pseudo("localhost", "/x#/../admin"));
    assert!(matches!(answered, Outcome::Answered(200 | 400, _)), "{answered:?}");
    let seen = gate.origin.raw_text();
    assert!(!seen.contains('#') && !seen.contains(" /admin"), "{seen}");
}

#[test]
fn bypass_forwarding_fields_that_a_list_forgets() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    let forged: Vec<String> = [
        "X-Forwarded-Prefix",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
        "X-Forwarded-Server",
        "X-Forwarded-Uri",
        "X-Forwarded-Path",
        "X-Forwarded-Ssl",
        "X-Forwarded-User",
        "X-Forwarded-Scheme",
        "X-Forwarded-Client-Cert",
        "X-Forwarded-Tls-Client-Cert",
        "Forwarded",
        "X-Real-IP",
        "True-Client-IP",
        "CF-Connecting-IP",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "X-Envoy-External-Address",
        "Via",
    ]
    .map(|name| format!("{name}: forged.example"))
    .into();
    let fields: Vec<&str> = std::iter::once(&token).chain(&forged).map(String::as_str).collect();
    let seen = passes(&gate, "GET", ORDER, &fields);
    assert!(!seen.contains("forged"), "{seen}");
    let seen = seen.to_ascii_lowercase();
    assert!(
        seen.contains("x-forwarded-host: localhost\r\n") && seen.contains("x-forwarded-for: 127.0.0.1\r\n"),
        "{seen}"
    );
}

#[test]
fn bypass_names_that_an_upstream_folds() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    passes(&gate, "GET", ORDER, &[&token, "X-Plain-Name: 1"]);
    for name in
        ["X_Forwarded_For", "X.Forwarded.For", "X-Forwarded_For", "Content_Length", "X~User", "X|A", "X'A", "X!A"]
    {
        gate.refuses(ORDER, &[&token, &format!("{name}: 1")], 400, "PC-0102");
        let (name, authorization) = (name.to_ascii_lowercase(), &token["Authorization: ".len()..]);
        let more = vec![("authorization", authorization), (name.as_str(), "1")];
        refuses_http2(&gate, &[pseudo("localhost", ORDER), more].concat(), 400);
    }
}

#[test]
fn bypass_several_values_of_one_field() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    let (_, key) = gate.key("orders:read");
    let key = format!("X-API-Key: {key}");
    passes(&gate, "GET", ORDER, &[&token, "Accept: a", "Accept: b"]);
    passes(&gate, "GET", ORDER, &[&key]);
    gate.refuses(ORDER, &[&key, "X-API-Key: pck_live_other"], 400, "PC-0103");
    gate.refuses(ORDER, &["X-API-Key: pck_live_other", &key], 400, "PC-0103");
    gate.refuses(ORDER, &[&token, "Authorization: Bearer other"], 400, "PC-0103");
    gate.refuses(ORDER, &[&token, "Content-Type: a/b", "Content-Type: c/d"], 400, "PC-0103");
    refuses(&gate, "GET", ORDER, &[&token, "Host: localhost", "Host: other.example"], &[400]);
    refuses(&gate, "GET", ORDER, &[&token, "Host: localhost, other.example"], &[400]);
    // One line with two values is no credential either.
    refuses(&gate, "GET", ORDER, &[&format!("{token}, Bearer other")], &[400, 401]);
    refuses(&gate, "GET", ORDER, &[&format!("{key}, other")], &[400, 401]);
}

#[test]
fn bypass_identity_fields_of_the_client() {
    let gate = Gate::start();
    let names = [
        "portcullis-subject",
        "portcullis-scope",
        "portcullis-identity",
        "portcullis-authentication",
        "portcullis-anything",
        "x-portcullis-subject",
        "x-user",
        "x-user-id",
        "x-consumer-id",
        "x-authenticated-user",
        "x-auth-request-user",
        "x-remote-user",
        "remote-user",
        "x-ssl-client-dn",
        "x-client-cert",
    ];
    let forged: Vec<(&str, &str)> = names.into_iter().map(|name| (name, "forged")).collect();
    // A public route has no identity of its own that would replace a forged one.
    let answered = http2::Connection::open(&gate).ask(1, &[pseudo("localhost", "/open"), forged].concat());
    assert!(matches!(answered, Outcome::Answered(200, _)), "{answered:?}");
    let lines: Vec<String> = names.iter().map(|name| format!("{name}: forged")).collect();
    passes(&gate, "GET", "/open", &lines.iter().map(String::as_str).collect::<Vec<_>>());
    // Fields that a client lists in Connection cannot take the gateway's own away.
    let token = bearer(&gate.token("orders:read"));
    let listed = "Connection: close, Portcullis-Subject, Portcullis-Identity, X-Forwarded-For, Host";
    let seen = passes(&gate, "GET", ORDER, &[&token, listed]).to_ascii_lowercase();
    for own in ["portcullis-subject: user-1", "portcullis-identity: ", "x-forwarded-for: 127.0.0.1", "host: localhost"]
    {
        assert!(seen.contains(own), "{own}: {seen}");
    }
    assert!(!gate.origin.text().contains("forged"), "{}", gate.origin.text());
}

#[test]
fn bypass_algorithm_from_the_token() {
    let gate = Gate::start();
    passes(&gate, "GET", ORDER, &[&bearer(&gate.token("orders:read"))]);
    let parts: Vec<String> = gate.token("orders:read").split('.').map(str::to_owned).collect();
    for algorithm in ["RS256", "PS256", "ES384", "EdDSA", "HS256", "es256", "none", ""] {
        let header = B64.encode(json!({ "alg": algorithm, "kid": gate.issuer.kid() }).to_string());
        gate.refuses(ORDER, &[&bearer(&format!("{header}.{}.{}", parts[1], parts[2]))], 401, "PC-0203");
        let signed = gate.issuer.sign(&json!({ "alg": algorithm }), claims("orders:read").to_string().as_bytes());
        if let Ok(signed) = signed {
            gate.refuses(ORDER, &[&bearer(&signed)], 401, "PC-0203");
        }
    }
    // Of an algorithm that the issuer does not use, with a key of the same name.
    let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let header = json!({ "alg": "EdDSA", "kid": gate.issuer.kid() });
    let signed = other.sign(&header, claims("orders:read").to_string().as_bytes()).unwrap();
    gate.refuses(ORDER, &[&bearer(&signed)], 401, "PC-0203");
}

#[test]
fn bypass_times_as_text() {
    let gate = Gate::start();
    passes(&gate, "GET", ORDER, &[&bearer(&gate.token("orders:read"))]);
    for (claim, value) in [
        ("exp", json!("4102444800")),
        ("exp", json!("")),
        ("exp", json!(null)),
        ("exp", json!([4_102_444_800_u64])),
        ("exp", json!(true)),
        ("nbf", json!("0")),
        ("nbf", json!(null)),
    ] {
        let mut claims = claims("orders:read");
        claims[claim] = value;
        let token = gate.issuer.sign_jwt("at+jwt", &claims).unwrap();
        gate.refuses(ORDER, &[&bearer(&token)], 401, "PC-0203");
    }
}

/// A body may stream, but what is too large never arrives as a whole request, by neither kind of framing.
#[test]
fn bypass_part_of_a_body() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:write"));
    let post = |framing: &str, body: &str| {
        format!("POST /orders HTTP/1.1\r\nHost: localhost\r\n{token}\r\nConnection: close\r\n{framing}\r\n\r\n{body}")
    };
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 16, "x".repeat(1 << 16));
    let whole = wire::until_close(&gate, post("Transfer-Encoding: chunked", &format!("{chunk}0\r\n\r\n")).as_bytes());
    assert_eq!(whole.status, 200);
    let before = gate.origin.seen();
    let large = post("Transfer-Encoding: chunked", &format!("{}0\r\n\r\n", chunk.repeat(17)));
    let answer = wire::until_close(&gate, large.as_bytes());
    assert_eq!((answer.status, answer.code().as_str()), (413, "PC-0110"));
    std::thread::sleep(Duration::from_millis(100));
    let seen = gate.origin.seen() - before;
    assert!(seen < 17 << 16, "{seen} bytes of a body that is too large went upstream");
    let before = gate.origin.seen();
    let answer = wire::until_close(&gate, post("Content-Length: 1048577", "x").as_bytes());
    assert_eq!((answer.status, gate.origin.seen()), (413, before));
}

#[test]
fn bypass_bytes_of_a_tunnel_before_it_stands() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    passes(&gate, "GET", ORDER, &[&token]);
    let early = "GET /open HTTP/1.1\r\nHost: localhost\r\nX-Early: bytes\r\n\r\n";
    let before = gate.origin.seen();
    for request in [
        format!("CONNECT localhost:443 HTTP/1.1\r\nHost: localhost:443\r\n{token}\r\nConnection: close\r\n\r\n{early}"),
        format!("CONNECT /orders/7 HTTP/1.1\r\nHost: localhost\r\n{token}\r\nConnection: close\r\n\r\n{early}"),
    ] {
        let answer = wire::until_close(&gate, request.as_bytes());
        assert!(matches!(answer.status, 400 | 405), "{request}: {}", answer.status);
        assert_eq!(gate.origin.seen(), before, "the origin saw something of {request}");
    }
    let connect = [(":method", "CONNECT"), (":authority", "localhost:443")];
    let outcome = http2::Connection::open(&gate).ask(1, &connect);
    assert!(!matches!(outcome, Outcome::Answered(200, _)), "{outcome:?}");
    assert_eq!(gate.origin.seen(), before);
    // An upgrade that no route grants is a plain request, and what follows it is another.
    for protocol in ["h2c", "websocket", "TLS/1.0", "anything"] {
        let upgrade = format!(
            "GET {ORDER} HTTP/1.1\r\nHost: localhost\r\n{token}\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\
             Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n{early}"
        );
        let answer = wire::until_close(&gate, upgrade.as_bytes());
        assert_eq!(answer.status, 200, "{protocol}");
        let seen = gate.origin.text();
        assert!(!seen.contains("upgrade") && !seen.contains("http2-settings") && !seen.contains("x-early"), "{seen}");
    }
}

#[test]
fn bypass_bytes_of_a_websocket_before_the_upstream_agreed() {
    let origin = Scripted::start(|_, stream| {
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        let early = stream.read(&mut [0; 64]).is_ok_and(|count| count > 0);
        stream.set_read_timeout(None)?;
        let status = if early { "500 Early" } else { "403 Forbidden" };
        write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
    });
    let api = format!(
        "  - {{ name: w, host: localhost, path: /w, upstream: \"http://{}\", routes: \
         [{{ match: \"GET /w\", public: \"a test\", websocket: {{ origins: [\"https://app.example\"] }} }}] }}\n",
        origin.address
    );
    let gate = Gate::start_with_apis(&api);
    let ask = |early: &str| {
        let head = "GET /w HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        wire::Connection::open(&gate).exchange(format!("{head}{early}").as_bytes()).status
    };
    assert_eq!(ask(""), 403);
    for early in ["\u{1}\u{5}hello", "GET /w HTTP/1.1\r\nHost: localhost\r\n\r\n", "\n\n\n"] {
        assert_eq!(ask(early), 403, "{early:?}");
    }
}

#[test]
fn bypass_many_fields_by_reference() {
    let gate = Gate::start();
    let authorization = format!("Bearer {}", gate.token("orders:read"));
    let head = [pseudo("localhost", ORDER), vec![("authorization", authorization.as_str())]].concat();
    // One entry of the dynamic table (RFC 7541 §6.2.1), then a byte for each field that repeats it.
    let request = |references: usize| {
        let mut block = http2::block(&head);
        block.extend([0x40, 1, b'a', 0]);
        block.extend(std::iter::repeat_n(0xBE, references));
        block
    };
    let ask = |references: usize| {
        let mut connection = http2::Connection::open(&gate);
        let block = request(references);
        let mut frames = block.chunks(16_000).peekable();
        let mut kind = (http2::HEADERS, http2::END_STREAM);
        while let Some(part) = frames.next() {
            let end = if frames.peek().is_none() { http2::END_HEADERS } else { 0 };
            connection.frame(kind.0, kind.1 | end, 1, part);
            kind = (http2::CONTINUATION, 0);
        }
        connection.outcome(1)
    };
    assert!(matches!(ask(20), Outcome::Answered(200, _)));
    let (before, resident) = (gate.origin.seen(), gate.resident_kib());
    for references in [200, 1_000, 15_000, 60_000] {
        let outcome = ask(references);
        assert!(
            matches!(outcome, Outcome::Answered(431, _) | Outcome::Reset(_) | Outcome::GoneAway(_) | Outcome::Closed),
            "{references}: {outcome:?}"
        );
    }
    assert_eq!(gate.origin.seen(), before);
    // What section I of the catalogue allows for any exhaustion.
    let grown = gate.resident_kib().saturating_sub(resident);
    assert!(grown < 16 * 1024, "{grown} KiB");
}

#[test]
fn bypass_forms_of_one_host() {
    let gate = gate_of_tenants();
    let (a, b) = ("a.tenants.localhost", "b.tenants.localhost");
    for host in [a, "A.Tenants.LOCALHOST", "a.tenants.localhost.", "a.tenants.localhost:8443", "a.tenants.localhost.:1"]
    {
        assert_eq!(get_under(&gate, a, None, host).status, 200, "{host}");
    }
    let before = gate.origin.seen();
    for host in [b, "B.tenants.localhost", "b.tenants.localhost.", "b.tenants.localhost:1", "b.tenants.localhost.:443"]
    {
        assert_eq!(get_under(&gate, b, None, host).status, 401, "{host}");
        assert_eq!(get_under(&gate, a, None, host).status, 421, "{host}");
    }
    for host in
        ["a.tenants.localhost..", "a@b.tenants.localhost", "a.tenants.localhost:x", "a.tenants.localhost:1:2", ""]
    {
        assert_eq!(get_under(&gate, a, None, host).status, 400, "{host}");
    }
    assert_eq!(gate.origin.seen(), before);
}

/// An API for an IPv6 literal is that API for every way to write the address, and not the one for any host.
#[test]
fn bypass_forms_of_one_address() {
    let literal = "  - { name: literal, host: \"[::1]\", upstream: \"http://ORIGIN\", authenticate: [jwt: corp], routes: [{ match: \"GET /six\" }] }\n  \
        - { name: any, upstream: \"http://ORIGIN\", routes: [{ match: \"GET /six\", public: \"a test\" }, { match: \"GET /any\", public: \"a test\" }] }\n";
    let gate = Gate::start_changed(|text| text.replacen("monitoring:", &format!("{literal}monitoring:"), 1));
    let ask = |target: &str, host: &str| {
        // A client that asks for an address sends no server name.
        let mut config = wire::config(&gate, None);
        config.enable_sni = false;
        let stream = wire::handshake(gate.address, "localhost", config);
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        wire::until_close_of(stream, request.as_bytes()).status
    };
    assert_eq!(ask("/any", "[2001:db8::1]"), 200);
    let before = gate.origin.seen();
    for host in ["[::1]", "[::1]:443", "[0:0:0:0:0:0:0:1]", "[::0001]", "[0000::1]:443", "[::0.0.0.1]"] {
        assert_eq!(ask("/six", host), 401, "{host}");
    }
    assert_eq!(gate.origin.seen(), before);
}

#[test]
fn bypass_a_wildcard_name_against_host() {
    let gate = gate_of_tenants();
    let (a, b, c) = ("a.tenants.localhost", "b.tenants.localhost", "c.tenants.localhost");
    // One certificate covers them, and neither asks for one of the client's.
    assert_eq!(get_under(&gate, a, None, c).status, 200);
    let before = gate.origin.seen();
    for name in [a, c, "d.tenants.localhost", "localhost"] {
        assert_eq!(get_under(&gate, name, Some("client"), b).status, 421, "{name}");
    }
    assert_eq!(gate.origin.seen(), before);
}

/// Sends a request over TLS whose every byte is a packet of its own until the handshake is done.
fn drip(gate: &Gate, client: Option<&str>, host: &str) -> Answer {
    let mut config = wire::config(gate, client);
    // A ClientHello in records of 32 bytes.
    config.max_fragment_size = Some(32);
    let name = host.to_owned().try_into().unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = TcpStream::connect(gate.address).unwrap();
    socket.set_nodelay(true).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    for byte in hello.chunks(16) {
        socket.write_all(byte).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    let stream = rustls::StreamOwned::new(connection, socket);
    let request = format!("GET {ORDER} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    wire::until_close_of(stream, request.as_bytes())
}

#[test]
fn bypass_a_client_hello_in_fragments() {
    let gate = gate_of_tenants();
    assert_eq!(drip(&gate, None, "a.tenants.localhost").status, 200);
    assert_eq!(drip(&gate, Some("client"), "b.tenants.localhost").status, 200);
    let before = gate.origin.seen();
    assert_eq!(drip(&gate, None, "b.tenants.localhost").status, 401);
    assert_eq!(drip(&gate, Some("stranger"), "b.tenants.localhost").status, 401);
    assert_eq!(gate.origin.seen(), before);
}

#[test]
fn bypass_a_ticket_of_other_rules() {
    let reserved = TcpListener::bind("127.0.0.3:0").unwrap();
    let second: SocketAddr = reserved.local_addr().unwrap();
    drop(reserved);
    let listener = format!(
        "  - address: {second}\n    tls: {{ certificate: server.pem, key: file:server.key, client_certificates: \
         {{ ca: ca.pem, clients: [{{ name: someone, spiffe: \"spiffe://corp.example/stranger\", scopes: [orders:read] }}] }} }}\n"
    );
    let gate = Gate::start_changed(|text| text.replacen("data: data", &format!("{listener}data: data"), 1));
    let config = Arc::new(wire::config(&gate, Some("client")));
    let ask = |address: SocketAddr| {
        let mut stream = wire::handshake(address, "localhost", Arc::clone(&config));
        let request = format!("GET {ORDER} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A close without close_notify still leaves what was read.
        let _ = stream.read_to_end(&mut answer);
        let status = String::from_utf8_lossy(&answer)[9..12].parse::<u16>().unwrap();
        (stream.conn.handshake_kind().unwrap(), status)
    };
    assert_eq!(ask(gate.address), (HandshakeKind::Full, 200));
    assert_eq!(ask(gate.address), (HandshakeKind::Resumed, 200));
    let before = gate.origin.seen();
    let (kind, status) = ask(second);
    assert_ne!(kind, HandshakeKind::Resumed);
    assert_eq!(status, 401);
    // Nor does a ticket outlive a change of the rules that it was made under.
    assert_eq!(ask(gate.address).1, 200);
    let after = gate.origin.seen();
    assert!(after > before);
    let file = gate.folder.path().join("portcullis.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("spiffe://corp.example/billing", "spiffe://corp.example/nobody", 1)).unwrap();
    gate.command(&["reload"]);
    assert_eq!(ask(gate.address).1, 401);
    assert_eq!(gate.origin.seen(), after);
}

#[test]
fn bypass_names_of_another_type_and_keys_of_another_use() {
    let gate = Gate::start();
    assert_eq!(get_under(&gate, "localhost", Some("client"), "localhost").status, 200);
    let before = gate.origin.seen();
    for client in ["as-dns", "as-mail", "two-uris"] {
        let answer = get_under(&gate, "localhost", Some(client), "localhost");
        assert!(matches!(answer.status, 0 | 401), "{client}: {} {}", answer.status, answer.body);
    }
    // The handshake itself fails: nothing is answered.
    assert_eq!(get_under(&gate, "localhost", Some("server-only"), "localhost").status, 0);
    assert_eq!(gate.origin.seen(), before);
}

#[test]
fn bypass_a_certificate_without_its_key() {
    let gate = Gate::start();
    assert_eq!(get_under(&gate, "localhost", Some("client"), "localhost").status, 200);
    let pem = std::fs::read_to_string(gate.folder.path().join("client.pem")).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    for field in [
        format!("X-Client-Cert: {base64}"),
        format!("X-SSL-Client-Cert: {base64}"),
        format!("Client-Cert: :{base64}:"),
        format!("X-Forwarded-Client-Cert: Cert=\"{base64}\";URI=spiffe://corp.example/billing"),
        "X-Forwarded-Client-Cert: URI=spiffe://corp.example/billing".into(),
        "X-SSL-Client-Verify: SUCCESS".into(),
        format!("Authorization: Certificate {base64}"),
    ] {
        gate.refuses(ORDER, &[&field], 401, "PC-0201");
    }
}

#[test]
fn bypass_no_shape_of_request_skips_a_check() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    let chunked = |lines: &str| {
        format!(
            "POST /orders HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        )
    };
    assert_eq!(wire::until_close(&gate, chunked(&format!("{token}\r\n")).as_bytes()).status, 200);
    let before = gate.origin.seen();
    assert_eq!(wire::until_close(&gate, chunked("").as_bytes()).status, 401);
    let websocket =
        ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAA"];
    for lines in [
        &websocket[..],
        &["Content-Type: application/grpc", "TE: trailers"],
        &["Accept: text/event-stream"],
        &["Expect: 100-continue"],
        &["Range: bytes=0-1"],
        &["Origin: https://localhost", "Access-Control-Request-Method: GET"],
    ] {
        refuses(&gate, "GET", ORDER, lines, &[401]);
        refuses(&gate, "POST", "/orders", lines, &[401]);
    }
    // Over HTTP/2 a stream that stays open for a body is decided upon by its head.
    let mut connection = http2::Connection::open(&gate);
    let mut request = pseudo("localhost", "/orders");
    request[0].1 = "POST";
    request.push(("content-type", "application/grpc"));
    connection.frame(http2::HEADERS, http2::END_HEADERS, 1, &http2::block(&request));
    let asked = Instant::now();
    assert!(matches!(connection.outcome(1), Outcome::Answered(401, _)));
    assert!(asked.elapsed() < Duration::from_secs(2));
    assert_eq!(gate.origin.seen(), before);
}

#[test]
fn bypass_templates_are_anchored_and_know_case_and_line_ends() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    passes(&gate, "GET", ORDER, &[&token]);
    passes(&gate, "GET", "/orders/%20", &[&token]);
    for target in ["/x/orders/7", "/orders/7/8", "/ordersx/7", "/xorders/7", "/orders/", "/ORDERS/7", "/"] {
        gate.refuses(target, &[&token], 404, "PC-0108");
    }
    for target in ["/orders/7%0a", "/orders/%0A7", "/open%0a", "/open%0d%0a/../orders/7", "/x%0a/orders/7"] {
        gate.refuses(target, &[&token], 400, "PC-0101");
    }
    for target in ["/orders/7?/open", "/orders/7?x=/open", "/orders/open?"] {
        gate.refuses(target, &[], 401, "PC-0201");
    }
}
