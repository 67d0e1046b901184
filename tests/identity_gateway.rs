//! The built-in authorization server and the gateway in front of it, as one process: tokens that it gives out are taken
//! by APIs, and are dead everywhere once they are revoked.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use aws_lc_rs::digest;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jose::{Algorithm, SigningKey};
use running::{Answer, Gate, echo::Echo, process, unix_now, wire};
use serde_json::{Value, json};

/// A revocation must be seen within 1 s; the rest is a slow machine.
const SOON: Duration = Duration::from_secs(5);

fn gate() -> Gate {
    gate_with(SERVER, "")
}

const SERVER: &str = "{ scopes: { \"orders:read\": \"read your orders\", \"orders:write\": \"change your orders\" } }";

fn gate_with(identity: &str, apis: &str) -> Gate {
    Gate::start_in(&[], |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls: {{ certificate: server.pem, key: file:server.key }}
identity: {identity}
apis:
  - name: orders
    host: localhost
    path: /orders
    upstream: http://{0}
    authenticate: [identity]
    routes:
      - {{ match: "GET /orders/{{id}}", scopes: [orders:read] }}
      - {{ match: "DELETE /orders/{{id}}", acr: aal2, max_age: 5m }}
  - name: other
    host: localhost
    path: /other
    upstream: http://{0}
    authenticate: [identity]
    routes: [{{ match: "GET /other" }}]
{apis}monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
"#,
            origin.address
        )
    })
}

/// A registered service.
struct Service {
    id: String,
    secret: String,
    scope: &'static str,
}

impl Service {
    fn register(gate: &Gate, more: &[&str]) -> Self {
        Self::with_scope(gate, "orders:read", more)
    }

