//! Requests that the server makes itself. Whoever embeds it makes them, by its own rules of where requests may go.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use http::{Request, Response};

/// Why a request that the server made has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutgoingError(pub String);

/// Makes requests over https.
///
/// An implementation follows no redirects, connects to public addresses only unless an operator named others, and bounds
/// the time and the size of an answer.
pub trait Outgoing: Send + Sync + 'static {
    /// Sends a request with an absolute address, and gives the answer whole.
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, OutgoingError>> + Send + '_>>;
}
