//! The protocol's endpoints, one file each.

mod authorize;
pub(crate) mod call;
mod device;
mod end_session;
mod introspect;
mod jwks;
mod metadata;
mod par;
mod register;
mod revoke;
mod token;
mod userinfo;

pub(crate) use authorize::{authorize, consent};
pub(crate) use call::Call;
pub(crate) use device::device;
pub(crate) use end_session::{confirm_end, end_session};
pub(crate) use introspect::introspect;
pub(crate) use jwks::jwks;
pub(crate) use metadata::metadata;
pub(crate) use par::par;
pub(crate) use register::{register, registration};
pub(crate) use revoke::revoke;
pub(crate) use token::token;
pub(crate) use userinfo::userinfo;

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

/// An answer in JSON that nobody keeps.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(body.to_string().into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A document that anyone may keep for a while.
pub(crate) fn public_json(kind: &'static str, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::try_from(format!("public, max-age={}", crate::keys::JWKS_MAX_AGE)) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    response
}
