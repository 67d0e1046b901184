//! `POST /oauth2/token` (RFC 6749 §3.2).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};

use super::Call;
use crate::{
    clients::GrantType,
    identity::Server,
    problem::{Answer, Code, Problem},
    tokens::TokenAnswer,
};

const PATH: &str = "/oauth2/token";

pub(crate) async fn token(State(server): State<Arc<Server>>, request: Request) -> Response {
    match answer(&server, request).await {
        Ok(answer) => answer.into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn answer(server: &Server, request: Request) -> Answer<TokenAnswer> {
    let call = Call::of_form(PATH, request).await?;
    let asked = call.parameters.required("grant_type", "`grant_type` is missing")?;
    let unsupported = || Problem::new(Code::UnsupportedGrantType, "the server does not know this grant_type");
    let grant = GrantType::ALL.into_iter().find(|grant| grant.as_str() == asked).ok_or_else(unsupported)?;
    let authenticated = server.authenticate(&call).await?;
    if !authenticated.client.client.grants.contains(&grant) {
        return Err(Problem::new(Code::UnauthorizedClient, "the client may not use this grant_type"));
    }
    match grant {
        GrantType::AuthorizationCode => server.redeem_code(&call, &authenticated).await,
        GrantType::RefreshToken => server.refresh(&call, &authenticated).await,
        GrantType::ClientCredentials => server.client_credentials(&call, &authenticated).await,
        GrantType::DeviceCode => server.redeem_device(&call, &authenticated).await,
        GrantType::TokenExchange => server.exchange(&call, &authenticated).await,
    }
}
