//! `POST /oauth2/device` (RFC 8628 §3.1).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::Value;

use super::Call;
use crate::{identity::Server, problem::Answer};

const PATH: &str = "/oauth2/device";

pub(crate) async fn device(State(server): State<Arc<Server>>, request: Request) -> Response {
    match answer(&server, request).await {
        Ok(body) => super::json(StatusCode::OK, &body),
        Err(problem) => problem.into_response(),
    }
}

async fn answer(server: &Server, request: Request) -> Answer<Value> {
    let call = Call::of_form(PATH, request).await?;
    let authenticated = server.authenticate(&call).await?;
    server.start_device(&call, &authenticated).await
}
