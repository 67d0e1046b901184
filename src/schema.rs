//! `portcullis config schema`: the JSON Schema of the configuration file, for editors.

use std::process::ExitCode;

use crate::{failure::Outcome, output};

pub(crate) fn run() -> Outcome {
    output::print_json(&config::schema())?;
    Ok(ExitCode::SUCCESS)
}
