//! Rows of the attack catalogue about tokens that belong to one sender: proofs of a key, and client certificates.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{fs, thread, time::Duration};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jose::{Algorithm, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, SerialNumber, date_time_ymd,
};
use running::{Answer, Gate, claims, echo::Echo, unix_now, wire};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};

const PATH: &str = "/orders/7";

fn bound(gate: &Gate, cnf: &Value) -> String {
    let mut claims = claims("orders:read");
    claims["cnf"] = cnf.clone();
    gate.issuer.sign_jwt("at+jwt", &claims).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, bytes))
}

/// A client that holds a key, and has a token that is bound to it.
struct Holder {
    key: SigningKey,
    token: String,
    nonce: String,
}

impl Holder {
    fn new(gate: &Gate) -> Self {
        let key = SigningKey::generate(Algorithm::Es256).unwrap();
        let token = bound(gate, &json!({ "jkt": key.kid() }));
        let mut holder = Self { key, token, nonce: String::new() };
        // The first proof cannot know a nonce; the answer tells one.
        let answer = holder.show(gate, |_| {});
        assert_eq!(answer.status, 401, "{}", answer.body);
        holder.nonce = answer.field("dpop-nonce").map(str::to_owned).unwrap();
        holder
    }

    /// Claims of a proof for a request to [`PATH`].
    fn claims(&self) -> Value {
        json!({
            "jti": format!("{:x}", rand()),
            "htm": "GET",
            "htu": format!("https://localhost{PATH}"),
            "iat": unix_now(),
            "ath": sha256(self.token.as_bytes()),
            "nonce": self.nonce,
        })
    }

    fn proof(&self, claims: &Value) -> String {
        let mut jwk = self.key.public_jwk();
        for member in ["kid", "alg", "use"] {
            jwk.as_object_mut().unwrap().remove(member);
        }
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk });
        self.key.sign(&header, claims.to_string().as_bytes()).unwrap()
    }

    fn show(&self, gate: &Gate, change: impl FnOnce(&mut Value)) -> Answer {
        let mut claims = self.claims();
        change(&mut claims);
        self.send(gate, &self.proof(&claims))
    }

    fn send(&self, gate: &Gate, proof: &str) -> Answer {
        gate.get(PATH, &[&format!("Authorization: DPoP {}", self.token), &format!("DPoP: {proof}")])
    }
}

fn rand() -> u128 {
    use std::hash::{BuildHasher, RandomState};
    u128::from(RandomState::new().hash_one(0)) << 64 | u128::from(RandomState::new().hash_one(1))
}

fn challenge(answer: &Answer) -> &str {
    answer.field("www-authenticate").unwrap_or_default()
}

