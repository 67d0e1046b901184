//! Kinds of clients, each with the defaults that are safe for it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::GrantType;

/// What kind of program a client is (RFC 6749 §2.1, RFC 8252, RFC 9700).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientKind {
    /// A server with users, which keeps a secret.
    Web,
    /// An app on a phone or a desktop: no secret, loopback or claimed redirects.
    Native,
    /// Script in a page: no secret.
    Browser,
    /// A program without users, which keeps a secret.
    Service,
    /// A program that acts for a user by its own lights, such as a language model's tool.
    Agent,
}

impl ClientKind {
    /// Whether it can keep a secret.
    pub fn is_confidential(self) -> bool {
        match self {
            Self::Web | Self::Service => true,
            Self::Native | Self::Browser | Self::Agent => false,
        }
    }

    /// Whether users are sent back to it.
    pub fn has_users(self) -> bool {
        match self {
            Self::Web | Self::Native | Self::Browser | Self::Agent => true,
            Self::Service => false,
        }
    }

    /// The grants that a client of this kind has unless it asks for others.
    pub fn default_grants(self) -> BTreeSet<GrantType> {
        match self {
            Self::Service => BTreeSet::from([GrantType::ClientCredentials]),
            Self::Web | Self::Native | Self::Browser | Self::Agent => {
                BTreeSet::from([GrantType::AuthorizationCode, GrantType::RefreshToken])
            }
        }
    }

    /// The grants that a client of this kind may have at all.
    pub fn allows(self, grant: GrantType) -> bool {
        match grant {
            GrantType::AuthorizationCode | GrantType::DeviceCode | GrantType::RefreshToken => self.has_users(),
            GrantType::ClientCredentials | GrantType::TokenExchange => self.is_confidential(),
        }
    }
}
