//! A request on its way to a server, until a connection takes it.

use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering};

use http::{HeaderMap, Method, Request, Uri, Version};
use http_body::Body;

use super::{Forwarded, SendError};
use crate::{body::Inbound, tunnel};

/// A request on its way. It stays in one place meanwhile: moved, it would be copied at each call.
pub(crate) struct Errand {
    pub(super) request: Option<Request<Inbound>>,
    pub(super) forwarded: Forwarded,
    /// What it is told apart from others by, where servers are chosen so.
    pub(super) key: Option<u64>,
    /// Whose it is, where clients share scarce places.
    pub(super) client: u64,
    /// Whether its whole body was sent; `None` without a body.
    body_sent: Option<Arc<AtomicBool>>,
    /// It went to a second server.
    pub(crate) retried: bool,
}

/// A request without a body, to be sent again.
pub(super) struct Copy {
    method: Method,
    uri: Uri,
    version: Version,
    headers: HeaderMap,
}

impl Errand {
    pub(crate) fn new(mut request: Request<Inbound>, forwarded: Forwarded, key: Option<u64>, client: u64) -> Self {
        let body_sent = if request.body().is_end_stream() { None } else { Some(request.body_mut().tell_end()) };
        Self { request: Some(request), forwarded, key, client, body_sent, retried: false }
    }

    /// Asks for a WebSocket.
    pub(crate) fn ask_to_switch(&mut self) {
        if let Some(request) = &mut self.request {
            tunnel::ask_upstream(request.headers_mut());
        }
    }

    pub(super) fn take(&mut self) -> Result<Request<Inbound>, SendError> {
        self.request.take().ok_or(SendError::Taken)
    }

    /// Whether a server that says nothing has no client to wait for.
    pub(super) fn is_whole(&self) -> bool {
        self.body_sent.as_ref().is_none_or(|sent| sent.load(Ordering::Relaxed))
    }

    /// A copy of a request that may be sent twice: one that only asks (RFC 9110 §9.2.1), without a body. PUT and DELETE
    /// are idempotent as well, but what they do between two servers that disagree is not for a gateway to decide.
    pub(super) fn copy(&self) -> Option<Box<Copy>> {
        let request = self.request.as_ref()?;
        let asks = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        (asks && self.body_sent.is_none()).then(|| {
            Box::new(Copy {
                method: request.method().clone(),
                uri: request.uri().clone(),
                version: request.version(),
                headers: request.headers().clone(),
            })
        })
    }
}

impl Copy {
    pub(super) fn into_request(self) -> Request<Inbound> {
        let mut request = Request::new(Inbound::none());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.version_mut() = self.version;
        *request.headers_mut() = self.headers;
        request
    }
}
