//! What `portcullis check` can find in a configuration.

use super::Entry;

/// All of them, in order.
pub static ALL: &[&Entry] = &[];
