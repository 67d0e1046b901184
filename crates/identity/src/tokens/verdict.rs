//! What a token is worth, in plain words.

use std::time::Duration;

use jose::{
    Algorithm,
    jwt::{self, Claims, Invalid, Validation},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use store::StoreError;

use crate::{
    Identity,
    secret::{Digest, Purpose},
    settings::MAX_ACCESS_TOKEN,
};

/// What came of looking at a token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether an API would take it now.
    pub valid: bool,
    /// Why, in a sentence.
    pub why: String,
    /// What it says, once its signature is known to be ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Value>,
}

impl Identity {
    /// What a live opaque token says; `None` for one that is unknown, expired or revoked.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn translate(&self, digest: Digest) -> Result<Option<Claims>, StoreError> {
        let signed = self.0.database.opaque(digest, self.0.clock.now()).await?;
        Ok(signed.and_then(|signed| self.0.verified(&signed)))
    }

    /// Judges an access token, opaque or not, as an API that takes this server's tokens would, whatever API it is for.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn judge_token(&self, token: &str) -> Result<Verdict, StoreError> {
        if let Some(digest) = Digest::of_secret(Purpose::Access, token) {
            let why = "it is unknown, or has expired";
            let unknown = Verdict { valid: false, why: why.into(), claims: None };
            let signed = self.0.database.opaque(digest, self.0.clock.now()).await?;
            return Ok(signed.map_or(unknown, |signed| self.check_token(&signed)));
        }
        let why = match Form::of(token) {
            Form::Jwt => return Ok(self.check_token(token)),
            Form::ApiKey => "it is an API key; `portcullis key list` shows those",
            Form::Refresh => "it is a refresh token, which is for the token endpoint alone",
            Form::Other => "it is nothing that this server gives out as an access token, or a part of it is missing",
        };
        Ok(Verdict { valid: false, why: why.into(), claims: None })
    }

    /// Judges an access token that is a JWT.
    fn check_token(&self, token: &str) -> Verdict {
        let settings = &self.0.settings;
        let validation = Validation {
            issuer: settings.issuer.to_string(),
            audiences: settings.resources.clone(),
            algorithms: vec![Algorithm::Es256],
            types: vec!["at+jwt".into()],
            required_claims: Vec::new(),
            max_lifetime: Some(MAX_ACCESS_TOKEN),
            skew: Duration::ZERO,
            max_bytes: 8 << 10,
        };
        let now = self.0.clock.now();
        match jwt::verify(token, &self.0.keys.verifying(), &validation, now) {
            Err(invalid) => Verdict { valid: false, why: words(invalid).into(), claims: None },
            Ok(claims) if self.0.revocations.is_revoked(&claims) => {
                let why = "it was revoked: itself, or its grant, session, client or user";
                Verdict { valid: false, why: why.into(), claims: Some(Value::Object(claims.all)) }
            }
            Ok(claims) => Verdict { valid: true, why: good(&claims, now), claims: Some(Value::Object(claims.all)) },
        }
    }
}

/// What a text looks like.
enum Form {
    Jwt,
    ApiKey,
    Refresh,
    Other,
}

impl Form {
    fn of(text: &str) -> Self {
        if text.starts_with(store::api_key::PREFIX) {
            Self::ApiKey
        } else if text.starts_with(Purpose::Refresh.prefix()) {
            Self::Refresh
        } else if text.matches('.').count() == 2 {
            Self::Jwt
        } else {
            Self::Other
        }
    }
}

fn good(claims: &Claims, now: u64) -> String {
    let bound = claims.all.get("cnf").and_then(Value::as_object);
    let holder = match bound {
        None => "whoever holds it may use it",
        Some(members) if members.contains_key("jkt") => "only the holder of its DPoP key may use it",
        Some(_) => "only the holder of its certificate may use it",
    };
    let left = claims.expires.saturating_sub(now);
    format!("good for {left} s more, for {}; {holder}", claims.audience.join(", "))
}

fn words(invalid: Invalid) -> &'static str {
    match invalid {
        Invalid::TooLong => "it is longer than any token of this server",
        Invalid::Malformed | Invalid::DuplicateMember => "it is not a JWT: something was cut off, added or changed",
        Invalid::UnknownAlgorithm | Invalid::AlgorithmNotAllowed => {
            "it is signed in a way that this server does not use"
        }
        Invalid::CriticalHeader | Invalid::EmbeddedKey => "its header asks for what no token of this server asks for",
        Invalid::WrongType => "it is not an access token; an ID token, perhaps, which is for the client alone",
        Invalid::KeyNotFound => "its key is none of this server's: another server's, or one that was removed",
        Invalid::BadSignature => "its signature is wrong: it was changed, or made by somebody else",
        Invalid::WrongIssuer => "it is of another issuer",
        Invalid::WrongAudience => "it is for an API that takes no tokens of this server",
        Invalid::Expired => "it has expired",
        Invalid::NotYetValid => "it is from the future: a clock is wrong",
        Invalid::LifetimeTooLong => "it lives longer than this server lets tokens live",
        Invalid::MissingClaim | Invalid::BadClaim => "a claim is missing, or of another type than it has to be",
    }
}