#[test]
fn g82_proofs_that_are_replayed_or_for_another_request() {
    let gate = Gate::start();
    let holder = Holder::new(&gate);
    let other = Holder::new(&gate);
    let before = gate.origin.seen();
    let now = unix_now();
    let wrong: Vec<(&str, Answer)> = vec![
        ("htu of another path", holder.show(&gate, |claims| claims["htu"] = "https://localhost/orders/8".into())),
        ("htu of another host", holder.show(&gate, |claims| claims["htu"] = "https://evil.example/orders/7".into())),
        ("htu without TLS", holder.show(&gate, |claims| claims["htu"] = "http://localhost/orders/7".into())),
        ("htm of another method", holder.show(&gate, |claims| claims["htm"] = "POST".into())),
        ("ath of another token", holder.show(&gate, |claims| claims["ath"] = sha256(b"another").into())),
        ("no ath", holder.show(&gate, |claims| drop(claims.as_object_mut().unwrap().remove("ath")))),
        ("iat 5 min ago", holder.show(&gate, |claims| claims["iat"] = (now - 300).into())),
        ("iat in 5 min", holder.show(&gate, |claims| claims["iat"] = (now + 300).into())),
        ("no jti", holder.show(&gate, |claims| drop(claims.as_object_mut().unwrap().remove("jti")))),
        ("another's key", holder.send(&gate, &other.proof(&holder.claims()))),
        ("junk", holder.send(&gate, "a.b.c")),
        ("none", gate.get(PATH, &[&format!("Authorization: DPoP {}", holder.token)])),
    ];
    for (name, answer) in wrong {
        assert_eq!((answer.status, answer.code().as_str()), (401, "PC-0208"), "{name}");
        assert!(challenge(&answer).starts_with("DPoP "), "{name}: {}", answer.head);
        assert!(challenge(&answer).contains("error=\"invalid_dpop_proof\""), "{name}: {}", answer.head);
    }
    assert_eq!(gate.origin.seen(), before, "the origin saw a refused request");

    let proof = holder.proof(&holder.claims());
    assert_eq!(holder.send(&gate, &proof).status, 200);
    let again = holder.send(&gate, &proof);
    assert_eq!((again.status, again.code().as_str()), (401, "PC-0208"), "a proof came twice");
    assert!(challenge(&again).contains("error=\"invalid_dpop_proof\""), "{}", again.head);
    assert_eq!(gate.origin.text().matches("get /orders/7 ").count(), 1, "the replay went upstream");
    // The letters alone may be in any token, by chance.
    let text = gate.origin.text();
    assert!(!text.contains("\ndpop:") && !text.contains("\nauthorization:"), "the proof went upstream: {text}");
    assert!(!gate.origin.raw_text().contains(&proof), "the proof went upstream");
}

#[test]
fn g82_a_proof_without_the_gateways_nonce() {
    let gate = Gate::start();
    let holder = Holder::new(&gate);
    for (name, answer) in [
        ("none", holder.show(&gate, |claims| drop(claims.as_object_mut().unwrap().remove("nonce")))),
        ("its own", holder.show(&gate, |claims| claims["nonce"] = "mine".into())),
    ] {
        assert_eq!(answer.status, 401, "{name}");
        assert!(challenge(&answer).contains("error=\"use_dpop_nonce\""), "{name}: {}", answer.head);
        assert_eq!(answer.field("dpop-nonce"), Some(holder.nonce.as_str()), "{name}");
    }
    assert_eq!(holder.show(&gate, |_| {}).status, 200);
}

#[test]
fn g82_a_bound_token_is_no_bearer_token_and_an_unbound_one_needs_no_proof() {
    let gate = Gate::start();
    let holder = Holder::new(&gate);
    let bearer = |token: &str| gate.get(PATH, &[&format!("Authorization: Bearer {token}")]);
    let stolen = bearer(&holder.token);
    assert_eq!((stolen.status, stolen.code().as_str()), (401, "PC-0203"));
    assert!(challenge(&stolen).contains("error=\"invalid_token\""), "{}", stolen.head);

    let plain = Holder { token: gate.token("orders:read"), ..Holder::new(&gate) };
    assert_eq!(plain.show(&gate, |_| {}).status, 401, "a proof of a key that the token does not name");
    assert_eq!(bearer(&plain.token).status, 200);

    for cnf in [json!({ "kid": "a" }), json!({}), json!("a"), json!({ "jkt": holder.key.kid(), "jwe": "a" })] {
        assert_eq!(bearer(&bound(&gate, &cnf)).status, 401, "{cnf}");
    }
    let proof = holder.proof(&holder.claims());
    let twice = format!("DPoP: {proof}\r\nDPoP: {proof}");
    assert_eq!(gate.get(PATH, &[&format!("Authorization: DPoP {}", holder.token), &twice]).status, 400);
}

