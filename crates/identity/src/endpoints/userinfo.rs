//! `GET /oauth2/userinfo` (OpenID Connect Core §5.3).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::Value;

use super::Call;
use crate::{
    accounts::UserId,
    identity::Server,
    problem::{Answer, Code, Problem},
    tokens::claims_about,
};

const PATH: &str = "/oauth2/userinfo";

pub(crate) async fn userinfo(State(server): State<Arc<Server>>, request: Request) -> Response {
    match answer(&server, request).await {
        Ok(body) => super::json(StatusCode::OK, &body),
        Err(problem) => problem.into_response(),
    }
}

async fn answer(server: &Server, request: Request) -> Answer<Value> {
    let call = Call::of_head(PATH, request.into_parts().0)?;
    let claims = server.bearer(&call).await?;
    let scopes = claims.scopes.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    if !scopes.contains("openid") {
        let mut problem = Problem::new(Code::InsufficientScope, "the token needs the scope `openid`");
        problem.challenge = Some("Bearer");
        return Err(problem);
    }
    let user = match claims.subject.as_deref().and_then(UserId::parse) {
        Some(id) => server.database.account(&id).await?.map(|account| account.user).filter(|user| !user.disabled),
        None => None,
    };
    let user = user.ok_or_else(|| Problem::new(Code::InvalidToken, "the token is not a user's"))?;
    Ok(Value::Object(claims_about(&user, &scopes)))
}
