//! Fuzz targets under libFuzzer, for as long as asked.

use std::{env, fs, path::Path, process::Command};

use clap::Args;

use crate::step::{run, step};

const CARGO_FUZZ: &str = "0.13.2";
/// Targets of `fuzz/`, each with its corpus.
const TARGETS: &str = "fuzz/corpus";

/// What to fuzz, and for how long.
#[derive(Args)]
pub(crate) struct Fuzz {
    /// One of the folders of `fuzz/corpus`; all of them without it.
    target: Option<String>,
    /// Seconds for each target.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

impl Fuzz {
    /// Runs each target; what it finds is kept in `fuzz/artifacts`, what it learns in `fuzz/grown`.
    pub(crate) fn run(&self) -> Result<(), String> {
        let program = install()?;
        for target in self.targets()? {
            let (grown, seeds) = (format!("fuzz/grown/{target}"), format!("{TARGETS}/{target}"));
            fs::create_dir_all(&grown).map_err(|error| format!("{grown}: {error}"))?;
            let mut command = Command::new("cargo");
            // The code holds no `unsafe` for a sanitizer to watch; without one the fuzzer is several times faster, and
            // needs no nightly compiler.
            command.args(["fuzz", "run", "--sanitizer", "none", &target, &grown, &seeds, "--"]);
            command.args([&format!("-max_total_time={}", self.seconds), "-max_len=16384", "-timeout=10"]);
            command.args(["-rss_limit_mb=2048", "-print_final_stats=1"]);
            let path = env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{program}:{path}")).env("RUSTC_BOOTSTRAP", "1");
            run(&mut command, &format!("cargo fuzz run {target}, {} s", self.seconds))?;
        }
        Ok(())
    }

    fn targets(&self) -> Result<Vec<String>, String> {
        let listed = fs::read_dir(TARGETS).map_err(|error| format!("{TARGETS}: {error}"))?;
        let mut names: Vec<String> = listed.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        match &self.target {
            None => Ok(names),
            Some(target) if names.contains(target) => Ok(vec![target.clone()]),
            Some(target) => Err(format!("there is no target {target}; there are {}", names.join(", "))),
        }
    }
}

/// The folder of `cargo-fuzz`, which is built once.
fn install() -> Result<String, String> {
    let folder = format!("target/tools/cargo-fuzz-{CARGO_FUZZ}");
    let programs = Path::new(&folder).join("bin");
    if !programs.join("cargo-fuzz").exists() {
        step("cargo", &["install", "--quiet", "--locked", "--root", &folder, "--version", CARGO_FUZZ, "cargo-fuzz"])?;
    }
    let whole = fs::canonicalize(&programs).map_err(|error| format!("{}: {error}", programs.display()))?;
    Ok(whole.display().to_string())
}
