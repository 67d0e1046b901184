//! Whether the time that a failed login takes tells that there is such a user.

use std::process::Command;

use crate::step::run;

/// Runs the test of the same name with more tries, optimised.
pub(crate) fn run_timing(tries: u64) -> Result<(), String> {
    let mut command = Command::new("cargo");
    command.args(["test", "--release", "-p", "identity", "--test", "timing", "--", "--nocapture"]);
    command.env("PORTCULLIS_TRIES", tries.to_string());
    run(&mut command, &format!("{tries} logins of strangers against {tries} with a wrong password"))
}
