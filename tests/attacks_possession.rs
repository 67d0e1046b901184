//! Row G86 of the attack catalogue: where a listener takes certificates of any issuer, they prove that a key is held, and
//! authenticate nobody.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, missing_docs, unreachable_pub, dead_code)]

mod running;

use std::{fs, sync::Arc};

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};
use running::{Gate, claims, wire};
use rustls::{ClientConfig, version::TLS12};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};

const PATH: &str = "/orders/7";
/// The name by which a client is known.
const KNOWN: &str = "a.example";

/// Files of certificates with their keys.
#[derive(Default)]
struct Files(Vec<(String, String)>);

impl Files {
    fn put(&mut self, name: &str, certificate: &str, key: &KeyPair) {
        self.0.push((format!("{name}.pem"), certificate.to_owned()));
        self.0.push((format!("{name}.key"), key.serialize_pem()));
    }

    /// A certificate of nobody's but its own.
    fn own(&mut self, name: &str, change: impl FnOnce(&mut CertificateParams)) {
        let key = KeyPair::generate().unwrap();
        let mut params = client();
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        self.put(name, &params.self_signed(&key).unwrap().pem(), &key);
    }

    fn issued(&mut self, name: &str, issuer: &Issuer<'_, KeyPair>, change: impl FnOnce(&mut CertificateParams)) {
        let key = KeyPair::generate().unwrap();
        let mut params = client();
        change(&mut params);
        self.put(name, &params.signed_by(&key, issuer).unwrap().pem(), &key);
    }

    fn all(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
    }
}

/// What every certificate here says of its holder: the client that the listener knows.
fn client() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::DnsName(KNOWN.try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn authority(name: &str) -> (CertificateParams, Issuer<'static, KeyPair>) {
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, name);
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (ca.clone(), Issuer::new(ca, KeyPair::generate().unwrap()))
}

/// Certificates that nobody vouches for.
fn strangers() -> Files {
    let mut files = Files::default();
    files.own("self-signed", |_| {});
    files.own("another", |_| {});
    // As `openssl req -x509` makes them.
    files.own("authority-of-itself", |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages.clear();
    });
    let (_, elsewhere) = authority("another CA");
    files.issued("of-another-authority", &elsewhere, |_| {});
    files
}

fn gate(files: &[(&str, &str)], clients: &str, more: &str) -> Gate {
    Gate::start_in(files, |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls:
      certificate: server.pem
      key: file:server.key
      client_certificates: {clients}
issuers:
  corp: {{ issuer: "https://issuer.example", audience: api, algorithms: [ES256], jwks_file: jwks.json }}
apis:
  - name: orders
    host: localhost
    path: /orders
    upstream: http://{0}
    authenticate: [jwt: corp]
    routes: [{{ match: "GET /orders/{{id}}" }}]
{more}monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
"#,
            origin.address
        )
    })
}

fn thumbprint(gate: &Gate, name: &str) -> String {
    let file = fs::read(gate.folder.path().join(format!("{name}.pem"))).unwrap();
    let der = CertificateDer::from_pem_slice(&file).unwrap();
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &der))
}

fn ask(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{fields}Connection: close\r\n\r\n")
}

/// Status and code of an answer over a connection with a certificate; 0 if there is no connection.
fn over(gate: &Gate, client: Option<&str>, request: &str) -> (u16, String) {
    let stream = wire::handshake(gate.address, "localhost", wire::config(gate, client));
    let answer = wire::until_close_of(stream, request.as_bytes());
    (answer.status, answer.code())
}

fn refused() -> (u16, String) {
    (401, "PC-0203".to_owned())
}

