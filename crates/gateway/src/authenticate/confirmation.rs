//! Whom a token is for besides the one who shows it (`cnf`, RFC 7800): the holder of a key (RFC 9449 §6) or of a client
//! certificate (RFC 8705 §3.1). What cannot be checked here is refused, never passed over.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jose::jwt::Claims;
use serde_json::Value;

/// What must be shown beside a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Confirmation {
    /// `jkt`: thumbprint of the key that signs `DPoP` proofs.
    pub(super) thumbprint: Option<String>,
    /// `x5t#S256`: SHA-256 of the client's certificate.
    pub(super) certificate: Option<[u8; 32]>,
}

/// The token is bound to something that cannot be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unknown;

impl Confirmation {
    /// `None` for a token that whoever holds it may use.
    pub(super) fn of(claims: &Claims) -> Result<Option<Self>, Unknown> {
        let Some(stated) = claims.all.get("cnf") else { return Ok(None) };
        let members = stated.as_object().filter(|members| !members.is_empty()).ok_or(Unknown)?;
        let mut confirmation = Self { thumbprint: None, certificate: None };
        for (name, value) in members {
            let text = value.as_str().ok_or(Unknown)?;
            match name.as_str() {
                "jkt" => confirmation.thumbprint = Some(text.to_owned()),
                "x5t#S256" => confirmation.certificate = Some(digest(text).ok_or(Unknown)?),
                _ => return Err(Unknown),
            }
        }
        Ok(Some(confirmation))
    }
}

fn digest(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The time at which a user logged in, and how, as a token says it (RFC 9470 §6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogIn {
    pub(crate) acr: Option<String>,
    /// `auth_time`, Unix seconds.
    pub(crate) at: Option<u64>,
}

impl LogIn {
    pub(super) fn of(claims: &Claims) -> Self {
        Self {
            acr: claims.all.get("acr").and_then(Value::as_str).map(str::to_owned),
            at: claims.all.get("auth_time").and_then(Value::as_u64),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(cnf: Option<Value>) -> Result<Option<Confirmation>, Unknown> {
        let mut all = serde_json::Map::new();
        if let Some(cnf) = cnf {
            all.insert("cnf".into(), cnf);
        }
        Confirmation::of(&Claims {
            issuer: "i".into(),
            subject: None,
            audience: Vec::new(),
            expires: 1,
            not_before: None,
            issued_at: None,
            id: None,
            client_id: None,
            scopes: Vec::new(),
            all,
        })
    }

    #[test]
    fn a_confirmation_is_understood_whole_or_refused() {
        assert_eq!(of(None), Ok(None));
        let key = of(Some(json!({ "jkt": "a" }))).unwrap().unwrap();
        assert_eq!((key.thumbprint.as_deref(), key.certificate), (Some("a"), None));
        let text = URL_SAFE_NO_PAD.encode([7; 32]);
        let both = of(Some(json!({ "jkt": "a", "x5t#S256": text }))).unwrap().unwrap();
        assert_eq!((both.thumbprint.as_deref(), both.certificate), (Some("a"), Some([7; 32])));
        for strange in [
            json!(null),
            json!("a"),
            json!({}),
            json!({ "kid": "a" }),
            json!({ "jkt": "a", "jwk": {} }),
            json!({ "jkt": 1 }),
            json!({ "x5t#S256": "AA" }),
        ] {
            assert_eq!(of(Some(strange.clone())), Err(Unknown), "{strange}");
        }
    }
}
