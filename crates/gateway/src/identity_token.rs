//! Identity for upstreams: a short-lived JWT (RFC 7519) that says who the caller is, signed by this gateway.

use std::{path::Path, sync::PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, header, request::Parts};
use serde_json::json;

use crate::{
    authenticate::{Assertion, Caller},
    authorize,
    body::Outbound,
    route::Route,
};

/// Where upstreams find the public key.
pub(crate) const KEYS_PATH: &str = "/.well-known/portcullis/jwks.json";
/// `iss` of identity tokens.
const ISSUER: &str = "portcullis";
/// Life of an identity token in seconds.
const LIFETIME: u64 = 60;
/// A token is sent again for this many seconds, so that one that arrives still has half its life.
const REUSED_FOR: u64 = 30;

/// Why the signing key could not be had.
#[derive(Debug, thiserror::Error)]
pub enum IdentityKeyError {
    /// The key file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The key file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file does not hold a key, or none could be made.
    #[error("{path} does not hold an ES256 key in PKCS#8: {reason}")]
    Key {
        /// The key file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Signs identity tokens.
pub(crate) struct IdentitySigner {
    key: jose::SigningKey,
    jwks: Bytes,
}

impl IdentitySigner {
    /// Takes the key from the data folder; the first start makes it.
    pub(crate) fn open(data: &Path) -> Result<Self, IdentityKeyError> {
        let path = data.join("identity.key");
        let shown = path.display().to_string();
        let key_error =
            |error: &dyn std::fmt::Display| IdentityKeyError::Key { path: shown.clone(), reason: error.to_string() };
        let file_error = |source| IdentityKeyError::File { path: shown.clone(), source };
        let key = match std::fs::read(&path) {
            Ok(der) => jose::SigningKey::from_pkcs8(jose::Algorithm::Es256, &der).map_err(|e| key_error(&e))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = jose::SigningKey::generate(jose::Algorithm::Es256).map_err(|e| key_error(&e))?;
                let der = key.to_pkcs8().map_err(|e| key_error(&e))?;
                write_private(&path, &der).map_err(file_error)?;
                key
            }
            Err(error) => return Err(file_error(error)),
        };
        let jwks = Bytes::from(json!({ "keys": [key.public_jwk()] }).to_string());
        Ok(Self { key, jwks })
    }

    /// The identity token for a caller at an API; one made lately is used again.
    pub(crate) fn assertion(&self, caller: &Caller, route: &Route, now: u64) -> Option<HeaderValue> {
        let mut assertions = caller.assertions.lock().unwrap_or_else(PoisonError::into_inner);
        let position = assertions.iter().position(|made| made.api == route.api_index);
        if let Some(made) = position.and_then(|at| assertions.get(at)).filter(|made| made.fresh_until > now) {
            return Some(made.value.clone());
        }
        let made = Assertion {
            api: route.api_index,
            fresh_until: now.saturating_add(REUSED_FOR),
            value: self.sign(caller, route, now)?,
        };
        let value = made.value.clone();
        if let Some(at) = position {
            assertions.swap_remove(at);
        }
        assertions.push(made);
        Some(value)
    }

    fn sign(&self, caller: &Caller, route: &Route, now: u64) -> Option<HeaderValue> {
        let claims = json!({
            "iss": ISSUER,
            "aud": route.api,
            "sub": caller.subject,
            "iat": now,
            "exp": now.saturating_add(LIFETIME),
            "scope": authorize::text(&caller.scopes),
            "authentication": caller.method,
            "credential": caller.credential,
        });
        let token = self.key.sign_jwt("portcullis-identity+jwt", &claims).ok()?;
        HeaderValue::try_from(token).ok()
    }

    /// The public key as a JWKS.
    pub(crate) fn key_response(&self) -> Response<Outbound> {
        let mut response = Response::new(Outbound::full(self.jwks.clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        response
    }
}

/// Whether a request asks for the public key.
pub(crate) fn is_key_request(parts: &Parts) -> bool {
    parts.uri.path() == KEYS_PATH && matches!(parts.method, Method::GET | Method::HEAD)
}

fn write_private(path: &Path, der: &[u8]) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(der)?;
    file.sync_all()
}
