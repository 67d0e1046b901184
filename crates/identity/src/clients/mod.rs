//! Clients: programs that ask for tokens.

mod assertion;
mod authentication;
mod by_url;
mod certificate_name;
mod kind;
mod known;
mod metadata;
mod model;
mod origins;
mod redirect;

pub(crate) use authentication::Authenticated;
pub use by_url::ClientsByUrl;
pub(crate) use by_url::Documents;
pub use certificate_name::{CertificateName, DistinguishedName, NotADistinguishedName};
pub use kind::ClientKind;
pub(crate) use known::KnownClients;
pub(crate) use metadata::{Registration, is_https};
pub use model::{Authentication, Client, ClientId, GrantType, TokenFormat};
pub use redirect::{NotARedirect, RedirectUri};
