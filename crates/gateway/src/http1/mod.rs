//! What both sides of HTTP/1.1 share (RFC 9112): the one towards clients, and the one towards servers.
//!
//! Everything is read strictly, with one reading: a line ends in CR LF, a length is made of digits, a size of a chunk of
//! hexadecimal ones. What two readers could take for two things is [`Malformed`], and the connection it came on ends.

mod chunked;
mod head;
mod input;
mod output;

pub(crate) use chunked::{Chunked, Piece};
pub(crate) use head::{Body, Connection, Fields, Kept, length};
pub(crate) use input::Input;
pub(crate) use output::Output;

/// What has no single meaning, and why: one word of few, for logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) &'static str);
