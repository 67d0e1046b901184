//! Developer commands of Portcullis: `cargo xtask ci` runs every check, `cargo xtask demo` shows the gateway at work.

mod ci;
mod decisions;
mod demo;
mod docs;
mod fuzz;
mod mutate;
mod profile;
mod reproduce;
mod simulate;
mod soak;
mod step;
mod timing;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", about = "Developer commands of Portcullis")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Installs what the checks need, then runs them all: format, lints, tests, documentation.
    Ci,
    /// Writes the pages of `docs/` that come from the code.
    Docs,
    /// Learns what releases are optimised for, from an instrumented build under ordinary load. To be run when the way of a
    /// request has changed much, or the compiler.
    Profile,
    /// Builds the newest commit in two folders and compares the binaries.
    Reproduce,
    /// Runs the gateway for long, with many clients, reloads and kills, and prints the figures: slow-clients, reload,
    /// kill, drain, or all of them.
    Soak {
        /// One of them
        name: Option<String>,
    },
    /// Builds a release and runs it in front of the demo origin, on 127.0.0.1:8443.
    Demo,
    /// Runs the fuzz targets under libFuzzer.
    Fuzz(fuzz::Fuzz),
    /// Compares decisions of indexed and cached policies with plain Cedar's, on a million random questions.
    Decisions {
        /// How many
        #[arg(long, default_value_t = 1_000_000)]
        number: u64,
        /// Where the random numbers start
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Measures whether a failed login takes longer for users that there are than for others (Welch's t-test). Takes some
    /// minutes.
    Timing {
        /// How many of each
        #[arg(long, default_value_t = 10_000)]
        tries: u64,
    },
    /// Sends mutated requests through a release to each of six origins, which must see what was accepted and no more.
    Mutate(mutate::Mutate),
    /// Prints what shared limits cost and how exact they are, for 2 to 1,000 instances.
    Simulate {
        /// What to simulate
        subject: simulate::Subject,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Ci => ci::run_checks(),
        Command::Docs => docs::write(),
        Command::Profile => profile::run_profile(),
        Command::Reproduce => reproduce::run_reproduce(),
        Command::Soak { name } => soak::run_soaks(name.as_deref()),
        Command::Demo => demo::run_demo(),
        Command::Fuzz(fuzz) => fuzz.run(),
        Command::Decisions { number, seed } => decisions::run_decisions(number, seed),
        Command::Timing { tries } => timing::run_timing(tries),
        Command::Mutate(mutate) => mutate.run(),
        Command::Simulate { subject } => {
            simulate::run(subject);
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}
