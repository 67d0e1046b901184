//! `portcullis policy`: policies before they decide, and after.

mod diff;
mod why;

use std::{path::Path, process::ExitCode, sync::Arc};

use config::{Cases, Policies};
use policy::Engine;

use crate::{
    cli::policy::{File, Matrix, MatrixFormat, PolicyCommand},
    failure::{FINDINGS, Failure, Outcome},
    output,
};

const WIDTH: usize = 100;

pub(crate) fn run(command: PolicyCommand) -> Outcome {
    match command {
        PolicyCommand::Check(file) => check(&file),
        PolicyCommand::Test(file) => test(&file),
        PolicyCommand::Why(arguments) => why::run(*arguments),
        PolicyCommand::Matrix(arguments) => matrix(&arguments),
        PolicyCommand::Diff(arguments) => diff::run(&arguments),
        PolicyCommand::Print { file, roles } => print(&file, roles),
    }
}

/// The policies of a configuration that is valid but for its cases.
fn load(file: &Path) -> Result<Arc<Policies>, Failure> {
    let none = || Failure::Refused(format!("{}: there are no `policies`", file.display()));
    config::load_with(file, Cases::Keep)?.policies.ok_or_else(none)
}

fn check(file: &File) -> Outcome {
    let path = &file.config;
    let policies = match config::load(path) {
        Ok(config) => config.policies,
        Err(report) => {
            output::print(&report.render(output::colour(), WIDTH))?;
            return Ok(ExitCode::from(FINDINGS));
        }
    };
    let Some(policies) = policies else {
        return Err(Failure::Refused(format!("{}: there are no `policies`", path.display())));
    };
    let warnings = policies.engine.warnings();
    if !warnings.findings().is_empty() {
        eprintln!("{}", warnings.render(false, WIDTH));
    }
    let engine = &policies.engine;
    let counts = [engine.rules().len(), engine.roles().count(), engine.actions().count()];
    let [all, roles, operations] = counts;
    eprintln!("{}: valid; {all} policies, {roles} roles, {operations} operations", path.display());
    Ok(ExitCode::SUCCESS)
}

fn test(file: &File) -> Outcome {
    let policies = load(&file.config)?;
    if policies.cases.is_empty() {
        return Err(Failure::Refused(format!("{}: `policies` names no `tests`", file.config.display())));
    }
    let mut failed = 0;
    for cases in &policies.cases {
        let report = cases.run(&policies.engine);
        failed += report.failed();
        output::print(&report.to_string())?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FINDINGS) })
}

fn matrix(arguments: &Matrix) -> Outcome {
    let matrix = load(&arguments.file.config)?.engine.matrix();
    match arguments.format {
        MatrixFormat::Table => output::print(&matrix.to_string())?,
        MatrixFormat::Csv => output::print(&matrix.csv())?,
        MatrixFormat::Html => output::print(&matrix.html())?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print(file: &File, roles: bool) -> Outcome {
    let policies = load(&file.config)?;
    let engine: &Engine = &policies.engine;
    output::print(&if roles { engine.role_policies() } else { engine.schema().to_owned() })?;
    Ok(ExitCode::SUCCESS)
}
