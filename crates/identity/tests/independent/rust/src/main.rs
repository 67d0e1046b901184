//! Clients over the crates `openidconnect` and `oauth2`. Arguments: which of them, and a JSON object with issuer, user and
//! clients. A line is written for each flow that was passed; the first thing that is not as it must be ends the program.

mod oauth;
mod openid;
mod person;
mod told;
mod wire;

use std::error::Error;

/// Why a flow was not passed.
type Wrong = Box<dyn Error>;

fn main() -> Result<(), Wrong> {
    let mut arguments = std::env::args().skip(1);
    let (which, told) = (arguments.next().ok_or("which crate?")?, arguments.next().ok_or("who is the server?")?);
    let told = serde_json::from_str(&told)?;
    match which.as_str() {
        "openidconnect" => openid::flows(&told),
        "oauth2" => oauth::flows(&told),
        other => Err(format!("`openidconnect` or `oauth2`, not {other}").into()),
    }
}