#[test]
fn g86_a_token_bound_to_a_self_signed_certificate_over_another_one() {
    let files = strangers();
    let gate = gate(&files.all(), "{ any_issuer: true }", "");
    for name in ["self-signed", "authority-of-itself", "of-another-authority"] {
        let mut claims = claims("orders:read");
        claims["cnf"] = json!({ "x5t#S256": thumbprint(&gate, name) });
        let token = gate.issuer.sign_jwt("at+jwt", &claims).unwrap();
        let request = ask(PATH, &format!("Authorization: Bearer {token}\r\n"));
        let before = gate.origin.seen();
        assert_eq!(over(&gate, None, &request), refused(), "{name}: without a certificate");
        assert_eq!(over(&gate, Some("another"), &request), refused(), "{name}: over another one");
        assert_eq!(gate.origin.seen(), before, "the origin saw a refused request");
        assert_eq!(over(&gate, Some(name), &request).0, 200, "{name}");
    }
    // The oldest version that is spoken asks for certificates in another way.
    let mut claims = claims("orders:read");
    claims["cnf"] = json!({ "x5t#S256": thumbprint(&gate, "self-signed") });
    let token = gate.issuer.sign_jwt("at+jwt", &claims).unwrap();
    let request = ask(PATH, &format!("Authorization: Bearer {token}\r\n"));
    for (name, status) in [("self-signed", 200), ("another", 401)] {
        let stream = wire::handshake(gate.address, "localhost", older(&gate, name));
        assert_eq!(wire::until_close_of(stream, request.as_bytes()).status, status, "{name}");
    }
}

/// A client of TLS 1.2.
fn older(gate: &Gate, name: &str) -> ClientConfig {
    let newer = wire::config(gate, Some(name));
    let builder = ClientConfig::builder_with_provider(Arc::clone(newer.crypto_provider()));
    let builder = builder.with_protocol_versions(&[&TLS12]).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(gate.folder.path().join("ca.pem")).unwrap()).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.client_auth_cert_resolver = Arc::clone(&newer.client_auth_cert_resolver);
    config
}

