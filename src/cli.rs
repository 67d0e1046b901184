//! The command line. Its names are a contract; no secret is ever an argument.

pub(crate) mod identity;
pub(crate) mod policy;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// An API security gateway: authenticates, authorizes, limits and proxies every request.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 findings, 4 not authenticated.
#[derive(Parser)]
#[command(name = "portcullis", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the gateway until SIGTERM or SIGINT, then drain
    Serve(Serve),
    /// Say everything that is wrong with a configuration (exit 3 if there is anything)
    Check(Check),
    /// Say which routes became more permissive between two configurations (exit 3 if any did)
    Diff(Diff),
    /// Check the place that the gateway will run in (exit 3 if anything is wrong)
    Doctor(Doctor),
    /// About the configuration format
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Say what a code such as PC-0101 means, or what became of a request by its id
    Explain(Explain),
    /// Hold what is documented, routed and used against each other (exit 3 if they differ)
    Inventory(Inventory),
    /// Register clients of the authorization server
    Client {
        #[command(subcommand)]
        command: identity::ClientCommand,
    },
    /// Hold the authorization server against a declarative file
    Identity {
        #[command(subcommand)]
        command: identity::IdentityCommand,
    },
    /// Manage API keys of a running gateway
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Check, test, explain and compare policies
    Policy {
        #[command(subcommand)]
        command: policy::PolicyCommand,
    },
    /// Have a running gateway read its configuration file again; a file that is not valid changes nothing
    Reload(Reload),
    /// See and end sessions of users
    Session {
        #[command(subcommand)]
        command: identity::SessionCommand,
    },
    /// Show requests of a running gateway as they end
    Tail(Tail),
    /// Judge access tokens
    Token {
        #[command(subcommand)]
        command: identity::TokenCommand,
    },
    /// Manage users of the authorization server
    User {
        #[command(subcommand)]
        command: identity::UserCommand,
    },
    /// Put a gateway in front of one API: local CA, first key, done
    Protect(Protect),
}

/// `portcullis serve`.
#[derive(Args)]
pub(crate) struct Serve {
    /// Configuration file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// `portcullis check`.
#[derive(Args)]
pub(crate) struct Check {
    /// Configuration file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `portcullis diff`.
#[derive(Args)]
pub(crate) struct Diff {
    /// Configuration file in force
    pub(crate) old: PathBuf,
    /// Configuration file that would replace it
    pub(crate) new: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `portcullis doctor`.
#[derive(Args)]
pub(crate) struct Doctor {
    /// Configuration file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `portcullis config`.
#[derive(Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the JSON Schema of the configuration file
    Schema,
}

/// `portcullis reload`.
#[derive(Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    pub(crate) server: Server,
}

/// `portcullis explain`.
#[derive(Args)]
pub(crate) struct Explain {
    /// A code, in any case, or the id of a request that ended a moment ago
    #[arg(value_name = "CODE|REQUEST_ID")]
    pub(crate) code: String,
    /// Configuration file of the running gateway, for a request
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Data folder of the running gateway, for a request
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `portcullis inventory`.
#[derive(Args)]
pub(crate) struct Inventory {
    /// Configuration file of the running gateway
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print an OpenAPI Overlay instead that adds what is used but not documented
    #[arg(long)]
    pub(crate) patch: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `portcullis tail`.
#[derive(Args)]
pub(crate) struct Tail {
    /// Refusals alone
    #[arg(long)]
    pub(crate) denied: bool,
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `portcullis key`.
#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print it once
    Create {
        #[command(flatten)]
        server: Server,
        /// Who will use the key
        #[arg(long)]
        owner: String,
        /// What for
        #[arg(long)]
        name: String,
        /// A scope that the key carries; may be given more than once
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// A role that policies know; may be given more than once
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// The tenant that the key belongs to
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        /// Lifetime, such as 90d, 12h, 30m or 45s
        #[arg(long, value_name = "TIME", value_parser = duration, default_value = "90d")]
        expires_in: Duration,
        #[command(flatten)]
        output: Output,
    },
    /// List all keys
    List {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Replace a key: print its successor once, let the old one expire after a grace
    Roll {
        #[command(flatten)]
        server: Server,
        /// Id of the key, as `key list` shows it
        id: String,
        /// How long the old key stays good
        #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1h")]
        grace: Duration,
        #[command(flatten)]
        output: Output,
    },
    /// Change what a key may do; its text and its expiry stay
    #[command(group(clap::ArgGroup::new("change").required(true).multiple(true)))]
    Update {
        #[command(flatten)]
        server: Server,
        /// Id of the key, as `key list` shows it
        id: String,
        /// A scope that it carries from now on, instead of those it has; may be given more than once
        #[arg(long = "scope", value_name = "SCOPE", group = "change")]
        scopes: Vec<String>,
        /// Take all its scopes
        #[arg(long, conflicts_with = "scopes", group = "change")]
        no_scopes: bool,
        /// A role that it has from now on, instead of those it has; may be given more than once
        #[arg(long = "role", value_name = "ROLE", group = "change")]
        roles: Vec<String>,
        /// Take all its roles
        #[arg(long, conflicts_with = "roles", group = "change")]
        no_roles: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Revoke a key at once and for ever
    Revoke {
        #[command(flatten)]
        server: Server,
        /// Id of the key, as `key list` shows it
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

/// Which running gateway is meant.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Server {
    /// Configuration file of the running gateway
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Data folder of the running gateway
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

/// `portcullis protect`.
#[derive(Args)]
pub(crate) struct Protect {
    /// The API to protect, such as <http://127.0.0.1:9000>
    pub(crate) url: String,
    /// How callers authenticate
    #[arg(long, value_enum, default_value = "api-key")]
    pub(crate) auth: Auth,
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
    /// Also write the configuration here, for `portcullis serve -c FILE`
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
}

/// How callers of a protected API authenticate.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Auth {
    /// API keys
    ApiKey,
}

/// How data is printed.
#[derive(Args)]
pub(crate) struct Output {
    /// Form of the data on standard output
    #[arg(short = 'o', long = "output", value_enum, default_value = "table")]
    pub(crate) format: Format,
}

/// Form of data on standard output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Reads `90d`, `12h`, `30m` or `45s`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time: give a whole number with s, m, h or d, such as 90d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number = text.strip_suffix(unit).and_then(|number| number.parse::<u64>().ok()).ok_or_else(wrong)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}
