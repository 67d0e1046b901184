//! What fuzz targets and benches reach of the inside. No promise is made of its shape.
//!
//! It reads, measures and compares; nothing here makes a request that could be forwarded, but by the stages themselves.

mod bytes;
mod stages;

pub use bytes::{End, Head, Read, canonical, proxy_source, read};
pub use stages::{AtIdentify, AtLimit, AtRoute, Bench, Done, Outcome, dressed};
