//! Why an answer did not come, or did not come to its end.

use std::io;

use crate::{body::BodyFault, http1::Malformed};

/// How a connection to a server failed a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// The server closed the connection before the answer's end.
    #[error("the server closed the connection before the end of its answer")]
    ClosedEarly,
    /// What came is no answer that has one meaning, or what was to be sent no request that has one.
    #[error("not HTTP/1.1: {0}")]
    NotHttp(#[from] Malformed),
    /// The connection broke.
    #[error("the connection to the server broke: {0}")]
    Io(#[from] io::Error),
    /// The request's own body failed.
    #[error("the request's body failed")]
    Body(#[source] BodyFault),
    /// There is no request any more.
    #[error("the request was sent already")]
    NoRequest,
    /// HTTP/2 failed.
    #[error("HTTP/2 towards the server failed")]
    Http2(#[from] hyper::Error),
}

impl Broken {
    /// For the log: one word of few.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::ClosedEarly => "closed_early",
            Self::NotHttp(_) => "not_http",
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => "closed_early",
            Self::Http2(error) if error.is_parse() => "not_http",
            Self::Http2(error) if error.is_incomplete_message() || error.is_closed() => "closed_early",
            Self::Io(_) | Self::Body(_) | Self::NoRequest | Self::Http2(_) => "connection_broke",
        }
    }
}
