//! Roles and policies, on the example in `examples/orders`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use running::{Answer, Gate, origin::Scripted, unix_now, wire};
use serde_json::{Value, json};
use tempfile::TempDir;

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/orders")
}

fn read(name: &str) -> String {
    fs::read_to_string(example().join(name)).unwrap()
}

/// The example in front of an origin, with a change to its configuration.
struct Orders {
    gate: Gate,
    origin: Scripted,
    /// Files of policies that a test may change.
    files: TempDir,
}

impl Orders {
    fn start() -> Self {
        Self::start_changed(&|_, text| text)
    }

    /// `change` is asked for each file of the example.
    fn start_changed(change: &dyn Fn(&str, String) -> String) -> Self {
        let origin = Scripted::start(|target, stream| {
            let body = match target {
                "/profiles/notes/alices" => r#"{"owner":"alice","text":"mine"}"#,
                "/profiles/notes/bobs" => r#"{"owner":"bob","text":"his secret"}"#,
                "/profiles/notes/nobodys" => r#"{"text":"whose?"}"#,
                _ => r#"{"number":42,"total":1.10,"cost":7}"#,
            };
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        });
        let files = TempDir::new().unwrap();
        for name in ["roles.yaml", "orders.cedar", "cases.yaml"] {
            fs::write(files.path().join(name), change(name, read(name))).unwrap();
        }
        let text = change("portcullis.yaml", read("portcullis.yaml"));
        let upstream = format!("http://{}", origin.address);
        let folder = files.path().to_owned();
        let gate = Gate::start_changed(move |standard| configuration(&standard, &text, &upstream, &folder));
        Self { gate, origin, files }
    }

