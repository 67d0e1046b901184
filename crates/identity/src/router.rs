//! The endpoints, a line each.

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::{endpoints, identity::Server, pages};

/// What the server answers, in the notation of a route's `match`.
pub const ROUTES: &[&str] = &[
    "GET /.well-known/openid-configuration",
    "GET /.well-known/oauth-authorization-server",
    "GET /oauth2/jwks",
    "GET,POST /oauth2/authorize",
    "POST /oauth2/consent",
    "POST /oauth2/par",
    "POST /oauth2/token",
    "POST /oauth2/device",
    "POST /oauth2/revoke",
    "POST /oauth2/introspect",
    "GET,POST /oauth2/userinfo",
    "POST /oauth2/register",
    "GET,PUT,DELETE /oauth2/register/{client}",
    "GET,POST /oauth2/logout",
    "GET,POST /login",
    "GET,POST /login/totp",
    "GET,POST /login/recovery",
    "GET,POST /login/passkey",
    "GET,POST /device",
    "GET /login/external/{provider}",
    "GET /login/external/{provider}/return",
    "POST /account/external/{provider}",
    "POST /account/disconnect",
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
    "GET /invitation/open",
    "POST /invitation/password",
    "POST /invitation/passkey",
    "GET /assets/{file}",
];

/// The endpoints of a server.
pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(endpoints::metadata))
        .route("/.well-known/oauth-authorization-server", get(endpoints::metadata))
        .route("/oauth2/jwks", get(endpoints::jwks))
        .route("/oauth2/authorize", get(endpoints::authorize).post(endpoints::authorize))
        .route("/oauth2/consent", post(endpoints::consent))
        .route("/oauth2/par", post(endpoints::par))
        .route("/oauth2/token", post(endpoints::token))
        .route("/oauth2/device", post(endpoints::device))
        .route("/oauth2/revoke", post(endpoints::revoke))
        .route("/oauth2/introspect", post(endpoints::introspect))
        .route("/oauth2/userinfo", get(endpoints::userinfo).post(endpoints::userinfo))
        .route("/oauth2/register", post(endpoints::register))
        .route(
            "/oauth2/register/{client}",
            get(endpoints::registration).put(endpoints::registration).delete(endpoints::registration),
        )
        .route("/oauth2/logout", get(endpoints::end_session).post(endpoints::end_session))
        .route("/logout", get(pages::ask_to_log_out).post(endpoints::confirm_end))
        .merge(pages::router())
        .with_state(server)
}
