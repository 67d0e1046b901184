//! People: who they are to clients and policies, and the name they log in with.

use std::fmt;

use store::token_text::NoRandomness;

use crate::secret::random_id;

/// Most characters of names and addresses.
const MAX_LABEL: usize = 128;
/// RFC 5321 §4.5.3.1.3: a path has at most 256 octets, two of which are the angle brackets.
const MAX_EMAIL: usize = 254;

/// A user's id: 128 random bits in hexadecimal. It is the `sub` of tokens, never changes and is never used again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub(crate) String);

impl UserId {
    /// A new id.
    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        random_id().map(Self)
    }

    /// Reads an id: 32 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        is_hex_id(text).then(|| Self(text.to_owned()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn is_hex_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A person who can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The `sub` of tokens.
    pub id: UserId,
    /// What they log in with, in lower case.
    pub name: String,
    /// What people call them.
    pub display_name: String,
    /// Their address, if it is known.
    pub email: Option<String>,
    /// Whether the operator or a provider vouches for the address.
    pub email_verified: bool,
    /// Roles that policies know.
    pub roles: Vec<String>,
    /// The tenant they belong to.
    pub tenant: Option<String>,
    /// Whether they are shut out. A disabled user has no session and cannot log in.
    pub disabled: bool,
}

/// What a user is made from. There is no password among it: they choose one themselves, by an invitation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUser {
    /// 1 to 128 characters without white space and controls; upper case becomes lower case.
    pub name: String,
    /// At most 128 characters; the login name where it is empty.
    pub display_name: String,
    /// At most 254 bytes with an `@` in the middle.
    pub email: Option<String>,
    /// Whether the operator vouches for the address.
    pub email_verified: bool,
    /// Roles, each 1 to 128 characters without white space.
    pub roles: Vec<String>,
    /// 1 to 128 characters.
    pub tenant: Option<String>,
}

/// Why a user cannot be made as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUser {
    /// The login name.
    #[error("a login name has 1 to {MAX_LABEL} characters and neither white space nor control characters")]
    Name,
    /// The display name.
    #[error("a display name has at most {MAX_LABEL} characters and no control characters")]
    DisplayName,
    /// The address.
    #[error("`{0}` is not an email address: expected name@host, at most {MAX_EMAIL} bytes")]
    Email(String),
    /// A role.
    #[error("`{0}` is not a role: 1 to {MAX_LABEL} characters without white space")]
    Role(String),
    /// The tenant.
    #[error("a tenant has 1 to {MAX_LABEL} characters and no control characters")]
    Tenant,
}

impl NewUser {
    /// A user with a login name and nothing else.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Checks everything and gives the user an id.
    pub(crate) fn into_user(self, id: UserId) -> Result<User, InvalidUser> {
        let name = login_name(&self.name).ok_or(InvalidUser::Name)?;
        let display_name = if self.display_name.is_empty() { name.clone() } else { self.display_name };
        if !is_label(&display_name) {
            return Err(InvalidUser::DisplayName);
        }
        if let Some(email) = self.email.as_deref().filter(|email| !is_email(email)) {
            return Err(InvalidUser::Email(email.escape_default().to_string()));
        }
        if let Some(role) = self.roles.iter().find(|role| !is_token(role)) {
            return Err(InvalidUser::Role(role.escape_default().to_string()));
        }
        if self.tenant.as_deref().is_some_and(|tenant| !is_label(tenant)) {
            return Err(InvalidUser::Tenant);
        }
        let Self { email, email_verified, roles, tenant, .. } = self;
        let email_verified = email_verified && email.is_some();
        Ok(User { id, name, display_name, email, email_verified, roles, tenant, disabled: false })
    }
}

/// A login name as it is compared: NFC, in lower case. `None` if it is none.
pub(crate) fn login_name(text: &str) -> Option<String> {
    use unicode_normalization::UnicodeNormalization;
    let name: String = text.trim().to_lowercase().nfc().collect();
    is_token(&name).then_some(name)
}

fn is_label(text: &str) -> bool {
    let plain = !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    (1..=MAX_LABEL).contains(&text.chars().count()) && plain
}

fn is_token(text: &str) -> bool {
    is_label(text) && !text.chars().any(char::is_whitespace)
}

fn is_email(text: &str) -> bool {
    text.len() <= MAX_EMAIL
        && is_token(text)
        && text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn made(new: NewUser) -> Result<User, InvalidUser> {
        new.into_user(UserId::generate().unwrap())
    }

    #[test]
    fn a_login_name_is_compared_without_case_and_in_one_form() {
        assert_eq!(login_name(" Cafe\u{301} "), Some("caf\u{e9}".to_owned()));
        for text in ["", " ", "a b", "a\tb", "a\u{0}", "x".repeat(129).as_str()] {
            assert_eq!(login_name(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_a_user_is_made_from_is_checked() {
        let user = made(NewUser { email: Some("anna@example.org".into()), ..NewUser::named("Anna") }).unwrap();
        assert_eq!((user.name.as_str(), user.display_name.as_str(), user.disabled), ("anna", "anna", false));
        let wrong = |change: fn(&mut NewUser)| {
            let mut new = NewUser::named("anna");
            change(&mut new);
            made(new).unwrap_err()
        };
        assert_eq!(wrong(|new| new.name = "a b".into()), InvalidUser::Name);
        assert_eq!(wrong(|new| new.display_name = "a\nb".into()), InvalidUser::DisplayName);
        assert!(matches!(wrong(|new| new.email = Some("anna".into())), InvalidUser::Email(_)));
        assert!(matches!(wrong(|new| new.email = Some("a@b@c".into())), InvalidUser::Email(_)));
        assert!(matches!(wrong(|new| new.roles = vec!["a b".into()]), InvalidUser::Role(_)));
        assert_eq!(wrong(|new| new.tenant = Some(String::new())), InvalidUser::Tenant);
    }

    #[test]
    fn an_address_that_is_not_there_is_not_verified() {
        assert!(!made(NewUser { email_verified: true, ..NewUser::named("anna") }).unwrap().email_verified);
    }
}
