//! Which route decides over which request, stated over whole templates rather than as the gateway's tree.
//!
//! For what reasons about a configuration without running it. A test of the binary holds it against the gateway.

mod paths;
mod table;

pub use paths::{Path, classes};
pub use table::{Answer, Entry, Table};
