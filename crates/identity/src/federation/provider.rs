//! A provider that people may log in through.

use std::fmt;

use zeroize::Zeroizing;

/// The client secret at a provider. Erased when dropped; its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct ProviderSecret(Zeroizing<String>);

impl ProviderSecret {
    /// Takes a secret.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ProviderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderSecret(redacted)")
    }
}

/// A provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in addresses: lower-case letters, digits and hyphens.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// Its issuer identifier, as its discovery document says it.
    pub issuer: String,
    /// This server's client id there.
    pub client_id: String,
    /// This server's secret there; none for a public client.
    pub client_secret: Option<ProviderSecret>,
    /// Scopes besides `openid`.
    pub scopes: Vec<String>,
    /// Who somebody is here whom nobody has connected yet.
    pub linking: Linking,
}

/// The rule for people of a provider who are not connected with a user yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Linking {
    /// Nobody: users connect their accounts themselves, when they are logged in.
    #[default]
    ByTheUser,
    /// The one user with the same address, if both the provider and an operator here say that it was verified. Set it only
    /// for a provider that nobody can get such a claim from for an address that is not theirs.
    ByVerifiedEmail,
    /// A new user, named as `preferred_username` says, if that name is free.
    NewUser,
}
