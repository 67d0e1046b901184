//! Clients: programs that ask for tokens.

mod assertion;
mod authentication;
mod kind;
mod known;
mod metadata;
mod model;
mod origins;
mod redirect;

pub(crate) use authentication::Authenticated;
pub use kind::ClientKind;
pub(crate) use known::KnownClients;
pub(crate) use metadata::Registration;
pub use model::{Authentication, Client, ClientId, GrantType, TokenFormat};
pub use redirect::{NotARedirect, RedirectUri};
