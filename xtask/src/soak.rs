//! Endurance with the full figures: a release of the gateway, and the tests as its clients.

use std::process::Command;

use crate::step::{release, run};

/// What can be run: its name, the test, and the settings that make it long.
const SOAKS: [(&str, &str, &str, &str); 8] = [
    ("slow-clients", "soak", "slow_clients", "PORTCULLIS_SOAK=full"),
    ("overload", "endurance", "at_three_times", "PORTCULLIS_SOAK=full"),
    ("leak", "endurance", "a_load_that_goes_on", "PORTCULLIS_SOAK=full"),
    ("exhaustion", "attacks_exhaustion", "i9", "PORTCULLIS_SOAK=full"),
    ("exhaustion", "contracts", "i9", "PORTCULLIS_SOAK=full"),
    ("reload", "life", "reloads_under_load", "PORTCULLIS_RELOADS=100"),
    ("kill", "life", "killed", "PORTCULLIS_KILLS=50"),
    ("drain", "life", "sigterm", "PORTCULLIS_SOAK=full"),
];

/// Runs one of them by its name, or all.
pub(crate) fn run_soaks(name: Option<&str>) -> Result<(), String> {
    let chosen: Vec<_> = SOAKS.iter().filter(|(known, ..)| name.is_none_or(|name| name == *known)).collect();
    if chosen.is_empty() {
        let mut names: Vec<_> = SOAKS.iter().map(|(name, ..)| *name).collect();
        names.dedup();
        return Err(format!("there is no such soak; there are {}", names.join(", ")));
    }
    let binary = release()?;
    for (_, test_binary, test, setting) in chosen {
        let (variable, value) = setting.split_once('=').unwrap_or((setting, ""));
        let mut command = Command::new("cargo");
        // One after another: they would measure each other.
        command.args(["test", "--test", test_binary, test, "--", "--nocapture", "--test-threads=1"]);
        command.env(variable, value).env("PORTCULLIS_BINARY", &binary);
        run(&mut command, &format!("{setting} cargo test --test {test_binary} {test} -- --nocapture"))?;
    }
    Ok(())
}
