//! `portcullis inventory`: what is documented, what is routed and what is used, held against each other.

mod compare;
mod overlay;

use std::process::ExitCode;

use gateway::Sighting;

use crate::{
    cli::{Format, Inventory},
    control::{self, Answer, Request},
    failure::{Failure, Outcome},
    output,
};
use compare::{Entry, Standing};

/// Prints the inventory; findings are standings other than `known`.
pub(crate) fn run(arguments: &Inventory) -> Outcome {
    let config = config::load(&arguments.config)?;
    let Answer::Sightings { sightings } = control::ask(&config.data, &Request::Inventory)? else {
        return Err(Failure::Refused("the gateway answered something else".to_owned()));
    };
    let sightings: Vec<Sighting> = sightings;
    let entries = compare::all(&config, &sightings, output::now());
    if arguments.patch {
        output::print(&overlay::of(&entries))?;
    } else {
        match arguments.output.format {
            Format::Table => output::print(&table(&entries))?,
            Format::Json => output::print_json(&serde_json::json!({ "operations": entries }))?,
        }
    }
    let is_finding = |entry: &Entry| entry.standing != Standing::Known;
    Ok(if entries.iter().any(is_finding) { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

fn table(entries: &[Entry]) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["API", "OPERATION", "STANDING", "ANSWERED", "MISSING", "WHY"]);
    for entry in entries {
        table.add_row([
            entry.api.clone(),
            format!("{} {}", entry.method, entry.template),
            entry.standing.to_string(),
            entry.answered.to_string(),
            entry.missing.to_string(),
            entry.why.clone(),
        ]);
    }
    table.to_string()
}
