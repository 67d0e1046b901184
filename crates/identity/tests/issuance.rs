//! What a token costs: client credentials for ES256 JWTs, beside oidc-provider's in one run.
//!
//! The figures are printed and not judged. `PORTCULLIS_TOKENS=20000 cargo test --release -p identity --test issuance --
//! --nocapture` is the long form.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

mod serving;
mod tools;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use identity::{Client, ClientId, ClientKind};
use serde_json::json;
use serving::Serving;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/independent");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_given_out_beside_those_of_oidc_provider() {
    let many: u32 = std::env::var("PORTCULLIS_TOKENS").map_or(200, |text| text.parse().unwrap());
    let folder = tools::npm("independent", SCRIPTS);
    let serving = Serving::start(|settings| {
        settings.scopes = [("orders:read".to_owned(), "See your orders".to_owned())].into();
    })
    .await;
    let mut service = Client::new(ClientId("service".into()), "Service", ClientKind::Service);
    service.scopes = ["orders:read".to_owned()].into();
    let secret = serving.identity.create_client(service).await.unwrap().1.unwrap().expose().to_owned();
    let port: u16 = serving.issuer.rsplit(':').next().unwrap().parse().unwrap();
    let theirs = Theirs::start(&folder);
    for (round, many) in [("warm", many.div_ceil(10)), ("measured", many)] {
        let before = own_cpu();
        let ours_s = load(&folder, port, "/oauth2/token", &secret, many).await;
        let ours_cpu = own_cpu() - before;
        let before = theirs.cpu();
        let theirs_s = load(&folder, theirs.port, "/token", "a secret that both sides know of", many).await;
        let theirs_cpu = theirs.cpu() - before;
        let line = |name: &str, seconds: f64, cpu: f64| {
            let many = f64::from(many);
            println!("{round} {name}: {:.0} tokens/s, {:.0} µs of processor time each", many / seconds, cpu / many);
        };
        line("portcullis", ours_s, ours_cpu);
        line("oidc-provider 9.13.3", theirs_s, theirs_cpu);
    }
}

async fn load(folder: &PathBuf, port: u16, path: &str, secret: &str, many: u32) -> f64 {
    let told = json!({ "port": port, "path": path, "id": "service", "secret": secret, "many": many });
    let mut node = Command::new(tools::program("node", "nodejs"));
    node.arg(folder.join("issuance.mjs")).arg("load").arg(told.to_string()).current_dir(folder);
    let output = tokio::task::spawn_blocking(move || tools::run(&mut node)).await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

/// Microseconds of processor time of this process, by hundredths of a second (`proc_pid_stat(5)`).
fn own_cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

/// oidc-provider, gone when dropped.
struct Theirs {
    child: Child,
    port: u16,
}

impl Theirs {
    fn start(folder: &PathBuf) -> Self {
        let mut node = Command::new(tools::program("node", "nodejs"));
        node.arg(folder.join("issuance.mjs")).arg("serve").current_dir(folder);
        let mut child = node.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().unwrap(), child }
    }

    fn cpu(&self) -> f64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"GET /cpu HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        // In chunks, or by length.
        let digits = body.lines().rfind(|line| line.len() > 4).unwrap_or(body.trim());
        digits.trim().parse().unwrap()
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
