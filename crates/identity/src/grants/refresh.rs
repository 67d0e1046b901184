//! Refresh tokens (RFC 6749 §6, RFC 9700 §4.14).
//!
//! Those of clients that prove nothing when they use one change with each use. The successor of a token is computed from
//! it, so that a client that lost the answer gets the same one again, and parallel uses make one lineage; the database
//! holds digests alone. A use after the grace is a stolen token's, or a thief's: the whole lineage ends.

use serde::{Deserialize, Serialize};

use super::Grant;
use crate::{
    clients::{Authenticated, Client, GrantType},
    endpoints::Call,
    identity::Server,
    problem::{Answer, Code, Problem},
    secret::{Digest, Purpose, Secret},
    store::grants::Refreshed,
    tokens::{Binding, TokenAnswer},
};

/// For so many seconds after its first use a token gives the same successor again.
pub(crate) const GRACE: u64 = 10;

/// What a refresh token is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefreshBinding {
    /// Keys that its user must hold. Those of a confidential client are its authentication (RFC 9449 §5).
    #[serde(flatten)]
    pub(crate) tokens: Binding,
}

impl Server {
    /// The first token of a lineage, if the client may have one.
    pub(crate) fn first_refresh_token(client: &Client) -> Answer<Option<Secret>> {
        let wanted = client.grants.contains(&GrantType::RefreshToken);
        Ok(if wanted { Some(Secret::generate(Purpose::Refresh)?) } else { None })
    }

    /// Public clients' tokens are bound to their DPoP key.
    pub(crate) fn refresh_binding(client: &Client, tokens: &Binding) -> RefreshBinding {
        let bound = !client.authentication.is_confidential();
        RefreshBinding { tokens: if bound { tokens.clone() } else { Binding::default() } }
    }

    /// `grant_type=refresh_token`.
    pub(crate) async fn refresh(&self, call: &Call, authenticated: &Authenticated) -> Answer<TokenAnswer> {
        let client = &authenticated.client.client;
        let text = call.parameters.required("refresh_token", "`refresh_token` is missing")?;
        let digest = Digest::of_secret(Purpose::Refresh, text).ok_or_else(unknown)?;
        let tokens = self.binding(call, authenticated)?;
        let now = self.clock.now();
        let next = client.rotates_refresh_tokens().then(|| self.successor(text));
        let check = |grant: &Grant, bound: &RefreshBinding| {
            if grant.client != client.id || !bound.tokens.is_met_by(&tokens) {
                return Err(unknown());
            }
            narrower(grant, call).map(|_| ())
        };
        match self.database.refresh(digest, check, next.as_ref().map(Secret::digest), GRACE, now).await? {
            Refreshed::Given(grant) => {
                let scopes = narrower(&grant, call)?;
                let resources = narrower_resources(&grant, call)?;
                self.answer_for_user(client, &grant, &scopes, &resources, &tokens, next, None).await
            }
            Refreshed::Refused(problem) => Err(problem),
            Refreshed::Unknown => Err(unknown()),
            Refreshed::Reused(grant) => {
                eprintln!(
                    "identity: a refresh token was used again after its grace; grant {grant} of client {} is revoked",
                    client.id
                );
                self.revoke_grant(&grant).await?;
                Err(unknown())
            }
        }
    }

    /// The one successor of a token. Without the master key nobody can tell it.
    fn successor(&self, token: &str) -> Secret {
        Secret::of(Purpose::Refresh, &self.tags.refresh.tag(&[token.as_bytes()]))
    }
}

/// The APIs asked for, which are never more than those granted.
fn narrower_resources(grant: &Grant, call: &Call) -> Answer<Vec<String>> {
    let asked: Vec<&str> = call.parameters.all("resource").collect();
    if asked.is_empty() {
        return Ok(grant.resources.clone());
    }
    if asked.iter().all(|asked| grant.resources.iter().any(|known| known == asked)) {
        return Ok(asked.into_iter().map(str::to_owned).collect());
    }
    Err(Problem::new(Code::InvalidTarget, "a resource is not among those that were granted"))
}

/// The scopes asked for, which are never more than those granted.
fn narrower(grant: &Grant, call: &Call) -> Answer<std::collections::BTreeSet<String>> {
    let Some(asked) = call.parameters.get("scope") else { return Ok(grant.scopes.clone()) };
    let asked = crate::scopes::read(asked)?;
    if asked.is_subset(&grant.scopes) {
        Ok(asked)
    } else {
        Err(Problem::new(Code::InvalidScope, "a scope is not among those that were granted"))
    }
}

fn unknown() -> Problem {
    Problem::invalid_grant("the refresh token is unknown, expired, revoked or another client's")
}
