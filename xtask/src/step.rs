//! One command of a longer run: shown, then run, then judged.

use std::{fs, path::PathBuf, process::Command};

/// Runs a command and says which one failed.
pub(crate) fn step(program: &str, arguments: &[&str]) -> Result<(), String> {
    run(Command::new(program).args(arguments), &format!("{program} {}", arguments.join(" ")))
}

/// Runs a prepared command under the name it is shown by.
pub(crate) fn run(command: &mut Command, shown: &str) -> Result<(), String> {
    eprintln!("xtask: {shown}");
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown}: {status}")) }
}

/// Builds a release of the gateway; where it is. Tests take it by `PORTCULLIS_BINARY`.
pub(crate) fn release() -> Result<PathBuf, String> {
    step("cargo", &["build", "--release", "--bin", "portcullis"])?;
    let path = "target/release/portcullis";
    fs::canonicalize(path).map_err(|error| format!("{path}: {error}"))
}
