//! Requests that the server makes itself. Whoever embeds it makes them, by its own rules of where requests may go.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{Request, Response};

use crate::Identity;

/// Why a request that the server made has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutgoingError(pub String);

/// What a request is for, and so who named its address: where it may go depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Errand {
    /// To an OpenID provider that the operator named.
    Provider,
    /// For the document at a client's id, an address that anybody may have made up.
    ClientDocument,
    /// To tell a client that a session ended, at the address that the client registered.
    Logout,
}

impl Errand {
    /// Longest body of an answer, in bytes. More is an error.
    pub fn most_bytes(self) -> usize {
        match self {
            Self::Provider => 256 * 1024,
            // draft-ietf-oauth-client-id-metadata-document, maximum response size.
            Self::ClientDocument => 5 * 1024,
            // Nothing of it is read.
            Self::Logout => 4 * 1024,
        }
    }
}

/// Makes requests over https.
///
/// An implementation follows no redirects, connects to public addresses only unless an operator named others for this
/// errand, and bounds the time and the size of an answer.
pub trait Outgoing: Send + Sync + 'static {
    /// Sends a request with an absolute address, and gives the answer whole.
    fn send(
        &self,
        errand: Errand,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, OutgoingError>> + Send + '_>>;
}

/// The one way out of the server.
#[derive(Default)]
pub(crate) struct WayOut(OnceLock<Arc<dyn Outgoing>>);

impl WayOut {
    pub(crate) fn is_connected(&self) -> bool {
        self.0.get().is_some()
    }

    /// Sends a request. An answer that is longer than the errand allows is none.
    pub(crate) async fn send(&self, errand: Errand, request: Request<Bytes>) -> Result<Response<Bytes>, OutgoingError> {
        let outgoing =
            self.0.get().ok_or_else(|| OutgoingError("nothing makes requests for this server".to_owned()))?;
        let answer = outgoing.send(errand, request).await?;
        if answer.body().len() <= errand.most_bytes() {
            Ok(answer)
        } else {
            Err(OutgoingError(format!("the answer is longer than {} bytes", errand.most_bytes())))
        }
    }
}

impl Identity {
    /// Says who makes the server's own requests. Without one nobody logs in through providers, no client is known by its
    /// address, and none is told of the end of a session. The first one that is said stays.
    pub fn connect(&self, outgoing: Arc<dyn Outgoing>) {
        // A second one is not taken, which is what is promised.
        let _ = self.0.way_out.0.set(outgoing);
    }
}
