//! OpenAPI documents, compiled to judge requests and answers.
//!
//! [`compile`] takes a document of OpenAPI 3.0 or 3.1 as a JSON value, and options. It reads each operation once: its
//! path, its parameters, what bodies it takes and what it answers. Nothing that it does not know is passed over: a
//! keyword that would protect nothing is a [`Problem`], at its place. References stay within the document; nothing is
//! fetched, no file is opened.
//!
//! A [`Contract`] then finds the operation of a request and judges it. That is a yes or no in most cases; only for a no
//! is it asked where. A [`Difference`] says where and by which keyword, and never holds a value of the request.
//!
//! Patterns run in linear time, whatever they say. JSON is read by [`strict_json`]: what two readers could understand
//! differently is not judged, but refused.

mod contract;
mod declared;
mod difference;
mod document;
mod form;
mod media;
mod operation;
mod parameter;
mod paths;
mod pointer;
mod problem;
mod response;
mod schema;
mod sunset;
mod template;

pub use contract::{Contract, Found, NotFound};
pub use difference::{Difference, Part};
pub use document::{Options, compile};
pub use operation::{BodyRule, HeadRefused, JudgedBody, Operation, Security};
pub use problem::{Kind, Problem};
pub use response::{AnswerRule, Filtered, JudgedAnswer};
pub use strict_json::NotJson;
pub use sunset::Sunset;
pub use template::{Segment, Template};
