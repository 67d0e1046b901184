//! Why a command did not do its work, and the exit code that says so.

use std::{io, path::PathBuf, process::ExitCode};

/// `check` ran and found something.
pub(crate) const FINDINGS: u8 = 3;

/// What a command comes to.
pub(crate) type Outcome = Result<ExitCode, Failure>;

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is not valid; all mistakes are shown.
    #[error("{0}")]
    Config(Box<config::Report>),
    /// A file, folder or socket could not be used.
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    /// The runtime or a signal handler could not be set up.
    #[error("the runtime did not start: {0}")]
    Runtime(io::Error),
    /// The store did not do what it was asked for.
    #[error(transparent)]
    Store(#[from] store::StoreError),
    /// The authorization server did not start.
    #[error("identity: {0}")]
    Identity(#[from] identity::IdentityError),
    /// An address that the configuration takes for an issuer, and the server does not.
    #[error("identity: {0}")]
    Issuer(identity::NotAnIssuer),
    /// The client secret at a provider is no text.
    #[error("identity.providers.{0}: the client secret is no text; store it as the provider shows it")]
    ProviderSecret(String),
    /// The gateway did not start.
    #[error(transparent)]
    Start(#[from] gateway::StartError),
    /// The kernel refused the sandbox.
    #[error("sandbox: {0}")]
    Sandbox(#[from] crate::sandbox::SandboxError),
    /// A certificate could not be made.
    #[error("local certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// There is no such code.
    #[error("{0} is not a code of this version; codes look like PC-0101")]
    UnknownCode(String),
    /// Nobody answers on the control socket.
    #[error("{path}: no gateway answers ({source}); start one with `portcullis serve`, or name its folder with --data")]
    NotRunning { path: PathBuf, source: io::Error },
    /// Another gateway uses the same data folder.
    #[error("{0}: another gateway runs with this data folder; stop it first, or name another folder")]
    AlreadyRunning(PathBuf),
    /// The gateway refused or could not do what it was asked for.
    #[error("{0}")]
    Refused(String),
    /// The gateway does not take commands from this user.
    #[error("{0}")]
    NotAuthenticated(String),
    /// An argument has the right form but makes no sense.
    #[error("{0}")]
    Usage(String),
    /// An answer on the control socket is not one of this version.
    #[error("the gateway's answer cannot be read ({0}); is it of another version?")]
    Protocol(serde_json::Error),
    /// Data could not be written to standard output.
    #[error("standard output: {0}")]
    Stdout(io::Error),
}

impl Failure {
    /// 1 failed, 2 wrong usage, 4 not authenticated.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::NotAuthenticated(_) => ExitCode::from(4),
            Self::Config(_)
            | Self::File { .. }
            | Self::Runtime(_)
            | Self::Store(_)
            | Self::Identity(_)
            | Self::Issuer(_)
            | Self::ProviderSecret(_)
            | Self::Start(_)
            | Self::Sandbox(_)
            | Self::Certificate(_)
            | Self::UnknownCode(_)
            | Self::NotRunning { .. }
            | Self::AlreadyRunning(_)
            | Self::Refused(_)
            | Self::Protocol(_)
            | Self::Stdout(_) => ExitCode::FAILURE,
        }
    }

    /// For `map_err`: what the system said about `path`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

impl From<config::Report> for Failure {
    fn from(report: config::Report) -> Self {
        Self::Config(Box::new(report))
    }
}
