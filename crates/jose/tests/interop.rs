//! Tokens that other implementations made verify here, and ours verify there: npm `jose` and `joserfc` of Python.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use jose::{
    Algorithm, Invalid, JwkSet, SigningKey,
    jwt::{self, Validation},
};
use serde_json::{Value, json};

/// Where the peers and what they install are kept.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn validation(algorithm: Algorithm) -> Validation {
    Validation {
        issuer: "https://issuer.example".into(),
        audiences: vec!["api".into()],
        algorithms: vec![algorithm],
        types: vec![],
        required_claims: vec!["sub".into()],
        max_lifetime: Some(Duration::from_hours(1)),
        skew: Duration::from_secs(30),
        max_bytes: 8192,
    }
}

fn install(folder: &Path, files: &[&str], command: &mut Command) {
    let done = folder.join("installed");
    let wanted: String = files.iter().map(|file| fs::read_to_string(Path::new(SOURCES).join(file)).unwrap()).collect();
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return;
    }
    fs::create_dir_all(folder).unwrap();
    for file in files {
        fs::copy(Path::new(SOURCES).join(file), folder.join(file)).unwrap();
    }
    let output = command.current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    fs::write(done, wanted).unwrap();
}

fn npm() -> impl Fn(&str) -> Command {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("npm");
    let files = ["package.json", "package-lock.json", "peer.mjs"];
    install(&folder, &files, Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]));
    move |task| {
        let mut node = Command::new("node");
        node.arg(folder.join("peer.mjs")).arg(task);
        node
    }
}

fn pypi() -> impl Fn(&str) -> Command {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pypi");
    let arguments = ["-m", "pip", "install", "--quiet", "--target", "packages", "-r", "requirements.txt"];
    install(&folder, &["requirements.txt", "peer.py"], Command::new("python3").args(arguments));
    move |task| {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", folder.join("packages")).arg(folder.join("peer.py")).arg(task);
        python
    }
}

fn ask(mut command: Command, input: &Value) -> Vec<Value> {
    let mut peer = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    peer.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = peer.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn verifies_theirs(made: &[Value], subject: &str) {
    assert_eq!(made.len(), Algorithm::ALL.len());
    for one in made {
        let algorithm: Algorithm = one["alg"].as_str().unwrap().parse().unwrap();
        let keys = match one["secret"].as_str() {
            Some(secret) => JwkSet::from_hmac_secret(&B64.decode(secret).unwrap()).unwrap(),
            None => JwkSet::parse(json!({ "keys": [one["jwk"]] }).to_string().as_bytes()).unwrap(),
        };
        let token = one["token"].as_str().unwrap();
        let claims = jwt::verify(token, &keys, &validation(algorithm), now()).unwrap();
        assert_eq!(claims.subject.as_deref(), Some(subject), "{algorithm}");
        let other = if algorithm == Algorithm::Es256 { Algorithm::EdDsa } else { Algorithm::Es256 };
        let refused = jwt::verify(token, &keys, &validation(other), now());
        assert_eq!(refused.unwrap_err(), Invalid::AlgorithmNotAllowed, "{algorithm}");
    }
}

/// Tokens of ours, one of each algorithm, with what verifies them.
fn ours() -> Value {
    let made = Algorithm::ALL.into_iter().map(|algorithm| {
        let secret = [9; 32];
        let key = match algorithm {
            Algorithm::Hs256 => SigningKey::from_secret(&secret).unwrap(),
            _ => SigningKey::generate(algorithm).unwrap(),
        };
        let claims =
            json!({ "iss": "https://issuer.example", "aud": "api", "sub": algorithm.name(), "exp": now() + 600 });
        let token = key.sign_jwt("JWT", &claims).unwrap();
        match key.public_jwk() {
            Value::Null => json!({ "alg": algorithm.name(), "token": token, "secret": B64.encode(secret) }),
            jwk => json!({ "alg": algorithm.name(), "token": token, "jwk": jwk }),
        }
    });
    made.collect()
}

fn both_ways(peer: impl Fn(&str) -> Command, subject: &str) {
    let names: Vec<Value> = Algorithm::ALL.iter().map(|algorithm| algorithm.name().into()).collect();
    verifies_theirs(&ask(peer("make"), &names.clone().into()), subject);
    assert_eq!(ask(peer("check"), &ours()), names);
}

#[test]
fn npm_jose_and_this_crate_verify_each_others_tokens() {
    both_ways(npm(), "from-npm");
}

#[test]
fn pypi_joserfc_and_this_crate_verify_each_others_tokens() {
    both_ways(pypi(), "from-pypi");
}
