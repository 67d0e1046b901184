//! HTTP/1.1 towards clients (RFC 9112): one request after another on a connection, each read strictly.
//!
//! [`serve`] reads a head, hands the request to the pipeline and, while that decides and forwards, moves the request's body
//! in and the answer out; all of it in the connection's own task. What has two readings is refused with an answer like any
//! other refusal (dressed, logged, counted), and ends the connection.

mod answer_head;
mod connection;
mod framing;
mod incoming;
mod outgoing;
mod pull;
mod request_head;
mod switch;

pub(super) use connection::serve;
pub(crate) use framing::Framing;
pub(crate) use pull::Pull;
pub(crate) use request_head::{HeadLimits, take};
pub(crate) use switch::{Switch, Switched};
