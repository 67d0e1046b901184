//! The answer of the token endpoint (RFC 6749 §5.1).

use std::collections::BTreeSet;

use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value};

use super::{AccessToken, Binding, GrantFacts, Issue};
use crate::{
    clients::Client,
    endpoints,
    grants::Grant,
    identity::Server,
    problem::{Answer, Problem},
    scopes,
    secret::Secret,
};

/// What a client gets.
pub(crate) struct TokenAnswer {
    pub(crate) access: AccessToken,
    pub(crate) scope: String,
    pub(crate) refresh: Option<Secret>,
    pub(crate) id_token: Option<String>,
    /// `issued_token_type` of a token exchange.
    pub(crate) issued_type: Option<&'static str>,
}

impl TokenAnswer {
    pub(crate) fn into_response(self) -> Response {
        let mut body = Map::new();
        let mut say = |name: &str, value: Value| body.insert(name.to_owned(), value);
        say("access_token", self.access.text.into());
        say("token_type", self.access.kind.into());
        say("expires_in", self.access.expires_in.into());
        say("scope", self.scope.into());
        if let Some(refresh) = &self.refresh {
            say("refresh_token", refresh.expose().into());
        }
        if let Some(id_token) = self.id_token {
            say("id_token", id_token.into());
        }
        if let Some(kind) = self.issued_type {
            say("issued_token_type", kind.into());
        }
        endpoints::json(StatusCode::OK, &Value::Object(body))
    }
}

impl Server {
    /// The answer under a user's grant: an access token, an ID token where `openid` was granted, a refresh token where
    /// there is one.
    #[expect(clippy::too_many_arguments, reason = "each is a member of the answer")]
    pub(crate) async fn answer_for_user(
        &self,
        client: &Client,
        grant: &Grant,
        scopes: &BTreeSet<String>,
        resources: &[String],
        binding: &Binding,
        refresh: Option<Secret>,
        nonce: Option<String>,
    ) -> Answer<TokenAnswer> {
        let user = self.database.account(&grant.user).await?.map(|account| account.user).filter(|user| !user.disabled);
        let user = user.ok_or_else(|| Problem::invalid_grant("the user cannot log in any more"))?;
        let facts = &grant.facts;
        let issue = Issue {
            client,
            subject: user.id.as_str(),
            scopes,
            resources,
            binding,
            roles: &user.roles,
            tenant: user.tenant.as_deref(),
            grant: Some(GrantFacts {
                id: &grant.id.0,
                sid: Some(&facts.sid),
                auth_time: Some(facts.auth_time),
                acr: Some(&facts.acr),
            }),
            actor: None,
            exchanged: None,
            expires_by: grant.expires,
        };
        let access = self.issue(&issue).await?;
        let id_token = if scopes.contains("openid") {
            Some(self.id_token(client, grant, &user, &access.text, nonce.as_deref())?)
        } else {
            None
        };
        Ok(TokenAnswer { access, scope: scopes::text(scopes), refresh, id_token, issued_type: None })
    }
}
