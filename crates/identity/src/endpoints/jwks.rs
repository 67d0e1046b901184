//! `GET /oauth2/jwks`: the keys that verify our tokens (RFC 7517 §5).

use std::sync::Arc;

use axum::{extract::State, response::Response};

use super::public_json;
use crate::identity::Server;

pub(crate) async fn jwks(State(server): State<Arc<Server>>) -> Response {
    public_json("application/jwk-set+json", server.keys.loaded().document.clone())
}
