//! Why a token is refused: one list for signatures and claims, with a stable name for each cause.

use crate::json::NotJson;

/// Why a token is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.reason())]
pub enum Invalid {
    /// Longer than allowed.
    TooLong,
    /// Not three parts of strict base64url, or header or claims are not objects.
    Malformed,
    /// Two members of one name.
    DuplicateMember,
    /// `alg` is not known here; `none` is not.
    UnknownAlgorithm,
    /// `alg` is known, but not accepted of this issuer.
    AlgorithmNotAllowed,
    /// `crit` or `b64`: the token asks for an extension.
    CriticalHeader,
    /// The token brings or names a key of its own.
    EmbeddedKey,
    /// `typ` is another.
    WrongType,
    /// No key of the issuer fits; it may have rotated its keys.
    KeyNotFound,
    /// The signature is not that of the key.
    BadSignature,
    /// `iss` is another.
    WrongIssuer,
    /// `aud` is another.
    WrongAudience,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` lies ahead.
    NotYetValid,
    /// `exp` is too long after `iat`.
    LifetimeTooLong,
    /// A required claim is not there.
    MissingClaim,
    /// A claim has another type than its definition says.
    BadClaim,
}

impl Invalid {
    /// A stable name for logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "token_too_long",
            Self::Malformed => "malformed",
            Self::DuplicateMember => "duplicate_member",
            Self::UnknownAlgorithm => "unknown_algorithm",
            Self::AlgorithmNotAllowed => "algorithm_not_allowed",
            Self::CriticalHeader => "critical_header",
            Self::EmbeddedKey => "embedded_key",
            Self::WrongType => "wrong_type",
            Self::KeyNotFound => "key_not_found",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::LifetimeTooLong => "lifetime_too_long",
            Self::MissingClaim => "missing_claim",
            Self::BadClaim => "bad_claim",
        }
    }
}

impl From<NotJson> for Invalid {
    fn from(error: NotJson) -> Self {
        match error {
            NotJson::Malformed | NotJson::TooDeep | NotJson::TooMany | NotJson::Number => Self::Malformed,
            NotJson::Duplicate => Self::DuplicateMember,
        }
    }
}
