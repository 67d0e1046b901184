//! Errors of the protocol's endpoints (RFC 6749 §5.2 and the registry that it made).

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

/// A registered error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnauthorizedClient,
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    InsufficientScope,
    AccessDenied,
    LoginRequired,
    ConsentRequired,
    RequestNotSupported,
    InvalidRequestUri,
    RegistrationNotSupported,
    UnmetAuthenticationRequirements,
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    InvalidDpopProof,
    UseDpopNonce,
    InvalidRedirectUri,
    InvalidClientMetadata,
    TemporarilyUnavailable,
}

impl Code {
    /// Its name on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::AccessDenied => "access_denied",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidClient | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope | Self::AccessDenied | Self::RegistrationNotSupported => StatusCode::FORBIDDEN,
            Self::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// An error that a client is told: a code and a sentence that helps to mend the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What kind of error it is.
    pub(crate) code: Code,
    /// What was expected. Nothing of what was sent, and no secret.
    pub(crate) description: &'static str,
    /// The scheme that a 401 asks for.
    pub(crate) challenge: Option<&'static str>,
    /// A nonce for the next proof (RFC 9449 §8).
    pub(crate) dpop_nonce: Option<String>,
}

/// What an endpoint gives, or the error.
pub(crate) type Answer<T> = Result<T, Problem>;

impl Problem {
    /// An error.
    pub(crate) fn new(code: Code, description: &'static str) -> Self {
        Self { code, description, challenge: None, dpop_nonce: None }
    }

    /// `invalid_request`.
    pub(crate) fn invalid_request(description: &'static str) -> Self {
        Self::new(Code::InvalidRequest, description)
    }

    /// `invalid_grant`: also what tells nothing of why a code or token is not good.
    pub(crate) fn invalid_grant(description: &'static str) -> Self {
        Self::new(Code::InvalidGrant, description)
    }

    /// The store did not do what it was asked for. What it said is for the operator.
    pub(crate) fn unavailable(error: &dyn std::fmt::Display) -> Self {
        eprintln!("identity: {error}");
        Self::new(Code::TemporarilyUnavailable, "the server cannot answer now; try again")
    }
}

impl From<store::StoreError> for Problem {
    fn from(error: store::StoreError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::unavailable(&error)
    }
}

impl From<store::token_text::NoRandomness> for Problem {
    fn from(error: store::token_text::NoRandomness) -> Self {
        Self::unavailable(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code.as_str(), "error_description": self.description });
        let mut response = crate::endpoints::json(self.code.status(), &body);
        let headers = response.headers_mut();
        if let Some(scheme) = self.challenge {
            let text = format!("{scheme} realm=\"oauth2\", error=\"{}\"", self.code.as_str());
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(header::WWW_AUTHENTICATE, value);
            }
        }
        if let Some(nonce) = self.dpop_nonce.and_then(|nonce| HeaderValue::try_from(nonce).ok()) {
            headers.insert("dpop-nonce", nonce);
        }
        if self.code == Code::TemporarilyUnavailable {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
