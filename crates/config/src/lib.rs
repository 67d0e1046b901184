//! The configuration file, parsed into types that cannot hold nonsense.
//!
//! [`load`] reads `portcullis.yaml` in three steps. The text becomes a tree in which every value knows its place
//! (`yaml`). The tree is held against the table of keys (`shape`, `keys`), from which [`schema`] is made as well, so
//! the two cannot differ. Then each part is decoded into [`Config`], and every file it names is read (`decode`).
//!
//! No step stops at the first mistake: a [`Report`] holds all of them, each with a code of [`codes`], its place, the
//! cause and the fix. Only a file without any mistake gives a [`Config`].
//!
//! [`diff`] says what one configuration lets through that another does not.

pub mod codes;
mod decode;
mod diff;
mod keys;
mod load;
mod model;
mod report;
pub mod routing;
mod shape;
mod yaml;

pub use diff::{Change, Verdict, diff, policy_changes};
pub use load::{Cases, load, load_str, load_str_at, load_with};
pub use model::*;
pub use report::{Finding, Report, Span};
pub use shape::schema;
