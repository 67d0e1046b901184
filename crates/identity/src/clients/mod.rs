//! Clients: programs that ask for tokens.

mod kind;
mod model;
mod origins;
mod redirect;

pub use kind::ClientKind;
pub use model::{Authentication, Client, ClientId, GrantType, TokenFormat};
pub use redirect::{NotARedirect, RedirectUri};