#[test]
fn a_websocket_that_was_opened_with_a_proof_stays_open() {
    let echo = Echo::start();
    let gate = Gate::start_with_apis(&format!(
        "  - {{ name: live, host: localhost, path: /live, upstream: \"http://{}\", authenticate: [jwt: corp], \
         routes: [{{ match: \"GET /live\", websocket: {{ origins: [] }} }}] }}\n",
        echo.address
    ));
    let holder = Holder::new(&gate);
    let mut claims = holder.claims();
    claims["htu"] = "https://localhost/live".into();
    let mut connection = wire::Connection::open(&gate);
    let ask = format!(
        "GET /live HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: DPoP {}\r\nDPoP: {}\r\n\r\n",
        holder.token,
        holder.proof(&claims)
    );
    let head = connection.switch(ask.as_bytes());
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    // Its caller is asked again twice a second.
    for _ in 0..6 {
        assert_eq!(connection.echo(b"still there?").as_deref(), Some(b"still there?".as_slice()));
        thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn g84_a_token_bound_to_a_certificate_over_another_one() {
    let gate = Gate::start();
    let file = fs::read(gate.folder.path().join("client.pem")).unwrap();
    let der = CertificateDer::from_pem_slice(&file).unwrap();
    let token = bound(&gate, &json!({ "x5t#S256": sha256(&der) }));
    let ask = format!("GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    let before = gate.origin.seen();
    let without = wire::Connection::open(&gate).exchange(ask.as_bytes());
    let over_another = wire::Connection::open_as(&gate, "stranger").exchange(ask.as_bytes());
    for answer in [&without, &over_another] {
        assert_eq!((answer.status, answer.code().as_str()), (401, "PC-0203"));
        assert!(challenge(answer).contains("error=\"invalid_token\""), "{}", answer.head);
    }
    assert_eq!(gate.origin.seen(), before, "the origin saw a refused request");
    assert_eq!(wire::Connection::open_as(&gate, "client").exchange(ask.as_bytes()).status, 200);
}

#[test]
fn g85_client_certificates_out_of_their_time_revoked_or_of_another_use() {
    let files = clients();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let gate = Gate::start_in(&files, |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls:
      certificate: server.pem
      key: file:server.key
      client_certificates: {{ ca: authority.pem, crl: crl.pem, clients: [{{ name: a, dns: a.example }}] }}
apis:
  - name: orders
    host: localhost
    upstream: http://{}
    authenticate: [client_certificate]
    routes: [{{ match: "GET /orders/{{id}}" }}]
monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
"#,
            origin.address
        )
    });
    let ask = format!("GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let shown = |client: &str| {
        let stream = wire::handshake(gate.address, "localhost", wire::config(&gate, Some(client)));
        wire::until_close_of(stream, ask.as_bytes()).status
    };
    for bad in ["expired", "early", "revoked", "serves"] {
        assert_eq!(shown(bad), 0, "{bad}");
    }
    assert_eq!(gate.origin.seen(), 0, "the origin saw a refused request");
    assert_eq!(shown("good"), 200);
}

/// An authority with certificates of one client, and its list of those that it revoked.
fn clients() -> Vec<(String, String)> {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "clients' CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let mut files = vec![("authority.pem".to_owned(), ca.self_signed(&ca_key).unwrap().pem())];
    let issuer = Issuer::new(ca, ca_key);
    let mut make = |name: &str, serial: u64, change: &dyn Fn(&mut CertificateParams)| {
        let key = KeyPair::generate().unwrap();
        let mut client = CertificateParams::default();
        client.serial_number = Some(SerialNumber::from(serial));
        client.subject_alt_names = vec![SanType::DnsName("a.example".try_into().unwrap())];
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut client);
        files.push((format!("{name}.pem"), client.signed_by(&key, &issuer).unwrap().pem()));
        files.push((format!("{name}.key"), key.serialize_pem()));
    };
    make("good", 1, &|_| {});
    make("expired", 2, &|client| client.not_after = date_time_ymd(2020, 1, 1));
    make("early", 3, &|client| client.not_before = date_time_ymd(4000, 1, 1));
    make("revoked", 4, &|_| {});
    make("serves", 5, &|client| client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    files.push(("crl.pem".to_owned(), running::revocation_list(&issuer, 4)));
    files
}
