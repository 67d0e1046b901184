//! Who is let in by where they come from.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use running::{Gate, countries};

const API: &str = "    routes:\n";
const PLAIN: &str = "  - address: 127.0.0.2:0\n";

/// One exchange over a connection that a proxy announces; its status, nothing if the connection was closed.
fn proxied(gate: &Gate, source: &str) -> String {
    let mut stream = TcpStream::connect(gate.plain).unwrap();
    let (family, destination) = if source.contains(':') { ("TCP6", "::1") } else { ("TCP4", "127.0.0.1") };
    let request = "GET /open HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    // A gateway that lets nobody in from there closes.
    let _ = stream.write_all(format!("PROXY {family} {source} {destination} 4711 80\r\n{request}").as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.get(9..12).unwrap_or_default().to_owned()
}

#[test]
fn an_api_lets_in_whom_its_rules_allow() {
    let gate = Gate::start_changed(|text| {
        text.replace(API, &format!("    addresses: {{ allow: [192.0.2.0/24], deny: [192.0.2.7/32] }}\n{API}"))
            + "trusted_proxies: [127.0.0.0/8]\n"
    });
    let get = |chain: &str| gate.get("/open", &[&format!("X-Forwarded-For: {chain}")]);
    assert_eq!(get("192.0.2.1").status, 200);
    for chain in ["192.0.2.7", "198.51.100.1", "192.0.2.1, 198.51.100.1"] {
        let refused = get(chain);
        assert_eq!((refused.status, refused.code().as_str()), (403, "PC-0390"), "{chain}");
    }
    gate.refuses("/open", &[], 403, "PC-0390");
}

#[test]
fn what_a_stranger_says_of_its_address_opens_no_api() {
    let gate =
        Gate::start_changed(|text| text.replace(API, &format!("    addresses: {{ allow: [192.0.2.0/24] }}\n{API}")));
    gate.refuses("/open", &["X-Forwarded-For: 192.0.2.1"], 403, "PC-0390");
}

#[test]
fn a_listener_closes_connections_from_elsewhere_and_others_stay_open() {
    let gate = Gate::start_changed(|text| {
        let rules = "    proxy_protocol: { from: [127.0.0.0/8] }\n    addresses: { allow: [192.0.2.0/24], deny: [192.0.2.7/32] }\n";
        text.replace(PLAIN, &format!("{PLAIN}{rules}"))
    });
    assert_eq!(
        [proxied(&gate, "192.0.2.1"), proxied(&gate, "192.0.2.7"), proxied(&gate, "2001:db8::1")],
        ["200", "", ""]
    );
    assert_eq!(gate.get("/open", &[]).status, 200, "another listener has other rules");
    let shut =
        Gate::start_changed(|text| text.replace(PLAIN, &format!("{PLAIN}    addresses: {{ deny: [127.0.0.0/8] }}\n")));
    let mut answer = Vec::new();
    let _ = TcpStream::connect(shut.plain).unwrap().read_to_end(&mut answer);
    assert!(answer.is_empty());
}

#[test]
fn countries_come_from_a_file() {
    let known = [("192.0.2.0/24", "DE"), ("198.51.100.0/24", "FR"), ("2001:db8::/32", "DE")];
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("countries.mmdb");
    fs::write(&file, countries::file(&known)).unwrap();
    let statuses = |rules: &str| {
        let gate = Gate::start_changed(|text| {
            let rules = format!("    proxy_protocol: {{ from: [127.0.0.0/8] }}\n    addresses: {{ {rules} }}\n");
            text.replace(PLAIN, &format!("{PLAIN}{rules}")) + &format!("geoip: {}\n", file.display())
        });
        ["192.0.2.1", "198.51.100.1", "2001:db8::1", "203.0.113.1"].map(|source| proxied(&gate, source))
    };
    assert_eq!(statuses("allow_countries: [DE]"), ["200", "", "200", ""]);
    assert_eq!(statuses("deny_countries: [DE]"), ["", "200", "", "200"]);
    assert_eq!(
        statuses("allow_countries: [DE], allow: [203.0.113.0/24], deny: [192.0.2.1/32]"),
        ["", "", "200", "200"]
    );
}
