//! The pages of the built-in authorization server, as a browser gets them through the gateway.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use running::{Answer, Gate, wire};

const PAGES: [&str; 3] = ["/login", "/login/passkey", "/invitation/open?link=nobodys"];

fn gate() -> Gate {
    Gate::start_in(&[], |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls: {{ certificate: server.pem, key: file:server.key }}
identity: {{}}
apis:
  - name: orders
    host: localhost
    path: /orders
    upstream: http://{}
    authenticate: [identity]
    routes: [{{ match: "GET /orders" }}]
monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
"#,
            origin.address
        )
    })
}

/// Sends the login form.
fn log_in(gate: &Gate, token: &str, cookie: &str, fields: &[&str]) -> Answer {
    let cookie = format!("Cookie: {cookie}");
    let own = [cookie.as_str(), "Content-Type: application/x-www-form-urlencoded"];
    let body = format!("csrf={token}&name=anna&password=seven+purple+hedgehogs");
    wire::request(gate, "POST", "/login", &[&own, fields].concat(), &body)
}

fn token(page: &Answer) -> &str {
    page.body.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0
}

fn cookie(page: &Answer) -> &str {
    page.field("set-cookie").unwrap().split_once(';').unwrap().0
}

#[test]
fn f81_a_login_that_another_site_sends_is_refused_and_no_page_is_framed() {
    let gate = gate();
    let (own, other) = (gate.get("/login", &[]), gate.get("/login", &[]));
    assert_eq!(own.status, 200, "{}", own.body);
    for (token, what) in [("", "without a token"), (token(&other), "with the token of another browser")] {
        assert_eq!(log_in(&gate, token, cookie(&own), &[]).status, 403, "{what}");
    }
    for foreign in ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site"] {
        assert_eq!(log_in(&gate, token(&own), cookie(&own), &[foreign]).status, 403, "{foreign}");
    }
    // Nobody is called so here, but the form itself is taken.
    assert_eq!(log_in(&gate, token(&own), cookie(&own), &["Sec-Fetch-Site: same-origin"]).status, 422);
    for page in PAGES {
        let answer = gate.get(page, &[]);
        let policy = answer.field("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{page}: {policy}");
        assert_eq!(answer.field("x-frame-options"), Some("DENY"), "{page}");
    }
}

#[test]
fn pages_keep_the_headers_that_they_set_and_say_each_of_them_once() {
    let gate = gate();
    for page in PAGES {
        let answer = gate.get(page, &[]);
        for name in [
            "strict-transport-security",
            "x-content-type-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "cross-origin-embedder-policy",
            "cross-origin-resource-policy",
            "permissions-policy",
            "content-security-policy",
            "cache-control",
        ] {
            let head = answer.head.to_ascii_lowercase();
            assert_eq!(
                head.lines().filter(|line| line.starts_with(&format!("{name}:"))).count(),
                1,
                "{page}: {name} in {head}"
            );
        }
        assert_eq!(answer.field("referrer-policy"), Some("no-referrer"), "{page}");
        let policy = answer.field("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self'") && policy.contains("/assets/style.css"), "{page}: {policy}");
    }
    let passkeys = gate.get("/login/passkey", &[]);
    let permitted = passkeys.field("permissions-policy").unwrap();
    assert!(permitted.contains("publickey-credentials-get=(self)"), "browsers must be allowed to ask: {permitted}");
}

#[test]
fn what_pages_load_is_there() {
    let gate = gate();
    let page = gate.get("/login/passkey", &[]);
    for (before, kind) in [("href=\"/assets/", "text/css"), ("src=\"/assets/", "text/javascript")] {
        let path = page.body.split_once(before).unwrap().1.split_once('"').unwrap().0;
        let asset = gate.get(&format!("/assets/{path}"), &[]);
        assert_eq!(asset.status, 200, "{path}");
        assert!(asset.field("content-type").unwrap().starts_with(kind), "{path}");
        assert!(asset.field("cache-control").unwrap().contains("immutable"), "{path}");
    }
}
