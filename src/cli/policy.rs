//! `portcullis policy`.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::Output;

/// What to do with policies.
#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    /// Say everything that is wrong with the policies of a configuration (exit 3 if there is anything)
    Check(File),
    /// Put the test cases of a configuration to its policies (exit 3 if one fails)
    Test(File),
    /// Say which policies decide over a request, and what would have to be true
    Why(Box<Why>),
    /// Tabulate roles, groups and named callers against operations
    Matrix(Matrix),
    /// Say who may do more and who less with other policies (exit 3 if anybody gains)
    Diff(Diff),
    /// Print the Cedar schema, or the policies that roles became
    Print {
        #[command(flatten)]
        file: File,
        /// The policies of the roles instead
        #[arg(long)]
        roles: bool,
    },
}

/// A configuration.
#[derive(Args)]
pub(crate) struct File {
    /// Configuration file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// `portcullis policy matrix`.
#[derive(Args)]
pub(crate) struct Matrix {
    #[command(flatten)]
    pub(crate) file: File,
    /// Form of the table
    #[arg(short = 'o', long = "output", value_enum, default_value = "table")]
    pub(crate) format: MatrixFormat,
}

/// Forms of the matrix.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum MatrixFormat {
    /// For people
    Table,
    /// For spreadsheets
    Csv,
    /// A page without script
    Html,
}

/// `portcullis policy diff`.
#[derive(Args)]
pub(crate) struct Diff {
    /// Configuration file in force
    pub(crate) old: PathBuf,
    /// Configuration file that would replace it
    pub(crate) new: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `portcullis policy why`.
#[derive(Args)]
pub(crate) struct Why {
    /// Id of a request that a running gateway refused a moment ago
    #[arg(value_name = "REQUEST_ID", conflicts_with_all = ["principal", "action", "resource"])]
    pub(crate) request: Option<String>,
    /// Configuration file; of the running gateway, for a request
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Who asks, such as `User::alice`, `Client::job`, `ApiKey::billing` or `Workload::billing`
    #[arg(long, value_name = "KIND::ID")]
    pub(crate) principal: Option<String>,
    /// What for, such as `orders.getOrder`
    #[arg(long)]
    pub(crate) action: Option<String>,
    /// The path that it is done to
    #[arg(long, value_name = "PATH")]
    pub(crate) resource: Option<String>,
    /// A role of the caller; may be given more than once, as all that follow with a name
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<String>,
    /// A group of the caller
    #[arg(long = "group", value_name = "GROUP")]
    pub(crate) groups: Vec<String>,
    /// The tenant of the caller
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// An attribute of the caller
    #[arg(long = "attribute", value_name = "NAME=VALUE")]
    pub(crate) attributes: Vec<String>,
    /// What the upstream's answer says, such as `owner=alice`
    #[arg(long = "object", value_name = "NAME=VALUE")]
    pub(crate) object: Vec<String>,
    /// Where the request comes from
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) address: IpAddr,
    /// When, such as 2026-11-24T12:00:00Z; now, if it is not said
    #[arg(long)]
    pub(crate) time: Option<String>,
    /// How the caller was authenticated
    #[arg(long, default_value = "jwt")]
    pub(crate) method: String,
    /// Authentication context class
    #[arg(long)]
    pub(crate) acr: Option<String>,
    /// Seconds since the caller authenticated
    #[arg(long)]
    pub(crate) age: Option<i64>,
    /// The connection showed a client certificate
    #[arg(long)]
    pub(crate) mtls: bool,
    /// A scope of the credential
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// A header field
    #[arg(long = "header", value_name = "NAME=VALUE")]
    pub(crate) headers: Vec<String>,
    /// A member of the body
    #[arg(long = "body", value_name = "NAME=VALUE")]
    pub(crate) body: Vec<String>,
}
