//! Rows of the attack catalogue over real sockets, by their ids, each with its positive twin.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use jose::{Algorithm, SigningKey};
use running::{Gate, claims, issuer::Issuer, unix_now, wire};
use serde_json::{Value, json};

const ORDER: &str = "/orders/7";

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn accepts(gate: &Gate, fields: &[&str]) {
    let before = gate.origin.seen();
    let answer = gate.get(ORDER, fields);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(gate.origin.seen() > before, "the origin saw nothing of an accepted request");
}

fn refuses_token(gate: &Gate, token: &str) {
    gate.refuses(ORDER, &[&bearer(token)], 401, "PC-0203");
}

/// A token like a valid one, but for a change in its claims.
fn changed(gate: &Gate, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = claims("orders:read");
    change(&mut claims);
    gate.issuer.sign_jwt("at+jwt", &claims).unwrap()
}

fn with_header(gate: &Gate, header: &Value) -> String {
    gate.issuer.sign(header, claims("orders:read").to_string().as_bytes()).unwrap()
}

#[test]
fn c38_forwarding_fields_of_clients_are_rebuilt() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    let forged = [
        "X-Forwarded-For: 192.0.2.66",
        "X-Forwarded-Prefix: /admin",
        "Forwarded: for=192.0.2.66",
        "X-Real-IP: 192.0.2.66",
    ];
    accepts(&gate, &[[token.as_str()].as_slice(), &forged].concat());
    let seen = gate.origin.text();
    assert!(!seen.contains("192.0.2.66") && !seen.contains("x-forwarded-prefix"), "{seen}");
    assert!(seen.contains("x-forwarded-for: 127.0.0.1") && seen.contains("x-forwarded-proto: https"), "{seen}");
}

#[test]
fn c38_every_line_of_a_trusted_proxy_is_kept_in_its_order() {
    let gate = Gate::start_changed(|text| text + "trusted_proxies: [127.0.0.1/32]\n");
    let token = bearer(&gate.token("orders:read"));
    // The first is the client's, the second the proxy's own, which is the one to be believed.
    accepts(&gate, &[&token, "X-Forwarded-For: 192.0.2.66", "X-Forwarded-For: 198.51.100.7"]);
    let seen = gate.origin.text();
    assert!(seen.contains("x-forwarded-for: 192.0.2.66, 198.51.100.7, 127.0.0.1"), "{seen}");
    assert_eq!(seen.matches("x-forwarded-for").count(), 1, "{seen}");
}

#[test]
fn c40_identity_fields_of_clients_are_stripped_and_aliases_refused() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    accepts(
        &gate,
        &[&token, "Portcullis-Subject: root", "PORTCULLIS-IDENTITY: forged", "X-User: root", "Remote-User: root"],
    );
    let seen = gate.origin.text();
    assert!(!seen.contains("root") && !seen.contains("forged"), "{seen}");
    assert!(seen.contains("portcullis-subject: user-1"), "{seen}");
    for alias in ["Portcullis_Subject: root", "Portcullis.Subject: root", "X_User: root"] {
        gate.refuses(ORDER, &[&token, alias], 400, "PC-0102");
    }
}

#[test]
fn c41_two_credentials_are_refused() {
    let gate = Gate::start();
    let token = bearer(&gate.token("orders:read"));
    let (_, key) = gate.key("orders:read");
    let key = format!("X-API-Key: {key}");
    accepts(&gate, &[&token]);
    accepts(&gate, &[&key]);
    gate.refuses(ORDER, &[&token, &token], 400, "PC-0103");
    gate.refuses(ORDER, &[&token, "Authorization: Basic dTpw"], 400, "PC-0103");
    gate.refuses(ORDER, &[&token, &key], 400, "PC-0113");
    gate.refuses(ORDER, &["Authorization: Basic dTpw"], 401, "PC-0201");
}

#[test]
fn d47_alg_none_and_empty_signatures_are_refused() {
    let gate = Gate::start();
    let good = gate.token("orders:read");
    accepts(&gate, &[&bearer(&good)]);
    for name in ["none", "None", "NONE"] {
        let header = B64.encode(json!({ "alg": name }).to_string());
        refuses_token(&gate, &format!("{header}.{}.", B64.encode(claims("orders:read").to_string())));
    }
    refuses_token(&gate, &format!("{}.", good.rsplit_once('.').unwrap().0));
}

#[test]
fn d48_a_public_key_as_hmac_secret_is_refused() {
    let gate = Gate::start();
    let secret = SigningKey::from_secret(gate.issuer.public_jwk().to_string().as_bytes()).unwrap();
    let header = json!({ "alg": "HS256", "kid": gate.issuer.kid() });
    refuses_token(&gate, &secret.sign(&header, claims("orders:read").to_string().as_bytes()).unwrap());
    accepts(&gate, &[&bearer(&gate.token("orders:read"))]);
}

