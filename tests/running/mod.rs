//! A real gateway between a test and a recording origin: the binary, on free ports, in a folder of its own.

pub mod backend;
pub mod bystander;
pub mod countries;
pub mod echo;
pub mod http2;
pub mod issuer;
pub mod load;
pub mod origin;
pub mod process;
pub mod python;
pub mod site;
pub mod store;
pub mod wire;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Output,
    time::{SystemTime, UNIX_EPOCH},
};

use jose::{Algorithm, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use origin::Origin;
pub use process::{Curl, Process};
pub use wire::Answer;

/// A running gateway. Dropped, it is gone.
pub struct Gate {
    pub address: SocketAddr,
    /// Its listener without TLS.
    pub plain: SocketAddr,
    pub folder: TempDir,
    pub origin: Origin,
    pub issuer: SigningKey,
    pub log: std::path::PathBuf,
    process: Process,
}

impl Gate {
    /// Starts a gateway with routes for every kind of credential.
    pub fn start() -> Self {
        Self::start_configured("", "")
    }

    /// Starts a gateway with more APIs at the end of its list.
    pub fn start_with_apis(apis: &str) -> Self {
        Self::start_configured("", apis)
    }

    /// Starts a gateway whose configuration a test has changed; `ORIGIN` stands for the origin's address.
    pub fn start_changed(change: impl Fn(String) -> String) -> Self {
        Self::start_files(|origin| change(configuration(origin, "", "")).replace("ORIGIN", &origin.address.to_string()))
    }

    /// Starts a gateway whose API `orders` has one more key.
    pub fn start_limited(line: &str) -> Self {
        Self::start_configured(&format!("    {line}\n"), "")
    }

    /// Starts a gateway whose path `/fetched` takes tokens of an issuer that it asks for its keys.
    pub fn start_with_issuer(issuer: &issuer::Issuer) -> Self {
        let address = issuer.address;
        Self::start_files(|origin| {
            let fetched =
                format!("  fetched: {{ issuer: \"http://{address}\", audience: api, algorithms: [ES256] }}\n");
            let api = format!(
                "  - {{ name: fetched, host: localhost, path: /fetched, upstream: \"http://{}\", authenticate: [jwt: fetched], \
                 routes: [{{ match: \"GET /fetched\" }}] }}\n",
                origin.address
            );
            // Tests of an issuer fail more often than anybody may.
            let lax = "limits: { failed_authentication: { per_address: 100000/second, ban_after: 100000/second } }\n";
            configuration(origin, "", &api).replace("issuers:\n", &format!("issuers:\n{fetched}")) + lax
        })
    }

    /// Starts a gateway with an API `shop` under `/shop` that has an OpenAPI document, held to as `contract` says.
    pub fn start_with_contract(document: &str, contract: &str) -> Self {
        Self::start_with_shop(document, &format!("contract: {{ openapi: shop.openapi.yaml, {contract} }}"))
    }

    /// The same with any keys of the API.
    pub fn start_with_shop(document: &str, keys: &str) -> Self {
        Self::start_in(&[("shop.openapi.yaml", document)], |origin| {
            let api = format!(
                "  - {{ name: shop, host: localhost, path: /shop, upstream: \"http://{}\", authenticate: [jwt: corp], {keys} }}\n",
                origin.address
            );
            configuration(origin, "", &api)
        })
    }

    fn start_configured(key: &str, apis: &str) -> Self {
        Self::start_files(|origin| configuration(origin, key, apis))
    }

    fn start_files(configuration: impl Fn(&Origin) -> String) -> Self {
        Self::start_in(&[], configuration)
    }

    /// Starts a gateway in a folder with more files.
    pub fn start_in(files: &[(&str, &str)], configuration: impl Fn(&Origin) -> String) -> Self {
        let folder = TempDir::new().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let origin = Origin::start();
        write_certificates(folder.path(), "localhost");
        let issuer = SigningKey::generate(Algorithm::Es256).unwrap();
        let other = SigningKey::generate(Algorithm::Es256).unwrap();
        fs::write(folder.path().join("jwks.json"), json!({ "keys": [issuer.public_jwk()] }).to_string()).unwrap();
        fs::write(folder.path().join("other.json"), json!({ "keys": [other.public_jwk()] }).to_string()).unwrap();
        fs::write(folder.path().join("portcullis.yaml"), configuration(&origin)).unwrap();
        let process = Process::start(folder.path(), &["serve", "-c", "portcullis.yaml"]);
        let (address, plain) = (process.address, process.plain.unwrap());
        let log = folder.path().join("access.log");
        Self { address, plain, folder, origin, issuer, log, process }
    }

    /// Runs another command of the binary against this gateway.
    pub fn command(&self, arguments: &[&str]) -> Output {
        process::command(self.folder.path(), &[arguments, &["-c", "portcullis.yaml"]].concat())
    }

    /// Creates an API key; its id and its text.
    pub fn key(&self, scope: &str) -> (String, String) {
        let made =
            self.command(&["key", "create", "-o", "json", "--owner", "billing", "--name", "n", "--scope", scope]);
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        (made["record"]["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
    }

    /// A valid token with the scopes.
    pub fn token(&self, scope: &str) -> String {
        self.issuer.sign_jwt("at+jwt", &claims(scope)).unwrap()
    }

    /// Sends one request with these field lines; answers what came back.
    pub fn get(&self, target: &str, fields: &[&str]) -> Answer {
        wire::request(self, "GET", target, fields, "")
    }

    /// curl, against this gateway.
    pub fn curl(&self) -> Curl {
        let folder = self.folder.path().to_owned();
        Curl { ca: folder.join("ca.pem"), folder, host: "localhost", address: self.address }
    }

    /// A GET at the monitoring address: status line, fields and body.
    pub fn monitor(&self, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(self.process.monitoring.unwrap()).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// SIGTERM, and its end; the folder stays.
    pub fn stop(&mut self) {
        self.process.end();
    }

    /// Sends a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// A file of its `/proc/PID`.
    pub fn process_file(&self, name: &str) -> String {
        self.process.file(name)
    }

    /// Processor time that the gateway has used so far.
    pub fn processor_time(&self) -> std::time::Duration {
        self.process.processor_time()
    }

    /// Files, sockets and the like that the gateway has open.
    pub fn descriptors(&self) -> usize {
        self.process.descriptors()
    }

    /// Resident memory now.
    pub fn resident_kib(&self) -> u64 {
        self.process.status_kib("VmRSS:")
    }

    /// Resident memory at its peak.
    pub fn peak_kib(&self) -> u64 {
        self.process.status_kib("VmHWM:")
    }

    /// Asserts that a request is refused with a status and code, and that the origin saw nothing of it.
    pub fn refuses(&self, target: &str, fields: &[&str], status: u16, code: &str) {
        let before = self.origin.seen();
        let answer = self.get(target, fields);
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{fields:?}: {}", answer.body);
        assert_eq!(self.origin.seen(), before, "the origin saw a refused request");
    }
}

/// An OpenAPI document of a shop that takes orders (`Gate::start_with_contract`).
pub const SHOP: &str = r#"
openapi: 3.1.0
info: { title: Shop, version: "1" }
servers: [{ url: https://api.example.com/shop }]
paths:
  /orders:
    post:
      requestBody:
        required: true
        content:
          application/json: { schema: { type: object, required: [name], properties: { name: { type: string, maxLength: 2000 } } } }
      responses: { "200": { description: Made } }
"#;

/// Claims of a valid token.
pub fn claims(scope: &str) -> Value {
    let now = unix_now();
    json!({ "iss": "https://issuer.example", "aud": "api", "sub": "user-1", "iat": now, "exp": now + 300, "scope": scope })
}

/// Unix seconds.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn configuration(origin: &Origin, key: &str, apis: &str) -> String {
    format!(
        r#"
listeners:
  - address: 127.0.0.2:0
  - address: 127.0.0.1:0
    tls:
      certificate: server.pem
      key: file:server.key
      client_certificates:
        ca: ca.pem
        clients: [{{ name: billing, spiffe: "spiffe://corp.example/billing", scopes: [orders:read] }}]
data: data
issuers:
  corp: {{ issuer: "https://issuer.example", audience: api, algorithms: [ES256], jwks_file: jwks.json }}
  other: {{ issuer: "https://other.example", audience: api, algorithms: [ES256], jwks_file: other.json }}
apis:
  - name: orders
    host: localhost
    upstream: http://{}
    authenticate: [jwt: corp, jwt: other, api_key, client_certificate]
{key}    routes:
      - {{ match: "GET /orders/{{id}}", scopes: [orders:read] }}
      - {{ match: "POST /orders" }}
      - {{ match: "GET /open", public: "the status page" }}
{apis}monitoring: {{ address: 127.0.0.1:0, access_log: access.log }}
"#,
        origin.address
    )
}

/// A CA, a server's certificate for a name, and certificates of a client, of a stranger, and of some that look like
/// the client.
pub fn write_certificates(folder: &Path, name: &str) {
    let write = |name: &str, text: String| {
        use std::os::unix::fs::OpenOptionsExt;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    // Where issuer and subject have one name, OpenSSL takes the leaf for self-signed.
    ca.distinguished_name.push(DnType::CommonName, "test CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", ca.self_signed(&ca_key).unwrap().pem());
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec![name.to_owned(), format!("*.tenants.{name}")]).unwrap();
    write("server.pem", server.signed_by(&key, &issuer).unwrap().pem());
    write("server.key", key.serialize_pem());
    let uri = |path: &str| SanType::URI(format!("spiffe://corp.example/{path}").try_into().unwrap());
    let text = "spiffe://corp.example/billing";
    for (name, names, usage) in [
        ("client", vec![uri("billing")], ExtendedKeyUsagePurpose::ClientAuth),
        ("stranger", vec![uri("stranger")], ExtendedKeyUsagePurpose::ClientAuth),
        ("two-uris", vec![uri("billing"), uri("stranger")], ExtendedKeyUsagePurpose::ClientAuth),
        ("as-dns", vec![SanType::DnsName(text.try_into().unwrap())], ExtendedKeyUsagePurpose::ClientAuth),
        ("as-mail", vec![SanType::Rfc822Name(text.try_into().unwrap())], ExtendedKeyUsagePurpose::ClientAuth),
        ("server-only", vec![uri("billing")], ExtendedKeyUsagePurpose::ServerAuth),
    ] {
        let key = KeyPair::generate().unwrap();
        let mut client = CertificateParams::default();
        client.extended_key_usages = vec![usage];
        client.subject_alt_names = names;
        write(&format!("{name}.pem"), client.signed_by(&key, &issuer).unwrap().pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}

/// A list, in PEM, on which an authority has taken back the certificate of this serial number.
pub fn revocation_list(issuer: &Issuer<'_, KeyPair>, serial: u64) -> String {
    let revoked = RevokedCertParams {
        serial_number: SerialNumber::from(serial),
        revocation_time: date_time_ymd(2024, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2024, 1, 1),
        next_update: date_time_ymd(4000, 1, 1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: vec![revoked],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    list.signed_by(issuer).unwrap().pem().unwrap()
}
