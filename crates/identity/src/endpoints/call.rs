//! A request to one of the protocol's endpoints, read.

use axum::{body::to_bytes, extract::Request};
use http::{HeaderMap, Method, request::Parts};

use crate::{
    origin::Origin,
    parameters::Parameters,
    problem::{Answer, Problem},
};

/// Longest body that is read. The gateway's bound comes first.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// What endpoints look at.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// The endpoint's path, which a DPoP proof names.
    pub(crate) path: &'static str,
    pub(crate) headers: HeaderMap,
    pub(crate) origin: Origin,
    /// Of the form, or of the query of a GET.
    pub(crate) parameters: Parameters,
}

impl Call {
    /// Reads a form that was posted to an endpoint. Its query must be empty: secrets do not belong there.
    pub(crate) async fn of_form(path: &'static str, request: Request) -> Answer<Self> {
        let (head, body) = request.into_parts();
        if head.uri.query().is_some_and(|query| !query.is_empty()) {
            return Err(Problem::invalid_request("parameters belong in the body"));
        }
        let body = to_bytes(body, MAX_BODY).await.map_err(|_| Problem::invalid_request("the body is too large"))?;
        let parameters = Parameters::of_form(&head.headers, &body)?;
        Self::new(path, head, parameters)
    }

    /// Reads what came in the query.
    pub(crate) fn of_query(path: &'static str, request: Request) -> Answer<Self> {
        let (head, _) = request.into_parts();
        let parameters = Parameters::parse(head.uri.query().unwrap_or_default().as_bytes())?;
        Self::new(path, head, parameters)
    }

    /// Reads nothing but the head.
    pub(crate) fn of_head(path: &'static str, head: Parts) -> Answer<Self> {
        Self::new(path, head, Parameters::default())
    }

    fn new(path: &'static str, mut head: Parts, parameters: Parameters) -> Answer<Self> {
        let origin = head.extensions.remove::<Origin>();
        let origin = origin.ok_or_else(|| Problem::unavailable(&"a request without its origin"))?;
        Ok(Self { method: head.method, path, headers: head.headers, origin, parameters })
    }
}
