//! What fuzz targets and benches reach of the inside. No promise is made of its shape.
//!
//! It reads, measures and compares; nothing here makes a request that could be forwarded, but by the stages themselves.

mod bytes;
mod stages;

pub use bytes::{Fault, Head, Watch, canonical, proxy_source, strict};
pub use stages::{AtIdentify, AtLimit, AtRoute, Bench, Done, Outcome, dressed};
