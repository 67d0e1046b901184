//! JSON that every reader reads alike, or none at all.
//!
//! Two readers of one text may differ: the first or the last of two members with one name counts, a number is cut to
//! 64 bits or rounded to a double, a deep text exhausts one stack and not the other (RFC 8259 §4, §6 and §9). What could
//! be read in two ways is [`NotJson`] here, as I-JSON asks (RFC 7493 §2), so that what was judged is what others will read.
//!
//! ```
//! use strict_json::{Bounds, NotJson, read};
//!
//! let bounds = Bounds { depth: 32, values: 1_000 };
//! assert!(read(br#"{"sum": 12.5}"#, bounds).is_ok());
//! assert_eq!(read(br#"{"admin": false, "admin": true}"#, bounds), Err(NotJson::Duplicate));
//! ```

mod read;
mod tree;

pub use read::{Bounds, NotJson, read};
pub use tree::Tree;
