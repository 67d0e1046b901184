//! Every check, in the order in which they fail fastest.

use std::process::{Command, Stdio};

use crate::step::{run, step};

/// Debian packages that the tests use, by the program that shows whether they are there.
const PREREQUISITES: [(&str, &str); 2] = [("cc", "gcc"), ("curl", "curl")];

/// Runs all checks; the first that fails ends the run.
pub(crate) fn run_checks() -> Result<(), String> {
    install_prerequisites()?;
    step("cargo", &["fmt", "--all", "--check"])?;
    step("cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    step("cargo", &["test", "--workspace"])?;
    let mut documentation = Command::new("cargo");
    documentation.args(["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings");
    run(&mut documentation, "cargo doc --no-deps --workspace")
}

fn install_prerequisites() -> Result<(), String> {
    let missing: Vec<&str> =
        PREREQUISITES.iter().filter(|(program, _)| !is_installed(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    step("apt-get", &["update", "-qq"])?;
    step("apt-get", &[&["install", "-y", "-qq", "--no-install-recommends"], missing.as_slice()].concat())
}

fn is_installed(program: &str) -> bool {
    let quiet = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}
