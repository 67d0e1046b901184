//! Endurance with the full figures, on a release build.

use std::process::Command;

use crate::step::run;

/// What can be run: its name, the test, and the settings that make it long.
const SOAKS: [(&str, &str, &str, &str); 4] = [
    ("slow-clients", "soak", "slow_clients", "PORTCULLIS_SOAK=full"),
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
    for (_, binary, test, setting) in chosen {
        let (variable, value) = setting.split_once('=').unwrap_or((setting, ""));
        let mut command = Command::new("cargo");
        command.args(["test", "--release", "--test", binary, test, "--", "--nocapture"]).env(variable, value);
        run(&mut command, &format!("{setting} cargo test --release --test {binary} {test} -- --nocapture"))?;
    }
    Ok(())
}
