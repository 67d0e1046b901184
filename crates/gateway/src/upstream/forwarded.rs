//! What the gateway itself tells an upstream of each request.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::SendError;
use crate::{
    canonical::Host,
    http1::Output,
    request_id::{RequestId, X_REQUEST_ID},
};

pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Fields that every request has, beside its table of the client's: HTTP/1.1 writes them as they are, without a place in
/// a table for each.
pub(crate) struct Forwarded {
    /// Canonical. It is the request's Host, whatever the table says.
    pub(crate) host: Host,
    /// The client's address, after those that a trusted proxy vouches for.
    pub(crate) addresses: HeaderValue,
    /// Whether the client came over TLS.
    pub(crate) secure: bool,
    pub(crate) request_id: RequestId,
}

impl Forwarded {
    fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Writes the lines of HTTP/1.1, Host first (RFC 9110 §7.2).
    pub(super) fn write(&self, output: &mut Output) {
        let host = self.host.as_str().as_bytes();
        output.line(&[b"host: ", host, b"\r\nx-forwarded-host: ", host]);
        output.line(&[b"\r\nx-forwarded-for: ", self.addresses.as_bytes()]);
        output.line(&[b"\r\nx-forwarded-proto: ", self.scheme().as_bytes()]);
        output.line(&[b"\r\nx-request-id: ", self.request_id.as_bytes(), b"\r\n"]);
    }

    /// Puts them into the table of a request over HTTP/2, which has its host in the target.
    pub(super) fn spell_out(&self, headers: &mut HeaderMap) -> Result<(), SendError> {
        let host = HeaderValue::try_from(self.host.as_str()).map_err(|_| SendError::Authority)?;
        headers.remove(header::HOST);
        headers.insert(FORWARDED_HOST, host);
        headers.insert(FORWARDED_FOR, self.addresses.clone());
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(self.scheme()));
        headers.insert(X_REQUEST_ID, self.request_id.header_value());
        Ok(())
    }
}
