//! `POST /oauth2/revoke` (RFC 7009). An unknown token is revoked already.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::json;

use super::Call;
use crate::{
    grants,
    identity::Server,
    problem::Answer,
    secret::{Digest, Purpose},
    tokens::Subject,
};

const PATH: &str = "/oauth2/revoke";

pub(crate) async fn revoke(State(server): State<Arc<Server>>, request: Request) -> Response {
    match answer(&server, request).await {
        Ok(()) => super::json(StatusCode::OK, &json!({})),
        Err(problem) => problem.into_response(),
    }
}

async fn answer(server: &Server, request: Request) -> Answer<()> {
    let call = Call::of_form(PATH, request).await?;
    let client = server.authenticate(&call).await?.client;
    let token = call.parameters.required("token", "`token` is missing")?;
    if let Some(digest) = Digest::of_secret(Purpose::Refresh, token) {
        let grant = server.database.grant_of_refresh(digest).await?;
        if let Some(grant) = grant.filter(|grant| grant.client == client.client.id) {
            server.revoke_grant(&grant.id).await?;
        }
        return Ok(());
    }
    let claims = server.believed(token).await?;
    let own = claims.filter(|claims| claims.client_id.as_deref() == Some(client.client.id.0.as_str()));
    if let Some(id) = own.and_then(|claims| claims.id) {
        server.revoke(Subject::Token(id)).await?;
    }
    Ok(())
}

impl Server {
    /// Ends everything that a subject stands for and that was issued until now.
    pub(crate) async fn revoke(&self, subject: Subject) -> Result<(), store::StoreError> {
        let mark = grants::mark(self.clock.now());
        self.database.revoke(&subject, mark).await?;
        self.revocations.add(subject, mark);
        Ok(())
    }
}
