//! What an operator decides about the authorization server.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use crate::clients::ClientsByUrl;

/// Longest life of an access token that may be asked for (RFC 9700 §2.2.1 wants short ones).
pub(crate) const MAX_ACCESS_TOKEN: Duration = Duration::from_hours(1);

/// The settings of an authorization server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its identifier.
    pub issuer: Issuer,
    /// APIs that tokens can be for: their resource identifiers (RFC 8707).
    pub resources: Vec<String>,
    /// Scopes that clients may be given, with words for the page that asks users. `openid`, `profile`, `email` and
    /// `offline_access` are always there.
    pub scopes: BTreeMap<String, String>,
    /// Life of an access token. 10 min unless said otherwise.
    pub access_token: Duration,
    /// Life of a refresh token's whole lineage. 30 days unless said otherwise.
    pub refresh_token: Duration,
    /// Longest life of a session in a browser. 12 h unless said otherwise.
    pub session: Duration,
    /// A session ends when it was not used for this long. 1 h unless said otherwise.
    pub session_idle: Duration,
    /// Fewest characters of a new password. 8 unless said otherwise, and never fewer.
    pub password_minimum: usize,
    /// Access tokens are opaque outside, unless a client asks for the other.
    pub opaque_access_tokens: bool,
    /// Every client keeps to the FAPI 2.0 Security Profile.
    pub fapi: bool,
    /// Clients may register themselves with an initial access token (RFC 7591).
    pub registration: bool,
    /// Clients may be known by the address of a document; none unless said.
    pub clients_by_url: Option<ClientsByUrl>,
    /// Signing keys are replaced after this long. 90 days unless said otherwise.
    pub key_rotation: Duration,
    /// Other OpenID providers that people may log in through.
    pub providers: Vec<crate::federation::Provider>,
    /// Folder whose files replace the built-in style, logo and texts.
    pub templates: Option<PathBuf>,
}

/// An issuer identifier: scheme and authority, without a path, query, fragment or slash at its end (RFC 8414 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

/// The text is not an issuer identifier of this server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is `https://HOST[:PORT]`, without a path, and without a port where it is 443")]
pub struct NotAnIssuer;

impl Issuer {
    /// Reads an issuer. `http` is for loopback hosts.
    pub fn parse(text: &str) -> Result<Self, NotAnIssuer> {
        let uri: http::Uri = text.parse().map_err(|_| NotAnIssuer)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(NotAnIssuer)?;
        let authority = uri.authority().ok_or(NotAnIssuer)?.as_str();
        let scheme = uri.scheme_str().ok_or(NotAnIssuer)?;
        let fits = match scheme {
            "https" => uri.port_u16() != Some(443),
            "http" => is_loopback(host) && uri.port_u16() != Some(80),
            _ => false,
        };
        let canonical = format!("{scheme}://{authority}") == text && text.to_ascii_lowercase() == text;
        let bare = !authority.contains('@');
        if fits && canonical && bare { Ok(Self(text.to_owned())) } else { Err(NotAnIssuer) }
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and port.
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Host without its port: the relying party of passkeys.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }

    /// The address of a path of the server.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Settings {
    /// Those of an issuer about which nothing else was said.
    pub fn new(issuer: Issuer) -> Self {
        Self {
            issuer,
            resources: Vec::new(),
            scopes: BTreeMap::new(),
            access_token: Duration::from_mins(10),
            refresh_token: Duration::from_hours(30 * 24),
            session: Duration::from_hours(12),
            session_idle: Duration::from_hours(1),
            password_minimum: 8,
            opaque_access_tokens: false,
            fapi: false,
            registration: false,
            clients_by_url: None,
            key_rotation: Duration::from_hours(90 * 24),
            providers: Vec::new(),
            templates: None,
        }
    }

    /// Whether a scope can be given to anybody.
    pub fn knows_scope(&self, scope: &str) -> bool {
        BUILT_IN_SCOPES.contains(&scope) || self.scopes.contains_key(scope)
    }
}

/// OpenID Connect Core §5.4 and §11.
pub const BUILT_IN_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

pub(crate) fn is_loopback(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    literal == "localhost" || literal.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_issuer_has_one_spelling() {
        for good in ["https://id.example.com", "https://localhost:8443", "http://127.0.0.1:8080", "https://[::1]:8443"]
        {
            assert_eq!(Issuer::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "https://id.example.com/",
            "https://id.example.com/tenant",
            "https://id.example.com:443",
            "https://ID.example.com",
            "https://user@id.example.com",
            "https://id.example.com?a",
            "http://id.example.com",
            "id.example.com",
        ] {
            assert_eq!(Issuer::parse(bad), Err(NotAnIssuer), "{bad}");
        }
        assert_eq!(Issuer::parse("https://localhost:8443").unwrap().host(), "localhost");
    }
}
