//! What happens to accounts, for their owners and for auditors. An event holds no secret.

use super::user::UserId;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, in Unix seconds.
    pub at: u64,
    /// What.
    pub kind: EventKind,
    /// To whose account, if it is one.
    pub user: Option<UserId>,
    /// From where; empty if it was the operator.
    pub address: String,
    /// More about it, like the name of a passkey.
    pub detail: String,
}

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)+) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[$doc])* $kind,)+
        }

        impl EventKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// Its stable name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

event_kinds! {
    /// Somebody logged in.
    LoggedIn = "logged-in",
    /// Somebody proved who they are again, or better.
    SteppedUp = "stepped-up",
    /// A wrong name, password or passkey.
    LoginFailed = "login-failed",
    /// A wrong code after the right password.
    SecondFactorFailed = "second-factor-failed",
    /// Somebody logged out.
    LoggedOut = "logged-out",
    /// A session was ended from elsewhere.
    SessionRevoked = "session-revoked",
    /// A device is no longer known.
    DeviceForgotten = "device-forgotten",
    /// A password was set or changed.
    PasswordChanged = "password-changed",
    /// A passkey was added.
    PasskeyAdded = "passkey-added",
    /// A passkey was removed.
    PasskeyRemoved = "passkey-removed",
    /// A passkey answered whose counter did not go up.
    PasskeyCopied = "passkey-copied",
    /// An authenticator app was added.
    AppAdded = "app-added",
    /// An authenticator app was removed.
    AppRemoved = "app-removed",
    /// New recovery codes were made.
    CodesMade = "codes-made",
    /// A recovery code was used.
    CodeUsed = "code-used",
    /// An operator made a one-time link.
    Invited = "invited",
    /// A one-time link was used.
    InvitationUsed = "invitation-used",
    /// An operator added the user.
    UserAdded = "user-added",
    /// An operator shut the user out.
    UserDisabled = "user-disabled",
    /// An operator let the user in again.
    UserEnabled = "user-enabled",
    /// An account at another provider was connected.
    ExternalConnected = "external-connected",
    /// An account at another provider was disconnected.
    ExternalDisconnected = "external-disconnected",
    /// A client's grant was revoked.
    GrantRevoked = "grant-revoked",
}

impl EventKind {
    /// Reads a stable name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == text)
    }
}
