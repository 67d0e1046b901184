//! `portcullis policy diff OLD NEW`: who gains and who loses.
//!
//! Rows are roles, groups and named callers; cells are operations with the conditions under which they are permitted.
//! Conditions are compared as text, not by what they mean: another way of writing one is told as a change. Callers with
//! several roles are covered as far as no policy asks for two of them at once, and those that do are told apart.

use std::process::ExitCode;

use config::{Change, Config};
use policy::Difference;
use serde_json::json;

use crate::{
    cli::{Format, policy::Diff},
    failure::{FINDINGS, Failure, Outcome},
    output,
};

const LIMITS: &str = "compared row by row: a condition that is written otherwise is told as a change, and callers with several \
                      roles are what their rows allow together";

pub(crate) fn run(arguments: &Diff) -> Outcome {
    let (old, new) = (config::load(&arguments.old)?, config::load(&arguments.new)?);
    let changes = config::policy_changes(&old, &new);
    let difference = difference(&old, &new);
    match arguments.output.format {
        Format::Table => show(difference.as_ref(), &changes)?,
        Format::Json => output::print_json(&json!({
            "changes": config::diff(&old, &new).iter().map(crate::diff::value).collect::<Vec<_>>(),
        }))?,
    }
    eprintln!("{LIMITS}");
    let widened =
        difference.is_some_and(|one| one.widened()) || changes.iter().any(|one| one.verdict.is_more_permissive());
    Ok(if widened { ExitCode::from(FINDINGS) } else { ExitCode::SUCCESS })
}

/// Where only one of the two has policies, the routes tell.
fn difference(old: &Config, new: &Config) -> Option<Difference> {
    let (old, new) = (old.policies.as_ref()?, new.policies.as_ref()?);
    Some(Difference::between(&old.engine, &new.engine))
}

fn show(difference: Option<&Difference>, changes: &[Change]) -> Result<(), Failure> {
    let told = difference.map(ToString::to_string).unwrap_or_default();
    let changes: Vec<String> = changes.iter().map(crate::diff::text).collect();
    output::print(&[told, changes.join("\n")].join("\n"))
}
