//! `portcullis check -c FILE`: every mistake of a configuration at once; warnings alone leave it valid.

use std::process::ExitCode;

use config::codes::diagnostics::UNREADABLE;
use serde_json::json;

use crate::{
    cli::{Check, Format},
    failure::{FINDINGS, Outcome},
    output,
};

const WIDTH: usize = 100;

pub(crate) fn run(arguments: &Check) -> Outcome {
    let json = arguments.output.format == Format::Json;
    match config::load(&arguments.config) {
        Ok(config) if json => {
            let warnings = config.warnings.map_or_else(|| json!([]), |report| report.to_json()["findings"].take());
            output::print_json(&json!({ "findings": [], "warnings": warnings }))?;
        }
        Ok(config) => {
            if let Some(warnings) = &config.warnings {
                output::print(&warnings.render(output::colour(), WIDTH))?;
            }
            eprintln!("{}: valid", arguments.config.display());
        }
        Err(report) if report.findings().iter().any(|finding| finding.code.id == UNREADABLE.id) => {
            return Err(report.into());
        }
        Err(report) => {
            if json {
                output::print_json(&report.to_json())?;
            } else {
                output::print(&report.render(output::colour(), WIDTH))?;
            }
            return Ok(ExitCode::from(FINDINGS));
        }
    }
    Ok(ExitCode::SUCCESS)
}
