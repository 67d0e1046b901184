//! People's accounts: who they are, what they prove it with, and where they are logged in.

mod browser;
mod changes;
mod event;
mod hashing;
mod invitation;
mod login;
mod operator;
pub(crate) mod passkey;
mod password;
mod recovery;
mod second;
mod session;
mod sessions;
pub(crate) mod throttle;
mod totp;
mod user;

pub(crate) use browser::Browser;
pub(crate) use changes::{Changed, Enrolment};
pub use event::{Event, EventKind};
pub use hashing::HashingError;
pub(crate) use hashing::{Hashing, StoredHash};
pub use invitation::{Invitation, InvitationKind};
pub(crate) use login::{DEVICE_LIFETIME, Entered, Login, PasswordStep};
pub use operator::AccountError;
pub(crate) use operator::{Accepted, FirstFactor};
pub(crate) use passkey::NewPasskey;
pub(crate) use password::{Password, Unfit};
pub(crate) use recovery::{RecoveryCode, RecoveryDigest};
pub(crate) use second::SecondStep;
pub use session::{Acr, Amr, Session, SessionId};
pub use sessions::SessionSummary;
pub(crate) use totp::Totp;
pub use user::{InvalidUser, NewUser, User, UserId};
