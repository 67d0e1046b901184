//! `portcullis`: an API security gateway in one binary. One file a subcommand; `serve` is the composition root.

mod check;
mod cli;
mod control;
mod diff;
mod doctor;
mod explain;
mod failure;
mod identity_commands;
mod inventory;
mod key;
mod key_source;
mod output;
mod policy;
mod protect;
mod reload;
mod resident;
mod sandbox;
mod schema;
mod serve;
mod story;
mod tail;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, ConfigCommand};

/// Requests make and drop many small things on one thread each, which this allocator does in fewer steps than
/// the C library's, and it gives back what a burst of connections or a large body needed.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Config { command: ConfigCommand::Schema } => schema::run(),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Inventory(arguments) => inventory::run(&arguments),
        Command::Client { command } => identity_commands::run_client(command),
        Command::Identity { command } => identity_commands::run_identity(command),
        Command::Session { command } => identity_commands::run_session(command),
        Command::Token { command } => identity_commands::run_token(command),
        Command::User { command } => identity_commands::run_user(command),
        Command::Key { command } => key::run(command),
        Command::Policy { command } => policy::run(command),
        Command::Reload(arguments) => reload::run(arguments),
        Command::Tail(arguments) => tail::run(arguments),
        Command::Protect(arguments) => protect::run(&arguments),
    };
    outcome.unwrap_or_else(|failure| {
        eprintln!("{failure}");
        failure.exit_code()
    })
}
