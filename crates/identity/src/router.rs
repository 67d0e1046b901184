//! The endpoints, a line each.

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::{endpoints, identity::Server};

/// What the server answers, in the notation of a route's `match`.
pub const ROUTES: [&str; 3] =
    ["GET /.well-known/openid-configuration", "GET /.well-known/oauth-authorization-server", "GET /oauth2/jwks"];

/// The endpoints of a server.
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(endpoints::metadata))
        .route("/.well-known/oauth-authorization-server", get(endpoints::metadata))
        .route("/oauth2/jwks", get(endpoints::jwks))
        .with_state(server)
}
