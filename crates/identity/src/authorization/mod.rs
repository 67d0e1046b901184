//! Authorization requests (RFC 6749 §4.1.1): what a client asks for in a user's browser.
//!
//! A request is read anew each time a browser brings it back: after a login, and with the user's answer. So nothing is
//! stored of it, and what was checked when it was shown is checked again when a code is given.

mod outcome;
mod request;
mod standing;
mod words;

pub(crate) use outcome::{Refused, redirect, see_other};
pub(crate) use request::{AuthorizationRequest, PUSHED};
pub(crate) use standing::Standing;
pub(crate) use words::{lifetime, scope_words};
