//! What each stage of the pipeline costs a request, in the order in which a request meets them.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    hint::black_box,
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, LazyLock},
    time::{SystemTime, UNIX_EPOCH},
};

use divan::Bencher;
use gateway::{
    KeySource, KnownKey, Lookup, Sources,
    workbench::{AtIdentify, AtLimit, AtRoute, Bench, dressed, read},
};
use http::{HeaderMap, Request};
use jose::{Algorithm, SigningKey};
use serde_json::json;
use store::api_key::{self, ApiKey};
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// A store that knows every key.
struct AllKeys;

impl KeySource for AllKeys {
    fn find(&self, _digest: [u8; 32]) -> Lookup<'_> {
        let scopes = vec![config::Scope("orders:read".into())];
        let (id, owner, name) = ("key".into(), "o".into(), "n".into());
        let key = KnownKey { id, owner, name, scopes, roles: Vec::new(), tenant: None, expires: u64::MAX };
        Box::pin(async { Ok(Some(key)) })
    }

    fn used(&self, _id: &str, _at_unix: u64) {}

    fn epoch(&self) -> u64 {
        1
    }
}

struct Here {
    bench: Bench,
    issuer: SigningKey,
    _runtime: Runtime,
    _folder: tempfile::TempDir,
}

static HERE: LazyLock<Here> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let issuer = SigningKey::generate(Algorithm::Es256).unwrap();
    let keys = json!({ "keys": [issuer.public_jwk()] });
    std::fs::write(folder.path().join("jwks.json"), keys.to_string()).unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let config = config::load_str(&configuration(), Path::new("portcullis.yaml"), folder.path()).unwrap();
    let sources =
        Sources { keys: Arc::new(AllKeys), parse_key: api_key::digest_of, key_prefix: api_key::PREFIX, resident: None };
    let runtime = Runtime::new().unwrap();
    let entered = runtime.enter();
    let bench = Bench::new(config, sources).unwrap();
    drop(entered);
    Here { bench, issuer, _runtime: runtime, _folder: folder }
});

/// 500 routes; requests go to one of them.
fn configuration() -> String {
    let route = |n| format!("      - {{ match: \"GET /r{n}/{{id}}\", scopes: [orders:read] }}\n");
    let routes = (0..500).map(route).collect::<Vec<_>>().concat();
    format!(
        "listeners: [{{ address: \"{}:0\" }}]\ndata: data\n\
         issuers:\n  corp: {{ issuer: \"https://issuer.example\", audience: api, algorithms: [ES256], jwks_file: jwks.json }}\n\
         apis:\n  - name: orders\n    host: api.example\n    upstream: http://127.0.0.1:9\n    authenticate: [jwt: corp, api_key]\n\
         \x20   limits: [{{ per: client, rate: 1000000000/second }}]\n    routes:\n{routes}\
         monitoring: {{ access_log: {{ off: \"a bench\" }} }}\n",
        Ipv4Addr::LOCALHOST
    )
}

fn token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({
        "iss": "https://issuer.example", "aud": "api", "sub": "user-1", "iat": now, "exp": now + 3600,
        "scope": "orders:read",
    });
    HERE.issuer.sign_jwt("at+jwt", &claims).unwrap()
}

fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

fn api_key() -> (&'static str, String) {
    ("x-api-key", ApiKey::generate().unwrap().expose().to_owned())
}

fn request(target: &str, credential: &(&'static str, String)) -> Request<()> {
    let request = Request::get(target).header("host", "api.example").header(credential.0, &credential.1);
    let fields = [("user-agent", "bench/1"), ("accept", "application/json"), ("accept-encoding", "gzip")];
    fields.into_iter().fold(request, |request, (name, value)| request.header(name, value)).body(()).unwrap()
}

fn at_route(credential: &(&'static str, String)) -> AtRoute {
    HERE.bench.canonicalise(request("/r250/7", credential)).unwrap_or_else(|_| unreachable!())
}

fn at_identify(credential: &(&'static str, String)) -> AtIdentify {
    HERE.bench.route(at_route(credential)).unwrap_or_else(|_| unreachable!())
}

fn at_limit(credential: &(&'static str, String)) -> AtLimit {
    HERE.bench.identify(at_identify(credential)).unwrap_or_else(|_| unreachable!())
}

#[divan::bench(args = [0, 16 * 1024])]
fn a_read(bencher: Bencher<'_, '_>, body: usize) {
    let head = format!(
        "POST /r250/7 HTTP/1.1\r\nHost: api.example\r\nUser-Agent: bench/1\r\nAccept: application/json\r\n\
         Accept-Encoding: gzip\r\nAuthorization: Bearer {}\r\nContent-Length: {body}\r\n\r\n",
        token()
    );
    let bytes = [head.as_bytes(), &vec![b'a'; body]].concat();
    bencher.bench_local(|| read(&[black_box(&bytes)]));
}

#[divan::bench(args = ["/r250/7", "/r250/7?a=b&c=d", "/x/../r250/%7e%37"])]
fn b_canonicalise(bencher: Bencher<'_, '_>, target: &str) {
    let credential = bearer(&token());
    bencher.with_inputs(|| request(target, &credential)).bench_local_values(|request| HERE.bench.canonicalise(request));
}

#[divan::bench]
fn c_route(bencher: Bencher<'_, '_>) {
    let credential = bearer(&token());
    bencher.with_inputs(|| at_route(&credential)).bench_local_values(|request| HERE.bench.route(request));
}

#[divan::bench]
fn d_identify_jwt_seen_before(bencher: Bencher<'_, '_>) {
    let credential = bearer(&token());
    drop(at_limit(&credential));
    bencher.with_inputs(|| at_identify(&credential)).bench_local_values(|request| HERE.bench.identify(request));
}

#[divan::bench]
fn d_identify_jwt_never_seen(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(|| at_identify(&bearer(&token()))).bench_local_values(|request| HERE.bench.identify(request));
}

#[divan::bench]
fn d_identify_api_key_seen_before(bencher: Bencher<'_, '_>) {
    let credential = api_key();
    drop(at_limit(&credential));
    bencher.with_inputs(|| at_identify(&credential)).bench_local_values(|request| HERE.bench.identify(request));
}

/// Without the store's own time.
#[divan::bench]
fn d_identify_api_key_never_seen(bencher: Bencher<'_, '_>) {
    bencher.with_inputs(|| at_identify(&api_key())).bench_local_values(|request| HERE.bench.identify(request));
}

#[divan::bench]
fn e_limit(bencher: Bencher<'_, '_>) {
    let credential = bearer(&token());
    bencher.with_inputs(|| at_limit(&credential)).bench_local_values(|request| HERE.bench.limit(request));
}

#[divan::bench]
fn f_authorize(bencher: Bencher<'_, '_>) {
    let credential = bearer(&token());
    bencher.with_inputs(|| at_limit(&credential)).bench_local_values(|request| HERE.bench.authorize(request));
}

#[divan::bench]
fn g_dress(bencher: Bencher<'_, '_>) {
    let fields = || {
        let pairs =
            [("content-type", "application/json"), ("content-length", "12"), ("server", "nginx"), ("etag", "1")];
        pairs.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect::<HeaderMap>()
    };
    bencher.with_inputs(fields).bench_local_values(dressed);
}
