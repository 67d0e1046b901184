//! What clients can know of the server (RFC 8414 §2, OpenID Connect Discovery §3).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::public_json;
use crate::{clients::GrantType, identity::Server, keys::ALGORITHMS, settings::BUILT_IN_SCOPES};

/// Algorithms that clients sign assertions and proofs with: asymmetric ones.
pub(crate) const CLIENT_ALGORITHMS: [&str; 10] =
    ["ES256", "ES384", "ES512", "EdDSA", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

pub(crate) async fn metadata(State(server): State<Arc<Server>>) -> Response {
    public_json("application/json", document(&server).to_string())
}

fn document(server: &Server) -> Value {
    let settings = &server.settings;
    let at = |path: &str| settings.issuer.at(path);
    let scopes: Vec<&str> = BUILT_IN_SCOPES.into_iter().chain(settings.scopes.keys().map(String::as_str)).collect();
    let methods = [
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
    ];
    let mut document = json!({
        "issuer": settings.issuer.as_str(),
        "authorization_endpoint": at("/oauth2/authorize"),
        "token_endpoint": at("/oauth2/token"),
        "jwks_uri": at("/oauth2/jwks"),
        "pushed_authorization_request_endpoint": at("/oauth2/par"),
        "device_authorization_endpoint": at("/oauth2/device"),
        "revocation_endpoint": at("/oauth2/revoke"),
        "introspection_endpoint": at("/oauth2/introspect"),
        "userinfo_endpoint": at("/oauth2/userinfo"),
        "end_session_endpoint": at("/oauth2/logout"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ALGORITHMS.map(jose::Algorithm::name),
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": CLIENT_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": &methods[1..],
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": CLIENT_ALGORITHMS,
        "tls_client_certificate_bound_access_tokens": true,
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": server.way_out.is_connected(),
        "backchannel_logout_session_supported": server.way_out.is_connected(),
        "client_id_metadata_document_supported": server.takes_clients_by_url(),
        "require_pushed_authorization_requests": settings.fapi,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_parameter_supported": false,
        "acr_values_supported": ["aal1", "aal2"],
        "prompt_values_supported": ["none", "login", "consent"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash",
            "name", "preferred_username", "email", "email_verified",
        ],
    });
    if let Some(members) = document.as_object_mut().filter(|_| settings.registration) {
        members.insert("registration_endpoint".into(), at("/oauth2/register").into());
    }
    document
}
