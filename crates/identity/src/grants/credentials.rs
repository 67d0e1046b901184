//! Client credentials (RFC 6749 §4.4): a client for itself. Nothing is stored, and no refresh token is given.

use crate::{
    clients::Authenticated,
    endpoints::Call,
    identity::Server,
    problem::{Answer, Code, Problem},
    scopes,
    settings::BUILT_IN_SCOPES,
    tokens::{Issue, TokenAnswer},
};

impl Server {
    /// `grant_type=client_credentials`.
    pub(crate) async fn client_credentials(&self, call: &Call, authenticated: &Authenticated) -> Answer<TokenAnswer> {
        let client = &authenticated.client.client;
        if !client.authentication.is_confidential() {
            return Err(Problem::new(Code::UnauthorizedClient, "a client without credentials has none to use"));
        }
        let binding = self.binding(call, authenticated)?;
        let mut granted = self.granted_scopes(client, call.parameters.get("scope"))?;
        if granted.iter().any(|scope| BUILT_IN_SCOPES.contains(&scope.as_str())) {
            return Err(Problem::new(Code::InvalidScope, "scopes about users are for clients that have some"));
        }
        if call.parameters.get("scope").is_none() {
            let all = client.scopes.iter().filter(|scope| !BUILT_IN_SCOPES.contains(&scope.as_str()));
            granted = all.filter(|scope| self.settings.knows_scope(scope)).cloned().collect();
        }
        let resources = self.granted_resources(client, call.parameters.all("resource"))?;
        let issue = Issue {
            client,
            subject: &client.id.0,
            scopes: &granted,
            resources: &resources,
            binding: &binding,
            roles: &client.roles,
            tenant: client.tenant.as_deref(),
            grant: None,
            actor: None,
            exchanged: None,
            expires_by: u64::MAX,
        };
        let access = self.issue(&issue).await?;
        Ok(TokenAnswer { access, scope: scopes::text(&granted), refresh: None, id_token: None, issued_type: None })
    }
}