    fn with_scope(gate: &Gate, scope: &'static str, more: &[&str]) -> Self {
        let create = ["client", "create", "-o", "json", "--name", "billing", "--type", "service", "--scope", scope];
        let made: Value = serde_json::from_slice(&gate.command(&[&create, more].concat()).stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { id: text(&made["client"]["id"]), secret: text(&made["secret"]), scope }
    }

    fn ask(&self, gate: &Gate, more: &str, fields: &[&str]) -> Answer {
        let credentials = STANDARD.encode(format!("{}:{}", self.id, self.secret));
        let authorization = format!("Authorization: Basic {credentials}");
        let own = [authorization.as_str(), "Content-Type: application/x-www-form-urlencoded"];
        let body = format!("grant_type=client_credentials&scope={}{more}", self.scope.replace(':', "%3A"));
        wire::request(gate, "POST", "/oauth2/token", &[&own, fields].concat(), &body)
    }

    fn token(&self, gate: &Gate) -> String {
        token_of(&self.ask(gate, "", &[]))
    }
}

fn token_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    json_of(answer)["access_token"].as_str().unwrap().to_owned()
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

fn bearer(gate: &Gate, target: &str, token: &str) -> Answer {
    gate.get(target, &[&format!("Authorization: Bearer {token}")])
}

fn challenge(answer: &Answer) -> &str {
    answer.field("www-authenticate").unwrap_or_default()
}

/// Waits until something is refused.
fn refused_soon(mut ask: impl FnMut() -> Answer) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = ask();
        if answer.status == 401 {
            return answer;
        }
        assert!(begun.elapsed() < SOON, "still {}", answer.status);
        thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a command with something on its standard input.
fn told(gate: &Gate, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(process::binary());
    command.current_dir(gate.folder.path()).args(arguments).args(["-c", "portcullis.yaml"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_token_of_the_built_in_server_reaches_the_api_that_it_is_for() {
    let gate = gate();
    let service = Service::register(&gate, &[]);
    let token = token_of(&service.ask(&gate, "&resource=https%3A%2F%2Flocalhost%2Forders", &[]));
    let answer = bearer(&gate, "/orders/7", &token);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let seen = gate.origin.text();
    assert!(seen.contains(&format!("portcullis-subject: {}", service.id)), "{seen}");
    assert!(!seen.contains(&token), "the token went upstream");

    let before = gate.origin.seen();
    let elsewhere = bearer(&gate, "/other", &token);
    assert_eq!((elsewhere.status, elsewhere.code().as_str()), (401, "PC-0203"), "an audience of another API");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    assert_eq!(bearer(&gate, "/orders/7", &forged).status, 401);
    assert_eq!(gate.origin.seen(), before, "the origin saw a refused request");
}

#[test]
fn a_client_that_is_shut_out_is_refused_within_a_second_and_its_websocket_ends() {
    let echo = Echo::start();
    let live = format!(
        "  - {{ name: live, host: localhost, path: /live, upstream: \"http://{}\", authenticate: [identity], \
         routes: [{{ match: \"GET /live\", websocket: {{ origins: [] }} }}] }}\n",
        echo.address
    );
    let gate = gate_with(SERVER, &live);
    let (service, other) = (Service::register(&gate, &[]), Service::register(&gate, &[]));
    let (token, others) = (service.token(&gate), other.token(&gate));
    assert_eq!(bearer(&gate, "/orders/7", &token).status, 200);
    let mut tunnel = wire::Connection::open(&gate);
    let head = tunnel.switch(
        format!(
            "GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .as_bytes(),
    );
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(tunnel.echo(b"hello").is_some());

    gate.command(&["client", "disable", &service.id]);
    let refused = refused_soon(|| bearer(&gate, "/orders/7", &token));
    assert_eq!(refused.code(), "PC-0203");
    let begun = Instant::now();
    while tunnel.echo(b"still there?").is_some() {
        assert!(begun.elapsed() < SOON, "the tunnel is still open");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(bearer(&gate, "/orders/7", &others).status, 200, "another client's token is as good as before");
    assert_eq!(service.ask(&gate, "", &[]).status, 401, "it gets no more");
}

#[test]
fn a_reference_is_taken_in_place_of_the_token_that_it_stands_for() {
    let gate = gate();
    let service = Service::register(&gate, &["--opaque"]);
    let token = service.token(&gate);
    assert!(token.starts_with("pco_"), "{token}");
    for _ in 0..2 {
        assert_eq!(bearer(&gate, "/orders/7", &token).status, 200);
    }
    let mut junk = token.clone();
    junk.replace_range(10..11, if &token[10..11] == "a" { "b" } else { "a" });
    assert_eq!(bearer(&gate, "/orders/7", &junk).status, 401);
    gate.command(&["client", "disable", &service.id]);
    refused_soon(|| bearer(&gate, "/orders/7", &token));
}

/// A proof of a key for a request.
fn proof(key: &SigningKey, method: &str, url: &str, token: Option<&str>, nonce: Option<&str>) -> String {
    let mut jwk = key.public_jwk();
    for member in ["kid", "alg", "use"] {
        jwk.as_object_mut().unwrap().remove(member);
    }
    let random = URL_SAFE_NO_PAD.encode(SigningKey::generate(Algorithm::Es256).unwrap().kid());
    let mut claims = json!({ "jti": random, "htm": method, "htu": url, "iat": unix_now() });
    if let Some(token) = token {
        claims["ath"] = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, token.as_bytes())).into();
    }
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
    format!("DPoP: {}", key.sign(&header, claims.to_string().as_bytes()).unwrap())
}

#[test]
fn a_token_that_was_given_to_the_holder_of_a_key_is_taken_from_nobody_else() {
    let gate = gate();
    let service = Service::register(&gate, &["--dpop"]);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    let at_server = |nonce: Option<&str>| {
        service.ask(&gate, "", &[&proof(&key, "POST", "https://localhost/oauth2/token", None, nonce)])
    };
    let mut answer = at_server(None);
    if let Some(nonce) = answer.field("dpop-nonce").map(str::to_owned)
        && answer.status != 200
    {
        answer = at_server(Some(&nonce));
    }
    let token = token_of(&answer);
    assert_eq!(json_of(&answer)["token_type"], "DPoP");
    assert_eq!(service.ask(&gate, "", &[]).status, 400, "without a proof there is no token");

    let at_api = |nonce: Option<&str>| {
        let proof = proof(&key, "GET", "https://localhost/orders/7", Some(&token), nonce);
        gate.get("/orders/7", &[&format!("Authorization: DPoP {token}"), &proof])
    };
    let first = at_api(None);
    assert!(challenge(&first).contains("use_dpop_nonce"), "{}", first.head);
    let nonce = first.field("dpop-nonce").unwrap().to_owned();
    assert_eq!(at_api(Some(&nonce)).status, 200);
    assert_eq!(bearer(&gate, "/orders/7", &token).status, 401, "as a bearer token");
}

#[test]
fn a_route_that_asks_for_a_better_log_in_says_which() {
    let gate = gate();
    let token = Service::register(&gate, &[]).token(&gate);
    let before = gate.origin.seen();
    let authorization = format!("Authorization: Bearer {token}");
    let answer = wire::request(&gate, "DELETE", "/orders/7", &[&authorization], "");
    assert_eq!((answer.status, answer.code().as_str()), (401, "PC-0210"));
    for part in ["error=\"insufficient_user_authentication\"", "acr_values=\"aal2\"", "max_age=300"] {
        assert!(challenge(&answer).contains(part), "{part}: {}", answer.head);
    }
    assert_eq!(gate.origin.seen(), before);
}

#[test]
fn clients_find_their_way_from_a_refusal_to_a_token() {
    let tools = "  - { name: tools, host: localhost, path: /mcp, mcp: true, upstream: \"http://127.0.0.1:9\", \
                 authenticate: [identity], routes: [{ match: \"POST /mcp\", scopes: [orders:read] }] }\n";
    let gate = gate_with(SERVER, tools);
    let refused = gate.get("/orders/7", &[]);
    assert_eq!(refused.status, 401);
    let pointer = "resource_metadata=\"https://localhost/.well-known/oauth-protected-resource/orders\"";
    assert!(challenge(&refused).contains(pointer), "{}", refused.head);
    assert!(refused.head.contains("www-authenticate: DPoP "), "{}", refused.head);

    let resource = gate.get("/.well-known/oauth-protected-resource/orders", &["Origin: https://app.example"]);
    assert_eq!((resource.status, resource.field("access-control-allow-origin")), (200, Some("*")));
    let resource = json_of(&resource);
    assert_eq!(resource["resource"], "https://localhost/orders");
    assert_eq!(resource["authorization_servers"], json!(["https://localhost"]));
    assert_eq!(resource["scopes_supported"], json!(["orders:read"]));
    assert_eq!(resource["bearer_methods_supported"], json!(["header"]));

    for place in ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"] {
        let server = gate.get(place, &["Origin: https://app.example"]);
        assert_eq!((server.status, server.field("access-control-allow-origin")), (200, Some("*")), "{place}");
        assert_eq!(json_of(&server)["issuer"], "https://localhost");
    }
    let keys = json_of(&gate.get("/oauth2/jwks", &[]));
    assert!(!keys["keys"].as_array().unwrap().is_empty());
    assert!(!keys.to_string().contains("\"d\""), "a private key is published");

    let mcp = wire::request(&gate, "POST", "/mcp", &[], "{}");
    assert!(challenge(&mcp).contains("scope=\"orders:read\""), "{}", mcp.head);
    assert!(challenge(&mcp).contains("oauth-protected-resource/mcp\""), "{}", mcp.head);
    let writer = Service::with_scope(&gate, "orders:write", &[]);
    let authorization = format!("Authorization: Bearer {}", writer.token(&gate));
    let forbidden = wire::request(&gate, "POST", "/mcp", &[&authorization], "{}");
    assert_eq!((forbidden.status, forbidden.code().as_str()), (403, "PC-0301"));
    for part in ["error=\"insufficient_scope\"", "scope=\"orders:read\"", "resource_metadata="] {
        assert!(challenge(&forbidden).contains(part), "{part}: {}", forbidden.head);
    }
}

#[test]
fn pages_of_the_server_keep_their_own_policy_and_get_the_gateways_fields() {
    let gate = gate();
    let page = gate.get("/login", &[]);
    assert_eq!(page.status, 200, "{}", page.body);
    let policy = page.field("content-security-policy").unwrap();
    assert!(policy.contains("style-src") && policy.contains("frame-ancestors 'none'"), "{policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ] {
        assert_eq!(page.field(name), Some(value), "{name}");
    }
    assert!(page.field("x-request-id").is_some());
    assert!(page.field("set-cookie").unwrap().starts_with("__Host-"), "{}", page.head);
    // An API's answers keep the strict one.
    let refused = gate.get("/orders/7", &[]);
    assert_eq!(refused.field("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
    assert!(refused.field("permissions-policy").unwrap().contains("publickey-credentials-get=()"));
    // The gateway's own rules hold for them too.
    let long = "a".repeat(70_000);
    assert_eq!(wire::request(&gate, "POST", "/oauth2/token", &[], &long).status, 413);
    assert_eq!(wire::request(&gate, "DELETE", "/oauth2/token", &[], "").status, 405);
    assert_eq!(gate.get("/oauth2/token", &["X_User: root"]).status, 400);
}

#[test]
fn pages_of_registered_browser_clients_alone_may_call_the_token_endpoint() {
    let gate = gate();
    let create =
        ["client", "create", "--name", "app", "--type", "browser", "--redirect-uri", "https://app.example/back"];
    gate.command(&create);
    let preflight = |origin: &str| {
        let fields = [&format!("Origin: {origin}"), "Access-Control-Request-Method: POST"].map(ToString::to_string);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        wire::request(&gate, "OPTIONS", "/oauth2/token", &fields, "")
    };
    let begun = Instant::now();
    while preflight("https://app.example").field("access-control-allow-origin") != Some("https://app.example") {
        assert!(begun.elapsed() < SOON, "the new client's page may not ask");
        thread::sleep(Duration::from_millis(50));
    }
    for origin in ["https://evil.example", "null", "https://app.example.evil.example", "http://app.example"] {
        let answer = preflight(origin);
        assert_eq!((answer.status, answer.field("access-control-allow-origin")), (403, None), "{origin}");
    }
}

#[test]
fn a_token_is_judged_in_plain_words() {
    let gate = gate();
    let service = Service::register(&gate, &[]);
    let token = service.token(&gate);
    let check = |token: &str| {
        let output = told(&gate, &["token", "check"], token);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, words) = check(&format!("{token}\n"));
    assert_eq!(code, Some(0), "{words}");
    assert!(words.starts_with("valid: good for "), "{words}");
    let (code, words) = check("pcr_abc");
    assert_eq!(code, Some(3));
    assert!(words.contains("refresh token"), "{words}");
    gate.command(&["client", "disable", &service.id]);
    let (code, words) = check(&token);
    assert_eq!(
        (code, words.as_str()),
        (Some(3), "not valid: it was revoked: itself, or its grant, session, client or user\n")
    );
}

#[test]
fn a_user_begins_by_a_link_and_nobody_has_a_password_before() {
    let gate = gate();
    let made = gate.command(&["user", "create", "--name", "ada"]);
    let link = String::from_utf8(made.stdout).unwrap();
    let path = link.trim().strip_prefix("https://localhost").unwrap();
    assert!(path.starts_with("/invitation/") && path.contains("pci_"), "{path}");
    assert_eq!(gate.get(path, &[]).status, 200);
    let listed = String::from_utf8(gate.command(&["user", "list"]).stdout).unwrap();
    assert!(listed.contains("ada"), "{listed}");
    gate.command(&["user", "disable", "ada"]);
    let listed: Value = serde_json::from_slice(&gate.command(&["user", "list", "-o", "json"]).stdout).unwrap();
    assert_eq!(listed["users"][0]["disabled"], true);
    let sessions: Value =
        serde_json::from_slice(&gate.command(&["session", "list", "ada", "-o", "json"]).stdout).unwrap();
    assert_eq!(sessions["sessions"], json!([]));
}

#[test]
fn a_file_says_what_clients_there_are() {
    let gate = gate();
    let file = gate.folder.path().join("identity.yaml");
    let write = |uri: &str| {
        let text = format!(
            "clients:\n  shop:\n    type: web\n    name: Shop\n    redirect_uris: [\"{uri}\"]\n    scopes: [orders:read]\n\
             \n  nightly: {{ type: service, scopes: [orders:read] }}\n"
        );
        fs::write(&file, text).unwrap();
    };
    write("https://shop.example/back");
    let diff = || {
        let output = told(&gate, &["identity", "diff", "identity.yaml"], "");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(diff(), (Some(3), "nightly is new\nshop is new\n".to_owned()));
    let applied = gate.command(&["identity", "apply", "identity.yaml"]);
    let secrets = String::from_utf8(applied.stdout).unwrap();
    assert_eq!(secrets.matches("client_secret pcs_").count(), 2, "{secrets}");
    assert_eq!(diff(), (Some(0), String::new()), "what was applied differs no more");
    write("https://shop.example/after");
    let (code, said) = diff();
    assert_eq!(code, Some(3));
    assert!(said.starts_with("shop redirect_uris: "), "{said}");
    let again = gate.command(&["identity", "apply", "identity.yaml"]);
    assert!(!String::from_utf8(again.stdout).unwrap().contains("secret"), "an old client keeps its secret");
    assert_eq!(diff().0, Some(0));
    fs::write(&file, "clients: { shop: { type: web, redirect_uri: x } }").unwrap();
    let wrong = told(&gate, &["identity", "diff", "identity.yaml"], "");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("there is no `redirect_uri`"));
}

#[test]
fn without_its_master_key_a_server_that_has_sealed_keys_does_not_start() {
    let mut gate = gate();
    gate.command(&["client", "list"]);
    gate.stop();
    let key = gate.folder.path().join("data/identity-master.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o400);
    fs::remove_file(&key).unwrap();
    let output = told(&gate, &["serve"], "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("identity-master.key is missing") && said.contains("restore the file"), "{said}");
    assert!(!key.exists(), "a new key would open nothing");
}

#[test]
fn the_gateway_routes_all_that_the_server_answers() {
    let routes = config::Identity::routes();
    for route in identity::ROUTES {
        let (methods, template) = route.split_once(' ').unwrap();
        let segments: Vec<&str> = template.split('/').skip(1).collect();
        let takes = |rule: &config::Route| {
            let same = rule.template.segments.iter().zip(&segments).all(|(own, theirs)| match own {
                config::Segment::Literal(text) => text == theirs,
                config::Segment::Parameter(_) => theirs.starts_with('{'),
                config::Segment::Rest(_) => true,
            });
            let rest = matches!(rule.template.segments.last(), Some(config::Segment::Rest(_)));
            let long = rule.template.segments.len() == segments.len()
                || rest && rule.template.segments.len() <= segments.len() + 1;
            let config::Methods::These(list) = &rule.methods else { return false };
            same && long && methods.split(',').all(|method| list.iter().any(|own| own.as_str() == method))
        };
        assert!(routes.iter().any(takes), "{route}");
    }
}

#[test]
fn a_client_proves_itself_with_a_certificate_that_says_what_was_registered() {
    let gate = Gate::start_in(&[], |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls:
      certificate: server.pem
      key: file:server.key
      client_certificates: {{ ca: ca.pem }}
identity: {SERVER}
apis:
  - name: orders
    host: localhost
    path: /orders
    upstream: http://{}
    authenticate: [identity]
    routes: [{{ match: "GET /orders/{{id}}", scopes: [orders:read] }}]
"#,
            origin.address
        )
    });
    let create = ["client", "create", "-o", "json", "--type", "service", "--scope", "orders:read", "--name"];
    let made = |name: &str, more: &[&str]| {
        let output = told(&gate, &[&create, &[name][..], more].concat(), "");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice::<Value>(&output.stdout).map_err(|_| told)
    };
    let ask = |client: &Value, certificate: Option<&str>| {
        let id = client["client"]["id"].as_str().unwrap();
        let body = format!("grant_type=client_credentials&client_id={id}");
        let head = "POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                    Content-Type: application/x-www-form-urlencoded";
        let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let stream = wire::handshake(gate.address, "localhost", wire::config(&gate, certificate));
        wire::until_close_of(stream, request.as_bytes()).status
    };
    let by_name = made("a", &["--certificate-name", "spiffe://corp.example/billing"]).unwrap();
    let by_subject = made("b", &["--certificate-subject", "CN=rcgen self signed cert"]).unwrap();
    let by_another = made("c", &["--certificate-subject", "CN=billing,O=Example"]).unwrap();
    let own = made("d", &["--certificate", gate.folder.path().join("client.pem").to_str().unwrap()]).unwrap();
    for client in [&by_name, &by_subject, &by_another, &own] {
        assert!(client["secret"].is_null(), "{client}");
    }
    assert_eq!((ask(&by_name, Some("client")), ask(&by_name, Some("stranger"))), (200, 401));
    assert_eq!((ask(&by_subject, Some("client")), ask(&by_another, Some("client"))), (200, 401));
    assert_eq!((ask(&own, Some("client")), ask(&own, Some("stranger"))), (200, 401));
    assert_eq!(ask(&by_name, None), 401);

    let fapi = made("e", &["--fapi", "--certificate-name", "spiffe://corp.example/billing"]).unwrap();
    assert_eq!(ask(&fapi, Some("client")), 400, "the profile asks for a token that is bound");
    let bound = ["--fapi", "--certificate-name", "spiffe://corp.example/billing", "--certificate-bound"];
    assert_eq!(ask(&made("f", &bound).unwrap(), Some("client")), 200);
    let refused = made("g", &["--fapi"]).unwrap_err();
    assert!(refused.contains("--jwks") && refused.contains("--certificate-subject"), "{refused}");
    let wrong = made("h", &["--certificate-subject", "billing"]).unwrap_err();
    assert!(wrong.contains("RFC 4514"), "{wrong}");
}
