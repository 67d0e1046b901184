//! An OAuth 2.1 and OpenID Connect authorization server, with accounts and pages, on an embedded database.
//!
//! [`Identity`] answers the requests of [`ROUTES`] in-process. It knows no gateway: whoever embeds it tells it where a
//! request comes from ([`Origin`]), checks tokens with [`KeyRing`] and [`Revocations`], and keeps [`Identity::follow`]
//! running.

mod clients;
mod clock;
mod endpoints;
mod error;
mod identity;
mod keys;
mod origin;
mod parameters;
mod problem;
mod router;
mod secret;
mod settings;
mod store;
mod tokens;

pub use clients::{Authentication, Client, ClientId, ClientKind, GrantType, NotARedirect, RedirectUri, TokenFormat};
pub use clock::{Clock, SystemClock};
pub use error::IdentityError;
pub use identity::Identity;
pub use keys::{KeyRing, MasterKey, MasterKeyError};
pub use origin::{ClientCertificate, Origin};
pub use router::ROUTES;
pub use secret::{Digest, Purpose, Secret};
pub use settings::{BUILT_IN_SCOPES, Issuer, NotAnIssuer, Settings};
pub use store::{DATABASE, clients::StoredClient};
pub use tokens::{Mark, Revocations, Subject, Verdict};
