//! `portcullis reload`: has a running gateway read its configuration file again.

use std::process::ExitCode;

use crate::{
    cli::Reload,
    control::{self, Request},
    failure::Outcome,
};

pub(crate) fn run(arguments: Reload) -> Outcome {
    control::ask(&control::data(arguments.server)?, &Request::Reload)?;
    eprintln!("the configuration is in force");
    Ok(ExitCode::SUCCESS)
}
