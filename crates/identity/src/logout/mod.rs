//! Telling clients that a session ended (OpenID Connect Back-Channel Logout 1.0).
//!
//! Whatever ends a session puts down, in the same transaction, which clients are to be told: those that were given tokens
//! in it and have a `backchannel_logout_uri`. Telling them is a task of its own, so that nobody who logs out waits for a
//! client, and what was put down is still there after a restart. A client that does not answer is asked again for some
//! two hours, ever more seldom, and meanwhile holds up nobody else.

mod delivery;
mod token;

pub use delivery::Told;
