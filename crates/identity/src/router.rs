//! The endpoints, a line each.

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::{endpoints, identity::Server, pages};

/// What the server answers, in the notation of a route's `match`.
pub const ROUTES: [&str; 23] = [
    "GET /.well-known/openid-configuration",
    "GET /.well-known/oauth-authorization-server",
    "GET /oauth2/jwks",
    "GET,POST /login",
    "GET,POST /login/totp",
    "GET,POST /login/recovery",
    "GET,POST /login/passkey",
    "GET,POST /logout",
    "GET /account",
    "GET,POST /account/password",
    "GET,POST /account/passkeys",
    "POST /account/passkeys/remove",
    "GET,POST /account/totp",
    "POST /account/totp/confirm",
    "POST /account/totp/remove",
    "POST /account/recovery",
    "POST /account/sessions",
    "POST /account/devices",
    "POST /account/grants",
    "GET /invitation/{link}",
    "POST /invitation/{link}/password",
    "POST /invitation/{link}/passkey",
    "GET /assets/{file}",
];

/// The endpoints of a server.
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(endpoints::metadata))
        .route("/.well-known/oauth-authorization-server", get(endpoints::metadata))
        .route("/oauth2/jwks", get(endpoints::jwks))
        .merge(pages::router())
        .with_state(server)
}
