//! Files that pages load: the style sheet, the one script, the operator's own.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use http::{HeaderValue, StatusCode, header};

use super::error::{self, Fault};
use crate::identity::Server;

pub(crate) async fn asset(State(server): State<Arc<Server>>, Path(file): Path<String>) -> Response {
    let Some(asset) = server.theme.asset(&format!("/assets/{file}")) else {
        return error::of(&server, Fault::NotFound);
    };
    let mut response = Response::new(asset.content.clone().into());
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    // Pages name an asset with a mark of its content.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    // A logo is a document of its own when somebody opens it by itself.
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox"),
    );
    response
}
