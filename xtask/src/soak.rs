//! Endurance with the full figures: a release of the gateway, and the tests as its clients.

use std::process::Command;

use crate::step::{release, run};

/// What can be run: its name, the test, and the settings that make it long.
const SOAKS: [(&str, &str, &str, &str); 7] = [
    ("slow-clients", "soak", "slow_clients", "PORTCULLIS_SOAK=full"),
    ("overload", "endurance", "at_three_times", "PORTCULLIS_SOAK=full"),
    ("leak", "endurance", "a_load_that_goes_on", "PORTCULLIS_SOAK=full"),
    ("exhaustion", "attacks_exhaustion", "", "PORTCULLIS_SOAK=full"),
    ("reload", "life", "reloads_under_load", "PORTCULLIS_RELOADS=100"),
    ("kill", "life", "killed", "PORTCULLIS_KILLS=50"),
    ("drain", "life", "sigterm", "PORTCULLIS_SOAK=full"),
];

/// Runs one of them by its name, or all.
pub(crate) fn run_soaks(name: Option<&str>) -> Result<(), String> {
    let chosen: Vec<_> = SOAKS.iter().filter(|(known, ..)| name.is_none_or(|name| name == *known)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = SOAKS.iter().map(|(name, ..)| *name).collect();
        return Err(format!("there is no such soak; there are {}", names.join(", ")));
    }
    let binary = release()?;
    for (_, test_binary, test, setting) in chosen {
        let (variable, value) = setting.split_once('=').unwrap_or((setting, ""));
        let mut command = Command::new("cargo");
        command.args(["test", "--test", test_binary, test, "--", "--nocapture"]);
        command.env(variable, value).env("PORTCULLIS_BINARY", &binary);
        run(&mut command, &format!("{setting} cargo test --test {test_binary} {test} -- --nocapture"))?;
    }
    Ok(())
}
