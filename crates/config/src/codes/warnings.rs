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

/// A body limit that is more than the budget for bodies.
pub static BODY_PAST_BUDGET: Entry = Entry {
    id: "PC-2002",
    status: None,
    title: "Bodies that never fit their budget",
    caller: "",
    operator: "A contract or a policy holds bodies whole, and `limits.held_bodies` is their budget for all requests together. A body that its route takes, and that is larger than the budget, is always refused with PC-0602.",
};

/// All of them, in order.
pub static ALL: &[&Entry] = &[&LAX_CATCH_ALL, &BODY_PAST_BUDGET];
