//! Logging in through another OpenID provider (OpenID Connect Core §3.1), as its client.
//!
//! Authorization code with PKCE, `state` and `nonce`; what belongs to a login that is under way is in a sealed cookie of the
//! browser it began in ([`Attempt`]), so nothing is stored before the provider has spoken. Its issuer is checked in the
//! discovery document, in the answer (RFC 9207) and in the ID token. Who somebody is here is decided by the connection that
//! they made themselves, or by the one rule that the operator set for the provider ([`Linking`]).

mod attempt;
mod exchange;
mod identify;
mod provider;
mod remote;

pub(crate) use attempt::{Attempt, Intent};
pub(crate) use identify::Identified;
pub use provider::{Linking, Provider, ProviderSecret};
pub(crate) use remote::Remotes;

/// Why a login at a provider led nowhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FederationError {
    /// There is no such provider, or no way out to it.
    #[error("there is no provider `{0}`, or nothing that makes requests to it")]
    NoProvider(String),
    /// The answer belongs to no login of this browser, or came too late.
    #[error("the answer belongs to no login that is under way in this browser")]
    NoAttempt,
    /// The provider said no.
    #[error("the provider answered `{0}`")]
    Refused(String),
    /// Another issuer answered than was asked (RFC 9207).
    #[error("the answer is of another issuer")]
    WrongIssuer,
    /// A request to the provider failed.
    #[error("{0}")]
    Outgoing(#[from] crate::outgoing::OutgoingError),
    /// A document of the provider's is not what it should be.
    #[error("the provider's {0} cannot be used")]
    Document(&'static str),
    /// The ID token is not to be believed.
    #[error("the ID token is refused: {0}")]
    IdToken(#[from] jose::Invalid),
    /// The ID token is for another login.
    #[error("the ID token is for another login or another client")]
    WrongToken,
    /// The database.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}
