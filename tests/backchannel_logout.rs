//! A client is told over the network that a session ended, and one that does not answer holds nobody up.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use jose::{Compact, JwkSet};
use running::{
    Answer, Gate,
    site::{Seen, Site},
    wire,
};
use serde_json::{Value, json};

/// A slow machine's time for what is done in the background.
const SOON: Duration = Duration::from_secs(20);
/// Less than the server waits for.
const SLOW: Duration = Duration::from_secs(3);
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn gate(site: &Site, logout: &str) -> Gate {
    Gate::start_in(&[("site.pem", &site.ca)], |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls: {{ certificate: server.pem, key: file:server.key }}
identity: {{ backchannel_logout: {{ ca: site.pem{logout} }} }}
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

const NEAR: &str = ", allow_networks: [127.0.0.0/8, \"::1/128\"]";

/// A browser: cookies, and the page that is shown.
#[derive(Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
    page: String,
}

impl Browser {
    fn get(&mut self, gate: &Gate, target: &str) -> Answer {
        self.send(gate, "GET", target, "")
    }

    /// Sends a form with the token of the page that is shown.
    fn post(&mut self, gate: &Gate, target: &str, form: &str) -> Answer {
        let form = self.page.split("<form ").find(|one| one.contains(&format!("action=\"{target}\""))).map(|one| {
            let token = one.split_once("name=\"csrf\" value=\"").unwrap().1.split_once('"').unwrap().0;
            format!("csrf={token}&{form}")
        });
        self.send(gate, "POST", target, &form.unwrap_or_else(|| panic!("no form for {target} on {}", self.page)))
    }

    fn send(&mut self, gate: &Gate, method: &str, target: &str, body: &str) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookie = format!("Cookie: {}", cookies.join("; "));
        let mut fields = vec!["Content-Type: application/x-www-form-urlencoded"];
        if !cookies.is_empty() {
            fields.push(&cookie);
        }
        let answer = wire::request(gate, method, target, &fields, body);
        for line in answer.head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, value) = line.split_once(';').unwrap().0.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        if !answer.body.is_empty() {
            self.page.clone_from(&answer.body);
        }
        answer
    }
}

fn command(gate: &Gate, arguments: &[&str]) -> Value {
    let output = gate.command(&[arguments, &["-o", "json"]].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// A user who is logged in, and what a client that wants to be told was given there: an ID token.
fn logged_in(gate: &Gate, told_at: &str) -> (Browser, Value, Value) {
    let user = command(gate, &["user", "create", "--name", "ada"]);
    let link = user["link"].as_str().unwrap().strip_prefix("https://localhost").unwrap().to_owned();
    let mut browser = Browser::default();
    browser.get(gate, &link);
    let secret = link.split_once("link=").unwrap().1;
    let form = format!("link={secret}&password=seven+purple+hedgehogs");
    assert_eq!(browser.post(gate, "/invitation/password", &form).status, 303);
    let create = ["client", "create", "--name", "Shop", "--type", "browser", "--first-party", "--scope", "openid"];
    let client = ["--redirect-uri", "https://shop.example/back", "--backchannel-logout-uri", told_at];
    let client = command(gate, &[create.as_slice(), &client].concat())["client"].clone();
    let id = client["id"].as_str().unwrap();
    let asked = format!(
        "/oauth2/authorize?client_id={id}&redirect_uri=https%3A%2F%2Fshop.example%2Fback&response_type=code&scope=openid\
         &code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let answer = browser.get(gate, &asked);
    let code = answer.field("location").unwrap().split_once("code=").unwrap().1.split('&').next().unwrap().to_owned();
    let form = format!("grant_type=authorization_code&client_id={id}&code={code}&code_verifier={VERIFIER}");
    let tokens = Browser::default().send(gate, "POST", "/oauth2/token", &form);
    let tokens: Value = serde_json::from_str(&tokens.body).unwrap();
    let id_token = Compact::parse(tokens["id_token"].as_str().unwrap()).unwrap();
    (browser, client, serde_json::from_slice(id_token.payload()).unwrap())
}

fn wait(site: &Site, count: usize) -> Vec<Seen> {
    let begun = Instant::now();
    while site.seen().len() < count {
        assert!(begun.elapsed() < SOON, "{:?}", site.seen());
        thread::sleep(Duration::from_millis(20));
    }
    site.seen()
}

#[test]
fn a_client_is_told_which_session_ended_by_a_token_that_the_servers_keys_verify() {
    let site = Site::start(|_, _| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned());
    let gate = gate(&site, NEAR);
    let (_browser, client, id_token) = logged_in(&gate, &site.at("/out"));
    command(&gate, &["session", "revoke", "ada"]);
    let seen = wait(&site, 1);
    assert_eq!((seen[0].method.as_str(), seen[0].path.as_str()), ("POST", "/out"));
    let token = Compact::parse(seen[0].body.strip_prefix("logout_token=").unwrap()).unwrap();
    let keys = gate.get("/oauth2/jwks", &[]).body;
    token.verify(&JwkSet::parse(keys.as_bytes()).unwrap()).unwrap();
    assert_eq!(token.kind(), Some("logout+jwt"));
    let claims: Value = serde_json::from_slice(token.payload()).unwrap();
    assert_eq!((&claims["aud"], &claims["iss"]), (&client["id"], &json!("https://localhost")));
    assert_eq!((&claims["sid"], &claims["sub"]), (&id_token["sid"], &id_token["sub"]));
    thread::sleep(Duration::from_secs(3));
    assert_eq!(site.seen().len(), 1, "it was taken, and is not told again");
}

#[test]
fn a_client_that_does_not_answer_delays_no_logout_and_is_told_after_a_restart() {
    let first = AtomicBool::new(true);
    let site = Site::start(move |_, _| {
        if first.swap(false, Ordering::SeqCst) {
            thread::sleep(SLOW);
            return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".to_owned();
        }
        "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
    });
    let mut gate = gate(&site, NEAR);
    let (mut browser, _, _) = logged_in(&gate, &site.at("/out"));
    browser.get(&gate, "/logout");
    let begun = Instant::now();
    assert_eq!(browser.post(&gate, "/logout", "").status, 200);
    assert!(begun.elapsed() < SLOW, "logging out took {:?}", begun.elapsed());
    wait(&site, 1);
    // Its answer comes, and the next try is put down.
    thread::sleep(SLOW + Duration::from_secs(1));
    gate.stop();
    assert_eq!(site.seen().len(), 1);
    let _again = running::Process::start(gate.folder.path(), &["serve", "-c", "portcullis.yaml"]);
    wait(&site, 2);
}

#[test]
fn a_client_within_the_network_is_told_only_where_the_operator_says_so() {
    let site = Site::start(|_, _| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned());
    let gate = gate(&site, "");
    let (_browser, _, _) = logged_in(&gate, &site.at("/out"));
    command(&gate, &["session", "revoke", "ada"]);
    thread::sleep(Duration::from_secs(4));
    assert_eq!(site.connections(), 0, "it was gone to");
}
