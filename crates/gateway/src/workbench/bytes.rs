//! The readers of strangers' bytes, one call each.

use std::net::SocketAddr;

use http::{HeaderMap, Request, Uri, request::Parts};

use crate::{
    body::Inbound,
    canonical::{Canonical, strip_for_upstream},
    gate::Limits,
    http1::{Input, Piece},
    listen::{Framing, HeadLimits, source, take},
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
    let canonical = Canonical::from_head(Box::new(parts), |_| Inbound::none(), &Limits::default(), key_prefix)
        .map_err(|refusal| refusal.entry().status.unwrap_or(500))?;
    let mut fields = canonical.headers;
    strip_for_upstream(&mut fields, false, true);
    Ok(Head {
        host: canonical.host.as_str().to_owned(),
        path: canonical.path.as_str().to_owned(),
        encoded_slash: canonical.path.has_encoded_slash(),
        target: canonical.target.into(),
        fields,
    })
}

/// A request of HTTP/1.1 as it is read.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    /// As it was sent.
    pub method: String,
    /// As it was sent.
    pub target: Uri,
    /// As they were sent.
    pub fields: HeaderMap,
    /// Without chunks.
    pub body: Vec<u8>,
}

/// What follows the requests that were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Another request may come.
    Open,
    /// A head or a body that is not whole.
    Within,
    /// What has no single meaning, in a head.
    BadHead,
    /// The same, in a body.
    BadBody,
}

/// Reads the requests of a connection that come in these pieces, under the limits that ship.
pub fn read(pieces: &[&[u8]]) -> (Vec<Read>, End) {
    let (mut reader, mut end) = (Reader::default(), End::Open);
    for piece in pieces {
        reader.input.bytes.extend_from_slice(piece);
        end = reader.advance();
        if matches!(end, End::BadHead | End::BadBody) {
            break;
        }
    }
    (reader.seen, end)
}

struct Reader {
    input: Input,
    body: Option<Framing>,
    seen: Vec<Read>,
    /// The one whose body is under way.
    current: Option<Read>,
}

impl Default for Reader {
    fn default() -> Self {
        Self { input: Input::begun(&[]), body: None, seen: Vec::new(), current: None }
    }
}

impl Reader {
    fn advance(&mut self) -> End {
        let limits = Limits::default();
        let limits = HeadLimits {
            fields: limits.header_count,
            field_bytes: limits.header_bytes,
            target_bytes: limits.target_bytes,
        };
        loop {
            if let (Some(framing), Some(request)) = (&mut self.body, &mut self.current) {
                match framing.next(&mut self.input.bytes) {
                    Ok(Piece::Data(data)) => request.body.extend_from_slice(&data),
                    Ok(Piece::More) => return End::Within,
                    Ok(Piece::End) => self.body = None,
                    Err(_) => return End::BadBody,
                }
                continue;
            }
            self.seen.extend(self.current.take());
            match take(&mut self.input, &mut HeaderMap::new(), limits) {
                Ok(Some(head)) => {
                    self.body = Framing::of(head.body);
                    let Parts { method, uri: target, headers: fields, .. } = *head.parts;
                    let (method, body) = (method.to_string(), Vec::new());
                    self.current = Some(Read { method, target, fields, body });
                }
                Ok(None) if self.input.is_empty() => return End::Open,
                Ok(None) => return End::Within,
                Err(_) => return End::BadHead,
            }
        }
    }
}

/// Whom a PROXY header names: `Some(None)` for one that names nobody, `None` for what is none.
pub fn proxy_source(header: &[u8]) -> Option<Option<SocketAddr>> {
    source(header).ok()
}
