//! What releases are optimised for: where an instrumented build spends its time under ordinary load.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::step::{run, step};

/// What the compiler reads when it builds a release (`.cargo/rustc`).
const PROFILE: &str = ".cargo/release.profdata";
/// Where the instrumented build and what it writes are.
const FOLDER: &str = "target/profile";

/// Builds an instrumented gateway, runs ordinary load against it, and keeps what was counted.
pub(crate) fn run_profile() -> Result<(), String> {
    step("rustup", &["component", "add", "llvm-tools"])?;
    let tool = merging_tool()?;
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--locked", "--bin", "portcullis", "--target-dir", FOLDER]);
    run(build.env("PORTCULLIS_PROFILE", "generate"), "PORTCULLIS_PROFILE=generate cargo build --release")?;
    let binary = found(&format!("{FOLDER}/release/portcullis"))?;
    let counted = Path::new(FOLDER).join("counted");
    if counted.exists() {
        fs::remove_dir_all(&counted).map_err(|error| format!("{}: {error}", counted.display()))?;
    }
    fs::create_dir_all(&counted).map_err(|error| format!("{}: {error}", counted.display()))?;
    let counted = found(&counted.display().to_string())?;
    let mut load = Command::new("cargo");
    load.args(["test", "--test", "ordinary_load"]).env("PORTCULLIS_BINARY", binary);
    // The gateway may write to its own folder alone.
    load.env("PORTCULLIS_PROFILES", &counted).env("LLVM_PROFILE_FILE", "data/%p.profraw");
    run(&mut load, "cargo test --test ordinary_load")?;
    let mut merge = Command::new(tool);
    merge.args(["merge", "--sparse", "--output", PROFILE]).arg(counted);
    run(&mut merge, &format!("llvm-profdata merge --sparse --output {PROFILE}"))
}

/// The compiler's own tool, which reads the format that it writes.
fn merging_tool() -> Result<PathBuf, String> {
    let said = Command::new("rustc").args(["--print", "target-libdir"]).output();
    let said = said.map_err(|error| format!("rustc --print target-libdir: {error}"))?;
    let libraries = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    found(&format!("{libraries}/../bin/llvm-profdata"))
}

fn found(path: &str) -> Result<PathBuf, String> {
    fs::canonicalize(path).map_err(|error| format!("{path}: {error}"))
}
