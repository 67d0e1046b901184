//! `portcullis diff OLD NEW`: what a new configuration lets through that the old one did not.

use std::process::ExitCode;

use config::Change;
use serde_json::{Value, json};

use crate::{
    cli::{Diff, Format},
    failure::{FINDINGS, Outcome},
    output,
};

pub(crate) fn run(arguments: &Diff) -> Outcome {
    let (old, new) = (config::load(&arguments.old)?, config::load(&arguments.new)?);
    let changes = config::diff(&old, &new);
    match arguments.output.format {
        Format::Table if changes.is_empty() => {}
        Format::Table => output::print(&changes.iter().map(text).collect::<Vec<_>>().join("\n"))?,
        Format::Json => output::print_json(&json!({ "changes": changes.iter().map(value).collect::<Vec<_>>() }))?,
    }
    let permissive = changes.iter().filter(|change| change.verdict.is_more_permissive()).count();
    eprintln!("{} changes, {permissive} more permissive", changes.len());
    Ok(if permissive == 0 { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

pub(crate) fn text(change: &Change) -> String {
    let Change { verdict, subject, example, credential, before, after, why } = change;
    let example = example.as_ref().map(|path| format!(" (such as {path})")).unwrap_or_default();
    let credential = credential.as_ref().map(|credential| format!("{credential}: ")).unwrap_or_default();
    format!("{verdict:<8}  {subject}{example}\n          {credential}{before} -> {after}\n          {why}\n")
}

pub(crate) fn value(change: &Change) -> Value {
    let Change { verdict, subject, example, credential, before, after, why } = change;
    json!({
        "verdict": verdict.to_string(),
        "subject": subject,
        "example": example,
        "credential": credential,
        "before": before,
        "after": after,
        "why": why,
    })
}
