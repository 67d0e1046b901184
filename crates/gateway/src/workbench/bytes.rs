//! The readers of strangers' bytes, one call each.

use std::{net::SocketAddr, sync::Arc};

use http::{HeaderMap, Request, Uri};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    body::Inbound,
    canonical::{Canonical, strip_for_upstream},
    gate::Limits,
    listen::{Framing, Strict, Verdict, source},
};

/// A head in canonical form.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// Without port and trailing dot, lower case.
    pub host: String,
    /// As routes are matched against it.
    pub path: String,
    /// Some segment holds `%2F`.
    pub encoded_slash: bool,
    /// As it is sent upstream.
    pub target: Uri,
    /// As they are sent upstream, before the gateway adds its own.
    pub fields: HeaderMap,
}

/// Brings a head into canonical form under the limits that ship; the error is the status that refuses it.
pub fn canonical(request: Request<()>, key_prefix: &str) -> Result<Head, u16> {
    let (parts, ()) = request.into_parts();
    let canonical = Canonical::from_head(parts, |_| Inbound::none(), &Limits::default(), key_prefix)
        .map_err(|refusal| refusal.entry().status.unwrap_or(500))?;
    let mut fields = canonical.headers;
    strip_for_upstream(&mut fields);
    Ok(Head {
        host: canonical.host.as_str().to_owned(),
        path: canonical.path.as_str().to_owned(),
        encoded_slash: canonical.path.has_encoded_slash(),
        target: canonical.target.into(),
        fields,
    })
}

/// The framing guard.
pub struct Watch(Framing);

/// A byte that the framing guard stops at, by its place among those just read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// In a head.
    Head(usize),
    /// After a chunk's size, or in the trailers.
    Body(usize),
}

impl Watch {
    /// Before the first byte of a connection.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(Framing::new())
    }

    /// Follows bytes; the first fault ends it.
    pub fn follow(&mut self, bytes: &[u8]) -> Option<Fault> {
        match self.0.follow(bytes) {
            Verdict::Sound => None,
            Verdict::FaultyHead(place) => Some(Fault::Head(place)),
            Verdict::FaultyBody(place) => Some(Fault::Body(place)),
        }
    }
}

/// A connection as the HTTP library gets to see it.
pub fn strict<S: AsyncRead + AsyncWrite + Unpin>(inner: S) -> impl AsyncRead + AsyncWrite + Unpin {
    Strict::new(inner, Arc::default())
}

/// Whom a PROXY header names: `Some(None)` for one that names nobody, `None` for what is none.
pub fn proxy_source(header: &[u8]) -> Option<Option<SocketAddr>> {
    source(header).ok()
}