    fn token(&self, more: &Value) -> String {
        let now = unix_now();
        let mut claims = json!({
            "iss": "https://login.example.com", "aud": "api", "iat": now, "exp": now + 300,
            "scope": "orders:read orders:write",
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.gate.issuer.sign_jwt("at+jwt", &claims).unwrap()
    }

    fn reader(&self) -> String {
        self.token(&json!({ "sub": "alice", "roles": ["order-readers"], "tenant": "acme" }))
    }

    fn clerk(&self) -> String {
        self.token(&json!({ "sub": "carol", "roles": ["order-clerks"], "tenant": "acme" }))
    }

    fn get(&self, token: &str, target: &str) -> Answer {
        self.gate.get(target, &[&format!("Authorization: Bearer {token}")])
    }

    fn post(&self, token: &str, target: &str, body: &str) -> Answer {
        let fields = [&format!("Authorization: Bearer {token}"), "Content-Type: application/json"];
        wire::request(&self.gate, "POST", target, &fields, body)
    }
}

/// The example's configuration with the listeners and files of a test.
fn configuration(standard: &str, example: &str, upstream: &str, files: &Path) -> String {
    let listeners = &standard[standard.find("listeners:").unwrap()..standard.find("data:").unwrap()];
    let monitoring = &standard[standard.find("monitoring:").unwrap()..];
    let rest = &example[example.find("issuers:").unwrap()..example.find("monitoring:").unwrap()];
    let mut rest = rest.replace("http://127.0.0.1:9000", upstream);
    for name in ["roles.yaml", "orders.cedar", "cases.yaml", "candidate.cedar"] {
        rest = rest.replace(name, files.join(name).to_str().unwrap());
    }
    format!("{listeners}data: data\n{rest}{monitoring}")
}

#[test]
fn the_example_decides_as_its_list_of_calls_says() {
    let orders = Orders::start();
    let folder = TempDir::new().unwrap();
    let role = |role: &str| json!({ "sub": "alice", "roles": [role], "tenant": "acme" });
    let mut mfa = role("order-clerks");
    mfa["acr"] = json!("mfa");
    let mut unscoped = role("order-readers");
    unscoped["scope"] = json!("orders:write");
    for (name, claims) in [
        ("reader", role("order-readers")),
        ("clerk", role("order-clerks")),
        ("clerk-mfa", mfa),
        ("admin", json!({ "sub": "root" })),
        ("auditor", json!({ "sub": "dave", "groups": ["audit"], "department": "finance" })),
        ("sales", json!({ "sub": "dave", "groups": ["audit"], "department": "sales" })),
        ("unscoped", unscoped),
        // The claim says `reader`, which is a role of ours, but not a value that is mapped to one.
        ("roleless", role("reader")),
        ("member", role("members")),
    ] {
        fs::write(folder.path().join(format!("{name}.token")), orders.token(&claims)).unwrap();
    }
    let url = format!("http://{}", orders.gate.plain);
    let output = Command::new("sh").arg(example().join("calls.sh")).arg(url).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "26 calls\n");
    let seen = orders.origin.requests();
    assert_eq!(seen.len(), 10 + 2, "answers of 200, and the two notes that were judged by their answer");
}

/// The binary on the example, in a folder of its own.
fn run(arguments: &[&str], change: &dyn Fn(&str, String) -> String) -> (Output, TempDir) {
    let folder = TempDir::new().unwrap();
    for name in ["portcullis.yaml", "roles.yaml", "orders.cedar", "cases.yaml"] {
        fs::write(folder.path().join(name), read(name)).unwrap();
        let changed = change(name, read(name));
        fs::write(
            folder.path().join(name.replace('.', "-new.")),
            changed.replace(".yaml", "-new.yaml").replace(".cedar", "-new.cedar"),
        )
        .unwrap();
    }
    let key = jose::SigningKey::generate(jose::Algorithm::Es256).unwrap();
    fs::write(folder.path().join("jwks.json"), json!({ "keys": [key.public_jwk()] }).to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    let output = command.current_dir(folder.path()).env("NO_COLOR", "1").args(arguments).output().unwrap();
    (output, folder)
}

fn shown(arguments: &[&str], change: &dyn Fn(&str, String) -> String) -> String {
    let (output, _folder) = run(arguments, change);
    format!("exit {}\n{}", output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout))
}

fn as_it_is(_: &str, text: String) -> String {
    text
}

#[test]
fn policy_commands_on_the_example() {
    insta::assert_snapshot!("policy_test", shown(&["policy", "test", "-c", "portcullis.yaml"], &as_it_is));
    insta::assert_snapshot!("policy_matrix", shown(&["policy", "matrix", "-c", "portcullis.yaml"], &as_it_is));
    let why = ["policy", "why", "-c", "portcullis.yaml", "--principal", "User::alice", "--role", "reader"];
    let about = ["--tenant", "globex", "--action", "orders.getOrder", "--resource", "/orders/acme/42"];
    insta::assert_snapshot!("policy_why_denied", shown(&[&why[..], &about].concat(), &as_it_is));
    let root = ["policy", "why", "-c", "portcullis.yaml", "--principal", "User::root"];
    insta::assert_snapshot!("policy_why_bound", shown(&[&root[..], &about[2..]].concat(), &as_it_is));
    let csv = shown(&["policy", "matrix", "-c", "portcullis.yaml", "-o", "csv"], &as_it_is);
    assert!(csv.contains("role admin,orders.cancelOrder,allow,permit role:admin#1"), "{csv}");
    let html = shown(&["policy", "matrix", "-c", "portcullis.yaml", "-o", "html"], &as_it_is);
    assert!(html.contains("<!doctype html>"), "{html}");
    let schema = shown(&["policy", "print", "-c", "portcullis.yaml"], &as_it_is);
    assert!(schema.contains("action \"orders.getOrder\" in [\"orders.read\"]"), "{schema}");
}

#[test]
fn a_widened_policy_makes_diff_exit_with_3_and_name_who_gains_what() {
    let wider = |name: &str, text: String| match name {
        "roles.yaml" => text.replace("{ operations: [orders.read], where: [tenant] }", "operations: [orders.read]"),
        "portcullis.yaml" => text.replace("roles: [admin] }", "roles: [admin, member] }"),
        _ => text.replace("expect: deny\n    by: []", "expect: allow"),
    };
    let diff = ["policy", "diff", "portcullis.yaml", "portcullis-new.yaml"];
    insta::assert_snapshot!("policy_diff_wider", shown(&diff, &wider));
    insta::assert_snapshot!("diff_wider", shown(&diff[1..], &wider));
    let narrower = |name: &str, text: String| match name {
        "roles.yaml" => text.replace("[createOrder, cancelOrder]", "[createOrder]"),
        _ => text,
    };
    let told = shown(&diff, &narrower);
    assert!(told.starts_with("exit 0\n") && told.contains("role clerk loses: orders.cancelOrder"), "{told}");
    assert!(shown(&diff, &as_it_is).starts_with("exit 0\nno change"));
}

#[test]
fn a_route_that_policies_no_longer_decide_over_is_a_widening() {
    let off = |name: &str, text: String| match name {
        "portcullis.yaml" => text
            .replace("    owner: subject\n", "    owner: subject\n    policies: { off: \"for now\" }\n")
            .replace("        object: { owner: /owner }\n", ""),
        "roles.yaml" => text
            .replace(
                "  member:\n    permissions:\n      - { operations: [profiles], where: [owner] }\n",
                "  member: {}\n",
            )
            .replace(", getProfile", ""),
        "cases.yaml" => text.split("  - name: a profile").next().unwrap().to_owned(),
        _ => text,
    };
    let told = shown(&["diff", "portcullis.yaml", "portcullis-new.yaml"], &off);
    assert!(told.starts_with("exit 3\n") && told.contains("policies decide -> policies do not decide"), "{told}");
}

#[test]
fn policies_with_mistakes_are_refused_with_file_and_line() {
    let bad = |name: &str, text: String| match name {
        "orders.cedar" => {
            text + "\n@id(\"a\") permit (principal, action == Action::\"orders.getOrdre\", resource);\n\
                    @id(\"b\") permit (principal, action == Action::\"orders.getOrder\", resource) when { resource.number > 5 };\n\
                    @id(\"c\") permit (principal, action, resource) when { principal.departement == \"x\" };\n"
        }
        _ => text,
    };
    insta::assert_snapshot!("mistakes_in_cedar", shown(&["check", "-c", "portcullis-new.yaml"], &bad));
    let failing = |name: &str, text: String| match name {
        "cases.yaml" => text.replacen("expect: allow", "expect: deny", 1),
        _ => text,
    };
    insta::assert_snapshot!("failing_case", shown(&["policy", "check", "-c", "portcullis-new.yaml"], &failing));
    let told = shown(&["policy", "test", "-c", "portcullis-new.yaml"], &failing);
    assert!(told.starts_with("exit 3\n") && told.contains("8 passed, 1 failed"), "{told}");
}

#[test]
fn a_reload_with_a_failing_case_leaves_the_old_policies_whole() {
    let orders = Orders::start();
    let token = orders.reader();
    assert_eq!(orders.get(&token, "/orders/acme/42").status, 200);
    let roles = orders.files.path().join("roles.yaml");
    // It permits everything to readers, and a case says otherwise.
    let wider = read("roles.yaml").replace("{ operations: [orders.read], where: [tenant] }", "operations: [orders]");
    fs::write(&roles, wider).unwrap();
    let reload = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["reload", "-c", "portcullis.yaml"]).current_dir(orders.gate.folder.path()).output().unwrap()
    };
    let output = reload();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("PC-1912"), "{output:?}");
    assert_eq!(orders.post(&token, "/orders/acme", r#"{"amount":1}"#).code(), "PC-0303");
    // A good one takes effect at once, also for what was decided before.
    fs::write(
        &roles,
        read("roles.yaml").replace("operations: [orders.read], where", "operations: [listOrders], where"),
    )
    .unwrap();
    fs::write(orders.files.path().join("cases.yaml"), "cases: []\n").unwrap();
    assert!(reload().status.success());
    assert_eq!(orders.get(&token, "/orders/acme/42").code(), "PC-0303");
    assert_eq!(orders.get(&token, "/orders/acme").status, 200);
}

#[test]
fn a_forbid_that_fails_denies_and_is_reported() {
    let failing = |name: &str, text: String| match name {
        "orders.cedar" => {
            text + "@id(\"overflows\") forbid (principal, action == Action::\"orders.createOrder\", resource) \
                    when { context.body has amount && context.body.amount * 4611686018427387904 == 7 };\n"
        }
        "cases.yaml" => "cases: []\n".to_owned(),
        _ => text,
    };
    let orders = Orders::start_changed(&failing);
    let answer = orders.post(&orders.clerk(), "/orders/acme", r#"{"amount":2}"#);
    assert_eq!((answer.status, answer.code().as_str()), (403, "PC-0304"));
    assert!(!answer.body.contains("overflows"));
    assert!(orders.origin.requests().is_empty());
    let explained = orders.gate.command(&["explain", answer.field("x-request-id").unwrap(), "-o", "json"]);
    let story: Value = serde_json::from_slice(&explained.stdout).unwrap();
    assert!(story["faults"][0].as_str().unwrap().contains("policy overflows"), "{story}");
    // Where it does not fail it does not hold, and nothing else forbids.
    assert_eq!(orders.post(&orders.clerk(), "/orders/acme", r#"{"amount":0}"#).status, 200);
}

#[test]
fn a_denial_tells_the_caller_reasons_and_the_operator_policies() {
    let orders = Orders::start();
    let answer = orders.post(&orders.clerk(), "/orders/acme", r#"{"amount":20000}"#);
    let problem: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(problem["code"], "PC-0303");
    assert_eq!(problem["reason"], json!(["Orders above 10000 need a second factor."]));
    assert_eq!(problem["advice"], json!(["Sign in again with a second factor."]));
    assert!(!answer.body.contains("large-orders"), "ids are not for callers: {}", answer.body);
    let id = answer.field("x-request-id").unwrap();
    let why = String::from_utf8(orders.gate.command(&["policy", "why", id]).stdout).unwrap();
    assert!(why.contains("forbidden by large-orders-need-a-second-factor") && why.contains("is 20000"), "{why}");
    // By default: nearest, and what is missing.
    let answer = orders.get(&orders.reader(), "/orders/globex/42");
    assert!(!answer.body.contains("reason") && !answer.body.contains("role:"), "{}", answer.body);
    let id = answer.field("x-request-id").unwrap();
    let why = String::from_utf8(orders.gate.command(&["policy", "why", id]).stdout).unwrap();
    assert!(why.contains("needs resource.tenant == principal.tenant"), "{why}");
    let allowed = orders.get(&orders.reader(), "/orders/acme/42");
    let id = allowed.field("x-request-id").unwrap();
    let why = String::from_utf8(orders.gate.command(&["policy", "why", id]).stdout).unwrap();
    assert!(why.starts_with("allow") && why.contains("role:reader#1"), "{why}");
    let logged = || fs::read_to_string(&orders.gate.log).unwrap_or_default();
    while !logged().contains("role:reader#1") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(logged().contains(r#""policies":["large-orders-need-a-second-factor"]"#), "{}", logged());
}

#[test]
fn a_body_that_was_judged_is_forwarded_as_it_came() {
    let origin = |name: &str, text: String| match name {
        "portcullis.yaml" => text.replacen("upstream: http://127.0.0.1:9000", "upstream: http://ORIGIN", 1),
        _ => text,
    };
    let orders = Orders::start_changed(&origin);
    let token = orders.clerk();
    let body = "{ \"amount\" : 1.0e1 ,\"note\":\"\\u00e9\" }";
    // Not a whole number as JSON writes it here, so that the policy cannot read it: refused whole.
    assert_eq!(orders.post(&token, "/orders/acme", body).code(), "PC-0304");
    let body = "{ \"amount\" : 10 ,\"note\":\"\\u00e9\" , \"price\": 1.10 }";
    assert_eq!(orders.post(&token, "/orders/acme", body).status, 200);
    assert!(orders.gate.origin.raw_text().ends_with(body), "{}", orders.gate.origin.raw_text());
    let head = format!(
        "POST /orders/acme HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    let chunked = |parts: &[&str]| {
        let chunks: Vec<String> = parts.iter().map(|part| format!("{:x}\r\n{part}\r\n", part.len())).collect();
        wire::raw(&orders.gate, format!("{head}{}0\r\n\r\n", chunks.concat()).as_bytes())
    };
    // What is beyond the first piece counts.
    assert_eq!(chunked(&["{\"amount\":1", "0001}"]).code(), "PC-0303");
    assert_eq!(chunked(&["{\"amount\":1,", "\"amount\":10001}"]).code(), "PC-0305");
    assert_eq!(chunked(&["{\"amount\":", "7}"]).status, 200);
    assert!(orders.gate.origin.raw_text().ends_with("{\"amount\":7}"), "{}", orders.gate.origin.raw_text());
    for (kind, body, code) in [
        ("text/plain", "{\"amount\":1}", "PC-0305"),
        ("application/json; charset=utf-16", "{\"amount\":1}", "PC-0305"),
        ("application/json", "[1]", "PC-0305"),
        ("application/json", "{\"amount\":1} {\"amount\":10001}", "PC-0305"),
    ] {
        let fields = [&format!("Authorization: Bearer {token}"), &format!("Content-Type: {kind}") as &str];
        assert_eq!(wire::request(&orders.gate, "POST", "/orders/acme", &fields, body).code(), code, "{kind} {body}");
    }
    let deep = format!("{{\"amount\":1,\"x\":{}1{}}}", "[".repeat(40), "]".repeat(40));
    assert_eq!(orders.post(&token, "/orders/acme", &deep).code(), "PC-0305");
}

#[test]
fn a_field_that_policies_read_counts_and_is_none_if_the_upstream_does_not_see_it() {
    let orders = Orders::start();
    let token = format!("Authorization: Bearer {}", orders.clerk());
    let post = |fields: &[&str]| {
        let fields = [&[token.as_str(), "Content-Type: application/json"], fields].concat();
        wire::request(&orders.gate, "POST", "/orders/acme", &fields, r#"{"amount":1}"#).code()
    };
    assert_eq!(post(&["X-Channel: web"]), "");
    assert_eq!(post(&["X-Channel: kiosk"]), "PC-0303");
    // Which of the two the upstream takes, nobody knows.
    assert_eq!(post(&["X-Channel: web", "X-Channel: kiosk"]), "PC-0304");
}

#[test]
fn an_object_is_judged_before_any_of_it_leaves() {
    let orders = Orders::start();
    let member = orders.token(&json!({ "sub": "alice", "roles": ["members"] }));
    let mine = orders.get(&member, "/profiles/notes/alices");
    assert_eq!((mine.status, mine.body.as_str()), (200, r#"{"owner":"alice","text":"mine"}"#));
    for target in ["/profiles/notes/bobs", "/profiles/notes/nobodys"] {
        let others = orders.get(&member, target);
        assert_eq!(others.status, 403, "{target}");
        assert!(!others.body.contains("secret") && !others.body.contains("whose"), "{}", others.body);
    }
    assert_eq!(orders.get(&member, "/profiles/notes/nobodys").code(), "PC-0304");
    // Who can never be allowed does not reach the upstream.
    let before = orders.origin.requests().len();
    assert_eq!(orders.get(&orders.reader(), "/profiles/notes/alices").code(), "PC-0303");
    let head = wire::request(
        &orders.gate,
        "HEAD",
        "/profiles/notes/alices",
        &[&format!("Authorization: Bearer {member}")],
        "",
    );
    assert_eq!(head.status, 405);
    assert_eq!(orders.origin.requests().len(), before);
}

#[test]
fn members_of_an_answer_are_for_the_roles_that_see_them() {
    let orders = Orders::start();
    let answer = orders.get(&orders.reader(), "/orders/acme/42");
    assert_eq!(answer.body, r#"{"number":42,"total":1.10}"#);
    let root = orders.token(&json!({ "sub": "root" }));
    assert_eq!(orders.get(&root, "/orders/acme/42").body, r#"{"number":42,"total":1.10,"cost":7}"#);
}

#[test]
fn a_key_has_the_roles_of_its_record() {
    let orders = Orders::start();
    let create = |more: &[&str]| {
        let words = ["key", "create", "-o", "json", "--owner", "billing", "--name", "n", "--scope", "orders:read"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(words)
            .args(more)
            .args(["-c", "portcullis.yaml"])
            .current_dir(orders.gate.folder.path())
            .output()
            .unwrap()
    };
    let made: Value = serde_json::from_slice(&create(&["--role", "reader", "--tenant", "acme"]).stdout).unwrap();
    assert_eq!(made["record"]["roles"], json!(["reader"]));
    let field = format!("X-API-Key: {}", made["key"].as_str().unwrap());
    assert_eq!(orders.gate.get("/orders/acme/42", &[&field]).status, 200);
    assert_eq!(orders.gate.get("/orders/globex/42", &[&field]).code(), "PC-0303");
    let plain: Value = serde_json::from_slice(&create(&[]).stdout).unwrap();
    let field = format!("X-API-Key: {}", plain["key"].as_str().unwrap());
    assert_eq!(orders.gate.get("/orders/acme/42", &[&field]).code(), "PC-0303");
    let unknown = create(&["--role", "raeder"]);
    assert!(!unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("Did you mean `reader`?"));
    let listed = String::from_utf8(orders.gate.command(&["key", "list"]).stdout).unwrap();
    assert!(listed.contains("ROLES") && listed.contains("acme"), "{listed}");
}

#[test]
fn services_ask_for_decisions_with_a_scope() {
    let orders = Orders::start();
    let (_, key) = orders.gate.key("policy:evaluate");
    let ask = |key: &str, body: &Value| {
        let fields = [&format!("X-API-Key: {key}"), "Content-Type: application/json"];
        wire::request(&orders.gate, "POST", "/access/v1/evaluation", &fields, &body.to_string())
    };
    let question = |tenant: &str| {
        json!({
            "subject": { "type": "user", "id": "alice", "properties": { "roles": ["reader"], "tenant": tenant } },
            "action": { "name": "orders.getOrder" },
            "resource": { "type": "order", "id": "/orders/acme/42", "properties": { "tenant": "acme", "number": 42 } },
        })
    };
    let answer = ask(&key, &question("acme"));
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(
        (answer.status, &told["decision"], &told["context"]["policies"]),
        (200, &json!(true), &json!(["role:reader#1"]))
    );
    let told: Value = serde_json::from_str(&ask(&key, &question("globex")).body).unwrap();
    assert_eq!(told["decision"], json!(false));
    // What the configuration binds counts as well.
    let root = json!({
        "subject": { "type": "user", "id": "root" }, "action": { "name": "orders.cancelOrder" },
        "resource": { "type": "order", "id": "/orders/acme/42", "properties": { "tenant": "acme", "number": "42" } },
    });
    let told: Value = serde_json::from_str(&ask(&key, &root).body).unwrap();
    assert_eq!(told["decision"], json!(true), "{told}");
    let unknown = json!({ "subject": { "type": "user", "id": "a" }, "action": { "name": "x" }, "resource": { "type": "t", "id": "/" } });
    let told: Value = serde_json::from_str(&ask(&key, &unknown).body).unwrap();
    assert_eq!(told["decision"], json!(false));
    assert_eq!(ask(&key, &json!({ "subject": {} })).code(), "PC-0307");
    let (_, other) = orders.gate.key("orders:read");
    assert_eq!(ask(&other, &question("acme")).code(), "PC-0301");
    assert!(orders.origin.requests().is_empty());
}

#[test]
fn a_candidate_is_counted_and_logged_and_never_decides() {
    let candidate = |name: &str, text: String| match name {
        "portcullis.yaml" => text.replace("policies:\n", "policies:\n  shadow: { cedar: [candidate.cedar] }\n"),
        _ => text,
    };
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("all.cedar");
    fs::write(&path, "@id(\"everybody\") permit (principal, action in Action::\"orders.read\", resource);\n").unwrap();
    let path = path.to_str().unwrap().to_owned();
    let orders = Orders::start_changed(&|name, text| candidate(name, text).replace("candidate.cedar", &path));
    assert_eq!(orders.get(&orders.reader(), "/orders/globex/42").status, 403);
    assert_eq!(orders.get(&orders.reader(), "/orders/acme/42").status, 200);
    assert_eq!(orders.post(&orders.clerk(), "/orders/acme", r#"{"amount":1}"#).status, 200);
    let metrics = orders.gate.monitor("/metrics", "localhost");
    for (route, outcome) in [
        ("GET /orders/{tenant}/{number}", "would_allow"),
        ("GET /orders/{tenant}/{number}", "agrees"),
        ("POST /orders/{tenant}", "would_deny"),
    ] {
        let line = format!(
            "portcullis_policy_shadow_total{{portcullis_api=\"orders\",http_route=\"{route}\",outcome=\"{outcome}\"}} 1"
        );
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    let logged = || fs::read_to_string(&orders.gate.log).unwrap_or_default();
    while !logged().contains(r#""shadow":"allow by everybody""#) || !logged().contains(r#""shadow":"deny by default""#)
    {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
