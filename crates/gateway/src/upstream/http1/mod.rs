//! HTTP/1.1 towards a server (RFC 9112): one request at a time, over a connection that whoever waits for the answer moves
//! on by itself. There is no task of its own between a request and its socket, and nothing is copied on the way back.
//!
//! Answers are read strictly. What two readers could end at different places (two framings, another transfer coding than
//! `chunked`, a bare line feed) breaks the connection rather than reach a client.

mod broken;
mod connection;
mod request_head;
mod response_head;

pub(crate) use broken::Broken;
pub(super) use connection::Connection;