#[test]
fn d49_keys_that_a_token_brings_are_never_followed() {
    let gate = Gate::start();
    let mine = SigningKey::generate(Algorithm::Es256).unwrap();
    let url = format!("http://{}/keys", gate.origin.address);
    for header in [
        json!({ "alg": "ES256", "jwk": mine.public_jwk() }),
        json!({ "alg": "ES256", "jku": url }),
        json!({ "alg": "ES256", "x5u": url }),
        json!({ "alg": "ES256", "x5c": ["AA=="] }),
    ] {
        refuses_token(&gate, &mine.sign(&header, claims("orders:read").to_string().as_bytes()).unwrap());
        refuses_token(&gate, &with_header(&gate, &header));
    }
}

#[test]
fn d50_a_strange_kid_is_refused() {
    let gate = Gate::start();
    for kid in ["../../../../etc/passwd", "' OR '1'='1", "/dev/zero"] {
        refuses_token(&gate, &with_header(&gate, &json!({ "alg": "ES256", "kid": kid })));
    }
    let long = with_header(&gate, &json!({ "alg": "ES256", "kid": "k".repeat(20_000) }));
    refuses_token(&gate, &long);
    accepts(&gate, &[&bearer(&with_header(&gate, &json!({ "alg": "ES256" })))]);
}

#[test]
fn d52_a_short_hmac_secret_is_refused_when_the_configuration_loads() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("portcullis.yaml");
    for (secret, accepted) in [("", false), ("short", false), ("0123456789abcdef0123456789abcdef", true)] {
        std::fs::write(folder.path().join("secret"), secret).unwrap();
        std::fs::write(
            &file,
            "listeners: [{ address: 127.0.0.1:0 }]\nissuers: { c: { issuer: \"https://i.example\", audience: a, algorithms: [HS256], secret: file:secret } }\n\
             apis: [{ name: a, upstream: \"http://127.0.0.1:9\", authenticate: [jwt: c], routes: [{ match: \"GET /a\" }] }]\n",
        )
        .unwrap();
        let check = std::process::Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["check", "-c"])
            .arg(&file)
            .output()
            .unwrap();
        assert_eq!(check.status.success(), accepted, "{secret:?}: {}", String::from_utf8_lossy(&check.stdout));
    }
}

