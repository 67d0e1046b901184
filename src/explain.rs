//! `portcullis explain CODE`: what a code means.

use std::process::ExitCode;

use config::codes::{self, Entry};
use serde_json::json;

use crate::{
    cli::{Explain, Format},
    failure::{Failure, Outcome},
    output,
};

pub(crate) fn run(arguments: &Explain) -> Outcome {
    let unknown = || Failure::UnknownCode(arguments.code.escape_debug().to_string());
    let entry = codes::find(&arguments.code).ok_or_else(unknown)?;
    match arguments.output.format {
        Format::Table => output::print(&text(entry))?,
        Format::Json => output::print_json(&json!({
            "code": entry.id,
            "status": entry.status,
            "title": entry.title,
            "caller": entry.caller,
            "operator": entry.operator,
        }))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn text(entry: &Entry) -> String {
    let status = entry.status.map_or_else(String::new, |status| format!(" (status {status})"));
    let mut text = format!("{}: {}{status}\n", entry.id, entry.title);
    for (whom, sentence) in [("For the caller", entry.caller), ("For the operator", entry.operator)] {
        if !sentence.is_empty() {
            text = format!("{text}\n{whom}: {sentence}\n");
        }
    }
    text
}
