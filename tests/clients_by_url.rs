//! Clients that nobody registered: what becomes of the addresses and documents that strangers write.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use running::{
    Answer, Gate,
    site::{Seen, Site, json},
};

/// A gateway that lets such clients in; `rules` are more of `clients_by_url`.
fn gate(site: &Site, rules: &str) -> Gate {
    Gate::start_in(&[("site.pem", &site.ca)], |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls: {{ certificate: server.pem, key: file:server.key }}
identity:
  scopes: {{ "orders:read": "read your orders" }}
  clients_by_url: {{ scopes: ["orders:read"], ca: site.pem{rules} }}
apis:
  - name: orders
    host: localhost
    path: /orders
    upstream: http://{}
    authenticate: [identity]
    routes: [{{ match: "GET /orders/{{id}}", scopes: [orders:read] }}]
monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
"#,
            origin.address
        )
    })
}

const NEAR: &str = ", allow_networks: [127.0.0.0/8, \"::1/128\"]";

fn document(id: &str, more: &str) -> String {
    format!(
        "{{\"client_id\": \"{id}\", \"client_name\": \"Shop\", \"redirect_uris\": [\"https://app.example/back\"]{more}}}"
    )
}

/// A site with a good document at every path but for those that say what they are.
fn site() -> Site {
    Site::start(|seen: &Seen, base| {
        let id = format!("{base}{}", seen.path);
        match seen.path.as_str() {
            "/redirect.json" => {
                format!("HTTP/1.1 302 Found\r\nLocation: {base}/client.json\r\nContent-Length: 0\r\n\r\n")
            }
            "/big.json" => json(&document(&id, &format!(", \"x\": \"{}\"", "a".repeat(5 * 1024)))),
            "/endless.json" => {
                let body = "x".repeat(16 << 20);
                format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{{\"client_id\": \"{body}")
            }
            "/other.json" => json(&document(&format!("{base}/client.json"), "")),
            "/secret.json" => json(&document(&id, ", \"client_secret\": \"hush\"")),
            "/secret_method.json" => json(&document(&id, ", \"token_endpoint_auth_method\": \"client_secret_post\"")),
            _ => json(&document(&id, "")),
        }
    })
}

fn ask(gate: &Gate, id: &str) -> Answer {
    let encode = |text: &str| text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"));
    let target = format!(
        "/oauth2/authorize?client_id={}&redirect_uri={}&response_type=code&scope=orders%3Aread&state=s\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
        encode(id),
        encode("https://app.example/back")
    );
    gate.get(&target, &[])
}

/// It is refused on a page, with these words, and nobody is sent anywhere.
fn assert_refused(answer: &Answer, words: &str) {
    assert_eq!((answer.status, answer.field("location")), (400, None), "{}", answer.head);
    assert!(answer.body.contains(words), "{}", answer.body);
}

#[test]
fn a_document_at_its_own_address_is_a_client_whose_users_log_in() {
    let site = site();
    let gate = gate(&site, NEAR);
    for _ in 0..3 {
        let answer = ask(&gate, &site.at("/client.json"));
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert!(answer.field("location").unwrap().starts_with("/login?return="), "{}", answer.head);
    }
    let seen = site.seen();
    assert_eq!((seen.len(), seen[0].method.as_str()), (1, "GET"), "it is kept: {seen:?}");
    let metadata = gate.get("/.well-known/oauth-authorization-server", &[]).body;
    assert!(metadata.contains("\"client_id_metadata_document_supported\":true"), "{metadata}");
}

#[test]
fn l101_an_address_of_this_machine_or_network_is_not_gone_to() {
    let site = site();
    let gate = gate(&site, "");
    for id in [site.at("/client.json"), site.at("/")] {
        assert_refused(&ask(&gate, &id), "there is no document at the client_id");
    }
    let port = site.address.port();
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"] {
        assert_refused(&ask(&gate, &format!("https://{host}:{port}/client.json")), "the app is not known here");
    }
    let plain = format!("http://localhost:{port}/client.json");
    assert_refused(&ask(&gate, &plain), "the app is not known here");
    assert_eq!(site.connections(), 0, "it was gone to");
}

#[test]
fn f110_a_document_that_is_elsewhere_is_none() {
    let site = site();
    let gate = gate(&site, NEAR);
    assert_refused(&ask(&gate, &site.at("/redirect.json")), "without a redirect");
    let paths: Vec<String> = site.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(paths, ["/redirect.json"], "the redirect was followed");
}

#[test]
fn f111_a_document_that_is_longer_than_one_is_not_read_to_its_end() {
    let site = site();
    let gate = gate(&site, NEAR);
    for path in ["/big.json", "/endless.json"] {
        assert_refused(&ask(&gate, &site.at(path)), "there is no document at the client_id");
    }
    assert!(gate.peak_kib() < 200 << 10, "{} KiB", gate.peak_kib());
}

#[test]
fn f112_the_document_of_another_client_is_refused() {
    let site = site();
    let gate = gate(&site, NEAR);
    assert_refused(&ask(&gate, &site.at("/other.json")), "client_id in the document is not");
}

#[test]
fn f113_a_document_with_a_secret_is_refused() {
    let site = site();
    let gate = gate(&site, NEAR);
    for path in ["/secret.json", "/secret_method.json"] {
        assert_refused(&ask(&gate, &site.at(path)), "holds a secret");
    }
}

#[test]
fn f114_strangers_cannot_make_the_server_flood_a_host() {
    let site = site();
    let gate = gate(&site, NEAR);
    let answers: Vec<Answer> = (0..20).map(|number| ask(&gate, &site.at(&format!("/{number}.json")))).collect();
    let (good, busy): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 303);
    assert!(busy.iter().all(|answer| answer.status == 503), "{:?}", busy.iter().map(|a| a.status).collect::<Vec<_>>());
    // One more may pass in the 10 s that it takes to earn it.
    assert!((6..=8).contains(&good.len()) && site.connections() == good.len(), "{}", site.connections());
    assert_eq!(ask(&gate, &site.at("/0.json")).status, 303, "what is kept is not asked for again");
}

#[test]
fn hosts_that_the_operator_did_not_name_are_not_gone_to() {
    let site = site();
    let gate = gate(&site, &format!("{NEAR}, hosts: [app.example.com]"));
    assert_refused(&ask(&gate, &site.at("/client.json")), "are not taken here");
    assert_eq!(site.connections(), 0);
}

#[test]
fn without_the_key_no_address_is_a_client() {
    let site = site();
    let gate = Gate::start_in(&[], |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls: {{ certificate: server.pem, key: file:server.key }}
identity: {{}}
apis:
  - {{ name: orders, host: localhost, path: /orders, upstream: "http://{}", authenticate: [identity], routes: [{{ match: "GET /orders" }}] }}
"#,
            origin.address
        )
    });
    assert_refused(&ask(&gate, &site.at("/client.json")), "the app is not known here");
    let metadata = gate.get("/.well-known/oauth-authorization-server", &[]).body;
    assert!(metadata.contains("\"client_id_metadata_document_supported\":false"), "{metadata}");
}
