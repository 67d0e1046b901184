//! The gateway in front of the demo origin.

use std::process::Command;

use crate::step::{run, step};

/// Port of the demo origin on 127.0.0.1.
const ORIGIN_PORT: &str = "9000";
/// Where the gateway listens.
const LISTEN: &str = "127.0.0.1:8443";

/// Builds both, starts the origin, and runs the gateway until it is interrupted.
pub(crate) fn run_demo() -> Result<(), String> {
    step("cargo", &["build", "--release", "--bin", "portcullis", "--example", "demo_origin"])?;
    let mut origin = Command::new("target/release/examples/demo_origin")
        .arg(ORIGIN_PORT)
        .spawn()
        .map_err(|error| format!("demo origin: {error}"))?;
    let url = format!("http://127.0.0.1:{ORIGIN_PORT}");
    let mut gateway = Command::new("target/release/portcullis");
    gateway.args(["protect", &url, "--auth", "api-key", "--listen", LISTEN]);
    let outcome = run(&mut gateway, &format!("portcullis protect {url} --auth api-key --listen {LISTEN}"));
    // The origin ends with the demo; one that has ended already is no error.
    let _ = origin.kill().and_then(|()| origin.wait());
    outcome
}
