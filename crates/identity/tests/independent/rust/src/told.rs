//! What the test says of the server that it started.

use serde::Deserialize;

/// The server, somebody who can log in, and clients of each kind.
#[derive(Deserialize)]
pub struct Told {
    pub issuer: String,
    pub name: String,
    pub password: String,
    pub callback: String,
    pub goodbye: String,
    pub web: Registered,
    pub native: Registered,
    pub service: Registered,
}

/// A client that the server knows.
#[derive(Deserialize)]
pub struct Registered {
    pub id: String,
    pub secret: Option<String>,
}

impl Registered {
    /// The secret of a client that has one.
    pub fn secret(&self) -> String {
        self.secret.clone().unwrap_or_default()
    }
}