/// An authority with a client, with its list of those that it revoked, and strangers that say of themselves the same.
fn mixed() -> Files {
    let mut files = strangers();
    let (ca, issuer) = authority("clients' CA");
    let certificate = ca.self_signed(issuer.key()).unwrap().pem();
    files.0.push(("authority.pem".to_owned(), certificate));
    let serial = |number: u64| move |params: &mut CertificateParams| params.serial_number = Some(number.into());
    files.issued("good", &issuer, serial(1));
    files.issued("revoked", &issuer, serial(2));
    files.issued("expired", &issuer, |params| params.not_after = date_time_ymd(2020, 1, 1));
    files.issued("serves", &issuer, |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    files.own("expired-own", |params| params.not_after = date_time_ymd(2020, 1, 1));
    files.own("early-own", |params| params.not_before = date_time_ymd(4000, 1, 1));
    files.own("serves-own", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    // The authority's name, and another key.
    let forger = Issuer::new(ca, KeyPair::generate().unwrap());
    files.issued("forged", &forger, serial(1));
    files.0.push(("crl.pem".to_owned(), running::revocation_list(&issuer, 2)));
    files
}

fn mixed_gate() -> Gate {
    let clients =
        format!("{{ ca: authority.pem, crl: crl.pem, any_issuer: true, clients: [{{ name: a, dns: {KNOWN} }}] }}");
    let partner = "  - { name: partner, host: localhost, path: /partner, upstream: \"http://127.0.0.1:1\", \
                   authenticate: [client_certificate], routes: [{ match: \"GET /partner\" }] }\n";
    gate(&mixed().all(), &clients, partner)
}

#[test]
fn g86_a_certificate_that_is_merely_possessed_authenticates_nobody() {
    let gate = mixed_gate();
    let request = ask("/partner", "");
    for name in ["self-signed", "authority-of-itself", "of-another-authority"] {
        assert_eq!(over(&gate, Some(name), &request), (401, "PC-0205".to_owned()), "{name}");
    }
    // There is no upstream: whoever gets as far as that was let in.
    assert_eq!(over(&gate, Some("good"), &request).0, 502);
    assert_eq!(over(&gate, None, &request), (401, "PC-0201".to_owned()));
}

#[test]
fn g86_what_an_authority_took_back_is_not_taken_as_anybodys() {
    let gate = mixed_gate();
    let request = ask("/nowhere", "");
    for name in ["revoked", "expired", "serves", "expired-own", "early-own", "serves-own"] {
        assert_eq!(over(&gate, Some(name), &request).0, 0, "{name}");
    }
    // In the name of an authority, and not by it: at the most a stranger's.
    let (status, _) = over(&gate, Some("forged"), &ask("/partner", ""));
    assert!(matches!(status, 0 | 401), "{status}");
    assert_eq!(over(&gate, Some("good"), &request).0, 404);
}

#[test]
fn g86_a_resumed_connection_makes_nobody_of_a_certificate() {
    let gate = mixed_gate();
    for (name, status) in [("self-signed", 401), ("good", 502)] {
        let config = Arc::new(wire::config(&gate, Some(name)));
        for kind in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
            let mut stream = wire::handshake(gate.address, "localhost", Arc::clone(&config));
            stream.sock.set_read_timeout(Some(wire::PATIENCE)).unwrap();
            let answer = exchange(&mut stream, &ask("/partner", ""));
            assert_eq!(answer.status, status, "{name}");
            let resumed = stream.conn.handshake_kind().unwrap();
            // A client may hold more than one exchange of keys for a first handshake.
            assert_eq!(
                resumed == rustls::HandshakeKind::Resumed,
                kind == rustls::HandshakeKind::Resumed,
                "{resumed:?}"
            );
        }
    }
}

fn exchange(
    stream: &mut rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream>,
    request: &str,
) -> wire::Answer {
    use std::io::{Read, Write};
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A close without close_notify still leaves what was read.
    let _ = stream.read_to_end(&mut answer);
    wire::parse(&String::from_utf8_lossy(&answer))
}

#[test]
fn g86_a_client_that_registered_its_certificate_is_that_client_over_no_other() {
    let files = strangers();
    let gate = Gate::start_in(&files.all(), |origin| {
        format!(
            r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls: {{ certificate: server.pem, key: file:server.key, client_certificates: {{ any_issuer: true }} }}
identity: {{ scopes: {{ "orders:read": "read your orders" }} }}
apis:
  - name: orders
    host: localhost
    path: /orders
    upstream: http://{0}
    authenticate: [identity]
    routes: [{{ match: "GET /orders/{{id}}", scopes: [orders:read] }}]
monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
"#,
            origin.address
        )
    });
    let thumbprint = thumbprint(&gate, "self-signed");
    // Of what any authority says in a name, nothing counts here.
    let clients = format!(
        "clients:\n  own: {{ type: service, scopes: [orders:read], certificate_bound: true, \
         authentication: {{ method: self_signed_tls_client_auth, thumbprints: [\"{thumbprint}\"] }} }}\n  named: {{ type: \
         service, scopes: [orders:read], authentication: {{ method: tls_client_auth, name: {KNOWN} }} }}\n"
    );
    fs::write(gate.folder.path().join("identity.yaml"), clients).unwrap();
    gate.command(&["identity", "apply", "identity.yaml"]);
    let post = |certificate: Option<&str>, client: &str| {
        let body = format!("grant_type=client_credentials&scope=orders%3Aread&client_id={client}");
        let request = format!(
            "POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let stream = wire::handshake(gate.address, "localhost", wire::config(&gate, certificate));
        wire::until_close_of(stream, request.as_bytes())
    };
    for certificate in [None, Some("another"), Some("of-another-authority")] {
        assert_eq!(post(certificate, "own").status, 401, "{certificate:?}");
    }
    for certificate in ["self-signed", "of-another-authority"] {
        assert_eq!(post(Some(certificate), "named").status, 401, "{certificate} is believed to be {KNOWN}");
    }
    let answer = post(Some("self-signed"), "own");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let payload = token.split('.').nth(1).unwrap();
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert_eq!(payload["cnf"]["x5t#S256"], thumbprint.as_str());
    let request = ask(PATH, &format!("Authorization: Bearer {token}\r\n"));
    let before = gate.origin.seen();
    assert_eq!(over(&gate, Some("another"), &request), refused());
    assert_eq!(over(&gate, None, &request), refused());
    assert_eq!(gate.origin.seen(), before, "the origin saw a refused request");
    assert_eq!(over(&gate, Some("self-signed"), &request).0, 200);
}