#[test]
fn d54_duplicate_members_are_refused() {
    let gate = Gate::start();
    let exp = unix_now() + 300;
    let once = format!(r#"{{"iss":"https://issuer.example","aud":"api","exp":{exp},"scope":"orders:read"}}"#);
    let twice = once.replacen('{', r#"{"iss":"https://evil.example","#, 1);
    let sign = |claims: &str| gate.issuer.sign(&json!({ "alg": "ES256" }), claims.as_bytes()).unwrap();
    accepts(&gate, &[&bearer(&sign(&once))]);
    refuses_token(&gate, &sign(&twice));
}

#[test]
fn d55_times_must_be_whole_and_there() {
    let gate = Gate::start();
    let exp = unix_now() + 300;
    refuses_token(&gate, &changed(&gate, |c| c["exp"] = json!(exp.to_string())));
    refuses_token(&gate, &changed(&gate, |c| c["nbf"] = json!("0")));
    refuses_token(&gate, &changed(&gate, |c| c["exp"] = json!(-1)));
    refuses_token(&gate, &changed(&gate, |c| drop(c.as_object_mut().unwrap().remove("exp"))));
    refuses_token(&gate, &changed(&gate, |c| c["exp"] = json!(unix_now() - 120)));
    refuses_token(&gate, &changed(&gate, |c| c["nbf"] = json!(unix_now() + 120)));
    let huge = r#"{"iss":"https://issuer.example","aud":"api","exp":1e400,"scope":"orders:read"}"#;
    refuses_token(&gate, &gate.issuer.sign(&json!({ "alg": "ES256" }), huge.as_bytes()).unwrap());
    accepts(&gate, &[&bearer(&gate.token("orders:read"))]);
}

#[test]
fn d56_audience_and_issuer_match_exactly() {
    let gate = Gate::start();
    for audience in ["apis", "ap", "API", "api/"] {
        refuses_token(&gate, &changed(&gate, |c| c["aud"] = json!(audience)));
    }
    refuses_token(&gate, &changed(&gate, |c| c["iss"] = json!("https://issuer.example/")));
    accepts(&gate, &[&bearer(&changed(&gate, |c| c["aud"] = json!(["x", "api"])))]);
}

#[test]
fn d58_base64url_has_one_form() {
    let gate = Gate::start();
    let good = gate.token("orders:read");
    accepts(&gate, &[&bearer(&good)]);
    let (head, last) = good.split_at(good.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.as_bytes()[alphabet.find(last).unwrap() + 1];
    for bad in [
        format!("{good}="),
        format!("{head}{}", char::from(next)),
        good.replacen('.', ". ", 1),
        good.replacen('.', "=.", 1),
    ] {
        refuses_token(&gate, &bad);
    }
}

#[test]
fn d59_d61_encrypted_tokens_are_refused_alike_and_at_once() {
    let gate = Gate::start();
    let mut bodies = Vec::new();
    for header in [
        json!({ "alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2_147_483_648_u64, "p2s": "AAAA" }),
        json!({ "alg": "RSA1_5", "enc": "A128GCM" }),
    ] {
        for parts in ["AA.AA.AA.AA", "AA.AA"] {
            let answer = gate.get(ORDER, &[&bearer(&format!("{}.{parts}", B64.encode(header.to_string())))]);
            assert_eq!(answer.status, 401);
            let mut body: Value = serde_json::from_str(&answer.body).unwrap();
            body["request_id"] = Value::Null;
            bodies.push(body);
        }
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn d62_nested_and_huge_tokens_are_refused() {
    let gate = Gate::start();
    let mut nested = gate.token("orders:read");
    for _ in 0..20 {
        nested =
            gate.issuer.sign(&json!({ "alg": "ES256", "cty": "JWT" }), nested.get(..200).unwrap().as_bytes()).unwrap();
    }
    refuses_token(&gate, &nested);
    let answer = gate.get(ORDER, &[&bearer(&"a".repeat(1 << 20))]);
    assert!(matches!(answer.status, 431 | 0), "{}", answer.status);
    accepts(&gate, &[&bearer(&gate.token("orders:read"))]);
}

#[test]
fn d63_strange_kids_cause_one_fetch_a_cool_down() {
    let issuer = Issuer::start();
    let gate = Gate::start_with_issuer(&issuer);
    let sign = |kid: &str, key: &SigningKey| {
        let header = json!({ "alg": "ES256", "kid": kid });
        let issuer = format!("http://{}", issuer.address);
        let claims = json!({ "iss": issuer, "aud": "api", "sub": "u", "exp": unix_now() + 300 });
        key.sign(&header, claims.to_string().as_bytes()).unwrap()
    };
    let request = |token: &str| format!("GET /fetched HTTP/1.1\r\nHost: localhost\r\n{}\r\n\r\n", bearer(token));
    let mut connection = wire::Connection::open(&gate);
    let good = request(&sign(issuer.key.kid(), &issuer.key));
    assert_eq!(connection.exchange(good.as_bytes()).status, 200);
    let forger = SigningKey::generate(Algorithm::Es256).unwrap();
    for number in 0..10_000 {
        let answer = connection.exchange(request(&sign(&format!("kid-{number}"), &forger)).as_bytes());
        assert_eq!(answer.code(), "PC-0203");
    }
    assert!((1..=2).contains(&issuer.fetched()), "the keys were fetched {} times", issuer.fetched());
    assert_eq!(connection.exchange(good.as_bytes()).status, 200);
}

#[test]
fn d64_a_kid_is_bound_to_its_issuer() {
    let gate = Gate::start();
    let as_other = changed(&gate, |c| c["iss"] = json!("https://other.example"));
    refuses_token(&gate, &as_other);
    accepts(&gate, &[&bearer(&gate.token("orders:read"))]);
}

#[test]
fn e65_a_key_in_the_url_is_refused_and_never_logged() {
    let gate = Gate::start();
    let (_, key) = gate.key("orders:read");
    accepts(&gate, &[&format!("X-API-Key: {key}")]);
    for target in [
        format!("{ORDER}?api_key={key}"),
        format!("{ORDER}?x={key}"),
        format!("{ORDER}?access_token=a"),
        format!("/orders/{key}"),
    ] {
        gate.refuses(&target, &[&format!("X-API-Key: {key}")], 401, "PC-0204");
    }
    std::thread::sleep(Duration::from_millis(500));
    let log = std::fs::read_to_string(&gate.log).unwrap();
    assert_eq!(log.lines().count(), 5, "{log}");
    assert!(!log.contains(&key), "{log}");
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
}

#[test]
fn e66_keys_that_are_not_whole_are_refused() {
    let gate = Gate::start();
    let (_, key) = gate.key("orders:read");
    accepts(&gate, &[&format!("X-API-Key: {key}")]);
    accepts(&gate, &[&bearer(&key)]);
    let (body, last) = key.split_at(key.len() - 1);
    let other = if last == "A" { "B" } else { "A" };
    let flipped: String = key
        .chars()
        .map(|c| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect();
    for bad in ["pck_live_", &format!("{body}{other}"), &flipped, &format!("{key}%00"), &format!("{key}A"), ""] {
        gate.refuses(ORDER, &[&format!("X-API-Key: {bad}")], 401, "PC-0202");
    }
}

#[test]
fn e67_a_revoked_key_is_refused_within_a_second_on_an_open_connection() {
    let gate = Gate::start();
    let (id, key) = gate.key("orders:read");
    let request = format!("GET {ORDER} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n");
    let mut connection = wire::Connection::open(&gate);
    assert_eq!(connection.exchange(request.as_bytes()).status, 200);
    gate.command(&["key", "revoke", &id]);
    let revoked = Instant::now();
    while connection.exchange(request.as_bytes()).status == 200 {
        assert!(revoked.elapsed() < Duration::from_secs(1), "the key still works");
    }
    assert_eq!(connection.exchange(request.as_bytes()).code(), "PC-0202");
}
