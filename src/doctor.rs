//! `portcullis doctor -c FILE`: the place that the gateway will run in, checked before it does.
//!
//! The configuration is valid when the checks start; they look at what a file cannot say: the clock, the user, files'
//! modes, ports, and who answers. Adding a check: a file in `doctor/`, a line in [`CHECKS`].

mod certificates;
mod clock;
mod data_folder;
mod identity;
mod issuers;
mod key_files;
mod listeners;
mod open_files;
mod reach;
mod upstreams;
mod user;

use std::{process::ExitCode, thread};

use config::Config;
use serde_json::json;

use crate::{
    cli::{Doctor, Format},
    failure::{FINDINGS, Outcome},
    output,
};

/// What a check found: the cause, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    cause: String,
    fix: String,
}

impl Finding {
    fn new(cause: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { cause: cause.into(), fix: fix.into() }
    }
}

/// Looks at one thing.
type Check = fn(&Config) -> Vec<Finding>;

/// Every check by its name.
const CHECKS: [(&str, Check); 10] = [
    ("clock", clock::check),
    ("user", user::check),
    ("certificates", certificates::check),
    ("key files", key_files::check),
    ("data folder", data_folder::check),
    ("open files", open_files::check),
    ("listeners", listeners::check),
    ("upstreams", upstreams::check),
    ("issuers", issuers::check),
    ("identity", identity::check),
];

pub(crate) fn run(arguments: &Doctor) -> Outcome {
    let config = config::load(&arguments.config)?;
    let findings = examine(&config);
    match arguments.output.format {
        Format::Table if findings.is_empty() => {}
        Format::Table => output::print(&findings.iter().map(text).collect::<Vec<_>>().join("\n"))?,
        Format::Json => output::print_json(&to_json(&findings))?,
    }
    eprintln!("{} checks, {} findings", CHECKS.len(), findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

type Named = (&'static str, Finding);

/// All checks at once, for those that wait for the network; findings in the order of [`CHECKS`].
fn examine(config: &Config) -> Vec<Named> {
    thread::scope(|scope| {
        let started = CHECKS.map(|(name, check)| (name, scope.spawn(move || check(config))));
        started
            .into_iter()
            .flat_map(|(name, check)| joined(check).into_iter().map(move |found| (name, found)))
            .collect()
    })
}

fn joined(check: thread::ScopedJoinHandle<'_, Vec<Finding>>) -> Vec<Finding> {
    // A check that ends by a panic has proved nothing, and that is a finding.
    let broken = |_| vec![Finding::new("the check did not come to its end", "Report this with the file.")];
    check.join().unwrap_or_else(broken)
}

fn text((name, Finding { cause, fix }): &Named) -> String {
    format!("{name}: {cause}\n  {fix}\n")
}

fn to_json(findings: &[Named]) -> serde_json::Value {
    let finding = |(name, Finding { cause, fix }): &Named| json!({ "check": name, "cause": cause, "fix": fix });
    json!({
        "checks": CHECKS.map(|(name, _)| name),
        "findings": findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
