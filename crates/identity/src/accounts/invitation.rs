//! One-time links: how somebody comes to their account the first time, or again when they have lost everything.

use std::fmt;

use zeroize::Zeroizing;

/// How long a link is good, in seconds: three days.
pub(crate) const LIFETIME: u64 = 3 * 86_400;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationKind {
    /// To begin: the account has nothing to log in with yet.
    Invite,
    /// To begin again: whatever could log in before no longer can once the link is used.
    Recover,
}

impl InvitationKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Invite => "invite",
            Self::Recover => "recover",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Invite, Self::Recover].into_iter().find(|kind| kind.name() == text)
    }
}

/// A link, for the person it was made for. Whoever opens it first has the account.
pub struct Invitation {
    /// The address to open, once.
    pub link: Zeroizing<String>,
    /// The first Unix second in which it is no longer good.
    pub expires: u64,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation").field("expires", &self.expires).finish_non_exhaustive()
    }
}
