//! Sessions: who is logged in, since when and how well they proved it.

use std::fmt;

use super::user::{User, is_hex_id};

/// A session's id: 128 random bits in hexadecimal. It is the `sid` of tokens, and no secret: the cookie is another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(pub(crate) String);

impl SessionId {
    /// Reads an id: 32 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        is_hex_id(text).then(|| Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How well somebody proved who they are. The greater one satisfies the lesser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Acr {
    /// One factor.
    Aal1,
    /// Two: a password and a one-time code, or a passkey that verified its user.
    Aal2,
}

impl Acr {
    /// The value of `acr`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
        }
    }

    /// Reads a value of `acr`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Aal1, Self::Aal2].into_iter().find(|acr| acr.name() == text)
    }
}

/// What somebody proved who they are with (RFC 8176).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Amr {
    /// A password.
    Pwd,
    /// A one-time code.
    Otp,
    /// A key in hardware or software that they hold.
    Hwk,
    /// Their presence and will, which the key's holder verified: a PIN or a finger.
    User,
    /// More than one factor.
    Mfa,
}

impl Amr {
    const ALL: [Self; 5] = [Self::Pwd, Self::Otp, Self::Hwk, Self::User, Self::Mfa];

    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
            Self::Hwk => "hwk",
            Self::User => "user",
            Self::Mfa => "mfa",
        }
    }

    /// Reads a registered name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|amr| amr.name() == text)
    }
}

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The `sid` of tokens.
    pub id: SessionId,
    /// Who it is, as they are now.
    pub user: User,
    /// When they last proved who they are, in Unix seconds: the `auth_time` of tokens.
    pub authenticated_at: u64,
    /// How well.
    pub acr: Acr,
    /// With what.
    pub amr: Vec<Amr>,
}
