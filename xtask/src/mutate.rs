//! Mutated requests through a release of the gateway to origins of other people's making, at length.

use std::process::Command;

use clap::{Args, ValueEnum};

use crate::step::{release, run};

/// What to send, and to whom.
#[derive(Args)]
pub(crate) struct Mutate {
    /// Requests for each origin; a million takes hours.
    #[arg(long, default_value_t = 100_000)]
    requests: u64,
    /// What the mutations are drawn from; the same seed gives the same requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One origin instead of all.
    #[arg(long)]
    origin: Option<Origin>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Origin {
    Nginx,
    Haproxy,
    Apache,
    Gunicorn,
    Aiohttp,
    Node,
}

impl Mutate {
    /// Runs the test of the same name with more requests; it prints the figures, and fails with what it found.
    pub(crate) fn run(&self) -> Result<(), String> {
        // One after another: the figures are of one origin alone.
        let binary = release()?;
        let mut command = Command::new("cargo");
        command.env("PORTCULLIS_BINARY", binary);
        command.args(["test", "--test", "mutated_requests", "--", "--nocapture", "--test-threads=1"]);
        if let Some(origin) = self.origin {
            command.arg(format!("{}_", origin.name()));
        }
        command.env("PORTCULLIS_MUTATED_REQUESTS", self.requests.to_string());
        command.env("PORTCULLIS_MUTATION_SEED", self.seed.to_string());
        run(&mut command, &format!("{} mutated requests to each origin, seed {}", self.requests, self.seed))
    }
}

impl Origin {
    /// As its test is named.
    fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Apache => "apache",
            Self::Gunicorn => "gunicorn",
            Self::Aiohttp => "aiohttp",
            Self::Node => "node",
        }
    }
}
