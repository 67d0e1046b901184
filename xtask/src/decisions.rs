//! The promise of the policy engine, at length: neither index nor cache changes a decision.

use std::process::Command;

use crate::step::run;

/// Runs the test of the same name with more questions, optimised.
pub(crate) fn run_decisions(number: u64, seed: u64) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.args(["test", "--release", "-p", "policy", "--test", "agreement", "--", "--nocapture"]);
    command.env("PORTCULLIS_DECISIONS", number.to_string()).env("PORTCULLIS_SEED", seed.to_string());
    run(&mut command, &format!("{number} decisions against plain Cedar, seed {seed}"))
}
