//! An OAuth 2.1 and OpenID Connect authorization server, with accounts and pages, on an embedded database.
//!
//! [`Identity`] answers the requests of [`ROUTES`] in-process. It knows no gateway: whoever embeds it tells it where a
//! request comes from ([`Origin`]), checks tokens with [`KeyRing`] and [`Revocations`], and keeps [`Identity::follow`]
//! and [`Identity::clean`] running.

mod accounts;
mod authorization;
mod clients;
mod clock;
mod endpoints;
mod error;
mod federation;
mod grants;
mod identity;
mod keys;
mod logout;
mod operators;
mod origin;
mod outgoing;
mod pages;
mod parameters;
mod problem;
mod router;
mod scopes;
mod secret;
mod settings;
mod store;
mod tokens;

pub use accounts::{
    AccountError, Acr, Amr, Event, EventKind, HashingError, InvalidUser, Invitation, InvitationKind, NewUser, Session,
    SessionId, SessionSummary, User, UserId,
};
pub use clients::{
    Authentication, CertificateName, Client, ClientId, ClientKind, ClientsByUrl, DistinguishedName, GrantType,
    NotADistinguishedName, NotARedirect, RedirectUri, TokenFormat,
};
pub use clock::{Clock, SystemClock};
pub use error::IdentityError;
pub use federation::{Linking, Provider, ProviderSecret};
pub use grants::{Grant, GrantId};
pub use identity::Identity;
pub use keys::{KeyRing, MasterKey, MasterKeyError};
pub use logout::Told;
pub use operators::ClientError;
pub use origin::{ClientCertificate, Origin};
pub use outgoing::{Errand, Outgoing, OutgoingError};
pub use pages::ThemeError;
pub use router::ROUTES;
pub use secret::{Digest, Purpose, Secret};
pub use settings::{BUILT_IN_SCOPES, Issuer, NotAnIssuer, Settings};
pub use store::{DATABASE, clients::StoredClient};
pub use tokens::{Mark, Revocations, Subject, Verdict, certificate_thumbprint};
