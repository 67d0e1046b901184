//! What is known of a client.

use std::{collections::BTreeSet, fmt};

use jose::{Algorithm, JwkSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CertificateName, ClientKind, RedirectUri};

/// Public id of a client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub String);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a client may come by a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GrantType {
    /// RFC 6749 §4.1.
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    /// RFC 6749 §6.
    #[serde(rename = "refresh_token")]
    RefreshToken,
    /// RFC 6749 §4.4.
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    /// RFC 8628.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// RFC 8693.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

impl GrantType {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::DeviceCode, Self::TokenExchange];

    /// Whether only a client that proves who it is may have it.
    pub fn needs_credentials(self) -> bool {
        match self {
            Self::ClientCredentials | Self::TokenExchange => true,
            Self::AuthorizationCode | Self::RefreshToken | Self::DeviceCode => false,
        }
    }

    /// Its registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }
}

/// How a client proves who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method")]
pub enum Authentication {
    /// It cannot: PKCE alone ties its requests together.
    #[serde(rename = "none")]
    None,
    /// A secret, in the Authorization field.
    #[serde(rename = "client_secret_basic")]
    SecretBasic,
    /// A secret, in the body.
    #[serde(rename = "client_secret_post")]
    SecretPost,
    /// A signed assertion (RFC 7523).
    #[serde(rename = "private_key_jwt")]
    PrivateKeyJwt {
        /// Its public keys: a JWK set.
        jwks: Value,
    },
    /// A certificate of a trusted authority (RFC 8705 §2.1).
    #[serde(rename = "tls_client_auth")]
    TlsClientAuth {
        /// What the certificate must say.
        #[serde(flatten)]
        name: CertificateName,
    },
    /// A certificate of its own (RFC 8705 §2.2).
    #[serde(rename = "self_signed_tls_client_auth")]
    SelfSignedTls {
        /// SHA-256 of its certificates, base64url.
        thumbprints: Vec<String>,
    },
}

impl Authentication {
    /// Its registered name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SecretBasic => "client_secret_basic",
            Self::SecretPost => "client_secret_post",
            Self::PrivateKeyJwt { .. } => "private_key_jwt",
            Self::TlsClientAuth { .. } => "tls_client_auth",
            Self::SelfSignedTls { .. } => "self_signed_tls_client_auth",
        }
    }

    /// Whether it proves something that nobody else knows, as the FAPI 2.0 Security Profile asks (§5.3.2.1).
    pub fn is_fit_for_fapi(&self) -> bool {
        match self {
            Self::PrivateKeyJwt { .. } | Self::TlsClientAuth { .. } | Self::SelfSignedTls { .. } => true,
            Self::None | Self::SecretBasic | Self::SecretPost => false,
        }
    }

    /// Whether it proves anything.
    pub fn is_confidential(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// The keys of an assertion.
    pub(crate) fn keys(&self) -> Option<JwkSet> {
        match self {
            Self::PrivateKeyJwt { jwks } => JwkSet::parse(jwks.to_string().as_bytes()).ok(),
            _ => None,
        }
    }
}

/// What an access token looks like outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenFormat {
    /// A JWT (RFC 9068).
    Jwt,
    /// A text that says nothing; the gateway puts the JWT in its place.
    Opaque,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the registry of client metadata")]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// Its name, which users see.
    pub name: String,
    /// What kind of program it is.
    pub kind: ClientKind,
    /// How it proves who it is.
    pub authentication: Authentication,
    /// Whether it belongs to whoever runs the server: its users are not asked for consent.
    #[serde(default)]
    pub first_party: bool,
    /// Where users may be sent back to.
    #[serde(default)]
    pub redirect_uris: Vec<RedirectUri>,
    /// Where users may be sent after logging out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// Where it is told that a session ended (OpenID Connect Back-Channel Logout).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether it needs to be told which session (`sid`); it always is.
    #[serde(default)]
    pub backchannel_logout_session_required: bool,
    /// How it may come by tokens.
    pub grants: BTreeSet<GrantType>,
    /// Scopes that it may ask for.
    pub scopes: BTreeSet<String>,
    /// APIs that its tokens may be for; none listed: all that the server knows.
    #[serde(default)]
    pub resources: Vec<String>,
    /// APIs that the client itself is: it may introspect and exchange tokens that are for them.
    #[serde(default)]
    pub serves: Vec<String>,
    /// Whether its authorization requests need PKCE. Only a confidential client can be exempted, by name.
    #[serde(default = "yes")]
    pub require_pkce: bool,
    /// Whether its authorization requests must be pushed (RFC 9126).
    #[serde(default)]
    pub require_par: bool,
    /// Whether its tokens are bound to a DPoP key (RFC 9449).
    #[serde(default)]
    pub dpop_bound: bool,
    /// Whether its tokens are bound to its certificate (RFC 8705 §3).
    #[serde(default)]
    pub certificate_bound: bool,
    /// Whether it keeps to the FAPI 2.0 Security Profile.
    #[serde(default)]
    pub fapi: bool,
    /// What its ID tokens are signed with.
    #[serde(default = "es256", with = "algorithm")]
    pub id_token_algorithm: Algorithm,
    /// What its access tokens look like; as the server does it, unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_format: Option<TokenFormat>,
    /// Tenant that tokens it gets for itself say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Roles that tokens it gets for itself say.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Page about it, for users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

impl Client {
    /// A client of a kind, with the kind's defaults. Confidential ones have a secret.
    pub fn new(id: ClientId, name: impl Into<String>, kind: ClientKind) -> Self {
        let authentication = if kind.is_confidential() { Authentication::SecretBasic } else { Authentication::None };
        Self {
            id,
            name: name.into(),
            kind,
            authentication,
            first_party: false,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            backchannel_logout_session_required: false,
            grants: kind.default_grants(),
            scopes: BTreeSet::new(),
            resources: Vec::new(),
            serves: Vec::new(),
            require_pkce: true,
            require_par: false,
            dpop_bound: false,
            certificate_bound: false,
            fapi: false,
            id_token_algorithm: Algorithm::Es256,
            token_format: None,
            tenant: None,
            roles: Vec::new(),
            uri: None,
        }
    }

    /// Whether its refresh tokens change with each use: those of clients that prove nothing when they use one
    /// (RFC 9700 §4.14.2). FAPI 2.0 forbids it for the others (§5.3.2.1).
    pub fn rotates_refresh_tokens(&self) -> bool {
        !self.authentication.is_confidential() && !self.fapi
    }

    /// Whether a request must be pushed, PKCE used and tokens bound by the FAPI profile.
    pub fn needs_par(&self) -> bool {
        self.require_par || self.fapi
    }

    /// Whether PKCE may be left out.
    pub fn may_leave_out_pkce(&self) -> bool {
        !self.require_pkce && self.authentication.is_confidential() && !self.fapi
    }
}

fn yes() -> bool {
    true
}

fn es256() -> Algorithm {
    Algorithm::Es256
}

/// Algorithms by their registered names.
mod algorithm {
    use jose::Algorithm;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(algorithm: &Algorithm, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(algorithm.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Algorithm, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(|_| D::Error::custom("not an algorithm of ID tokens"))
    }
}
