//! What `portcullis check` tells of a configuration that can be run, but may not mean what it says.

use super::Entry;

/// Catch-all beside a stricter route.
pub static LAX_CATCH_ALL: Entry = Entry {
    id: "PC-2001",
    status: None,
    title: "Catch-all beside a stricter route",
    caller: "",
    operator: "A route with `{rest*}` or `*` takes paths that differ from a stricter route's in letter case, in an escaped space or in a slash at the end, and asks for less. For the gateway they are other paths. An upstream that does not tell them apart serves what the stricter route protects.",
};

/// All of them, in order.
pub static ALL: &[&Entry] = &[&LAX_CATCH_ALL];
