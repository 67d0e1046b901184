//! ID tokens and the claims about a user (OpenID Connect Core §2 and §5).

use std::collections::BTreeSet;

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jose::Algorithm;
use serde_json::{Map, Value, json};

use crate::{accounts::User, clients::Client, grants::Grant, identity::Server, problem::Answer};

/// Life of an ID token in seconds. It says that a login took place, and is checked at once.
const LIFETIME: u64 = 300;

impl Server {
    /// The ID token of a login.
    pub(crate) fn id_token(
        &self,
        client: &Client,
        grant: &Grant,
        user: &User,
        access_token: &str,
        nonce: Option<&str>,
    ) -> Answer<String> {
        let now = self.clock.now();
        let facts = &grant.facts;
        let mut claims = Map::new();
        let mut say = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        say("iss", self.settings.issuer.as_str().into());
        say("aud", client.id.0.as_str().into());
        say("iat", now.into());
        say("exp", (now + LIFETIME).into());
        say("auth_time", facts.auth_time.into());
        say("acr", facts.acr.as_str().into());
        say("amr", json!(facts.amr));
        say("sid", facts.sid.as_str().into());
        say("at_hash", half_hash(client.id_token_algorithm, access_token).into());
        if let Some(nonce) = nonce {
            say("nonce", nonce.into());
        }
        claims.extend(claims_about(user, &grant.scopes));
        self.sign(client.id_token_algorithm, "JWT", &Value::Object(claims))
    }
}

/// What scopes let a client know of a user (OpenID Connect Core §5.4).
pub(crate) fn claims_about(user: &User, scopes: &BTreeSet<String>) -> Map<String, Value> {
    let mut claims = Map::new();
    claims.insert("sub".to_owned(), user.id.as_str().into());
    if scopes.contains("profile") {
        claims.insert("name".to_owned(), user.display_name.as_str().into());
        claims.insert("preferred_username".to_owned(), user.name.as_str().into());
    }
    if let Some(email) = user.email.as_deref().filter(|_| scopes.contains("email")) {
        claims.insert("email".to_owned(), email.into());
        claims.insert("email_verified".to_owned(), user.email_verified.into());
    }
    claims
}

/// The left half of a token's hash (§3.1.3.6): SHA-512 for `EdDSA`, SHA-256 for the others that sign here.
fn half_hash(algorithm: Algorithm, token: &str) -> String {
    let hash = if algorithm == Algorithm::EdDsa { &digest::SHA512 } else { &digest::SHA256 };
    let digest = digest::digest(hash, token.as_bytes());
    let bytes = digest.as_ref();
    URL_SAFE_NO_PAD.encode(bytes.get(..bytes.len() / 2).unwrap_or_default())
}
