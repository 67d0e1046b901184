//! Commands about the built-in authorization server.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Output, Server};

/// `portcullis user`.
#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user and print the one-time link by which they choose a password or passkey
    Create {
        #[command(flatten)]
        server: Server,
        /// What they log in with
        #[arg(long)]
        name: String,
        /// What people call them
        #[arg(long, value_name = "TEXT", default_value = "")]
        display_name: String,
        /// Their address, which you vouch for
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        /// A role that policies know; may be given more than once
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// The tenant they belong to
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// List all users
    List {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Shut a user out at once, everywhere
    Disable(Named),
    /// Let a user in again
    Enable(Named),
    /// Print a one-time link by which a user begins
    Invite {
        #[command(flatten)]
        named: Named,
        /// They lost everything: what could log in before no longer can once the link is used
        #[arg(long)]
        recover: bool,
    },
    /// Show where a user is logged in
    Sessions(Named),
}

/// Somebody or something by its name or id.
#[derive(Args)]
pub(crate) struct Named {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Login name of a user, or id of a client
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// `portcullis client`.
#[derive(Subcommand)]
pub(crate) enum ClientCommand {
    /// Register a client, with what is safe for its type; print its id, and its secret once
    Create(Box<NewClient>),
    /// List all clients
    List {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
    /// Print another secret once; the one before is good for an hour more
    RotateSecret(Named),
    /// Shut a client out, with all tokens it has
    Disable(Named),
    /// Let a client in again
    Enable(Named),
    /// Remove a client with all that it was given
    Delete(Named),
}

/// `portcullis client create`.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub(crate) struct NewClient {
    #[command(flatten)]
    pub(crate) server: Server,
    /// What users see
    #[arg(long)]
    pub(crate) name: String,
    /// What kind of program it is
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    pub(crate) kind: Kind,
    /// Its id, instead of one that is made up
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Where users may be sent back to; may be given more than once
    #[arg(long = "redirect-uri", value_name = "URI")]
    pub(crate) redirect_uris: Vec<String>,
    /// A scope that it may ask for; may be given more than once
    #[arg(long = "scope", value_name = "SCOPE")]
    pub(crate) scopes: Vec<String>,
    /// An API that its tokens may be for, instead of all; may be given more than once
    #[arg(long = "resource", value_name = "URI")]
    pub(crate) resources: Vec<String>,
    /// It is your own: users are not asked for consent
    #[arg(long)]
    pub(crate) first_party: bool,
    /// Its tokens are worth nothing without the key that it proves to hold
    #[arg(long)]
    pub(crate) dpop: bool,
    /// Its access tokens say nothing to whoever reads them
    #[arg(long)]
    pub(crate) opaque: bool,
    /// It keeps to the FAPI 2.0 Security Profile, and so proves itself with a key or a certificate
    #[arg(long, requires = "proof")]
    pub(crate) fapi: bool,
    /// File with its public keys (a JWK set), by which it proves itself instead of a secret
    #[arg(long, value_name = "FILE", group = "proof")]
    pub(crate) jwks: Option<PathBuf>,
    /// Subject of its certificate of an authority of yours, such as `CN=billing,O=Example` (RFC 4514)
    #[arg(long, value_name = "DN", group = "proof")]
    pub(crate) certificate_subject: Option<String>,
    /// DNS name or URI among the alternative names of its certificate of an authority of yours
    #[arg(long, value_name = "NAME", group = "proof")]
    pub(crate) certificate_name: Option<String>,
    /// File with its own certificates (PEM), of whatever authority; a listener must trust them as well
    #[arg(long, value_name = "FILE", group = "proof")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its tokens are worth nothing without its certificate
    #[arg(long)]
    pub(crate) certificate_bound: bool,
    /// Where it is told that a session ended (OpenID Connect Back-Channel Logout)
    #[arg(long, value_name = "URI")]
    pub(crate) backchannel_logout_uri: Option<String>,
    /// It must be told which session ended (it always is)
    #[arg(long, requires = "backchannel_logout_uri")]
    pub(crate) backchannel_logout_session_required: bool,
    /// A role that tokens it gets for itself say; may be given more than once
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<String>,
    /// The tenant that tokens it gets for itself say
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Type of a client.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Kind {
    /// A server with users
    Web,
    /// An app on a phone or a desktop
    Native,
    /// Script in a page
    Browser,
    /// A program without users
    Service,
    /// A program that acts for a user by its own lights
    Agent,
}

/// `portcullis session`.
#[derive(Subcommand)]
pub(crate) enum SessionCommand {
    /// Show where a user is logged in
    List(Named),
    /// End a session of a user, with all tokens that came of it
    Revoke {
        #[command(flatten)]
        named: Named,
        /// Id of the session, as `session list` shows it; all of the user's without it
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
}

/// `portcullis token`.
#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Read an access token on standard input; say whether it is good, or why not (exit 3 if not)
    Check {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        output: Output,
    },
}

/// `portcullis identity`.
#[derive(Subcommand)]
pub(crate) enum IdentityCommand {
    /// Make the registered clients those of a file; clients that it does not name stay
    Apply(Declaration),
    /// Say what `apply` would change (exit 3 if anything)
    Diff(Declaration),
}

/// A declarative file.
#[derive(Args)]
pub(crate) struct Declaration {
    #[command(flatten)]
    pub(crate) server: Server,
    /// Such as identity.yaml
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) output: Output,
}
