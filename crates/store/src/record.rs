//! What is known about a key besides the key.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{error::StoreError, token_text::NoRandomness};

/// How long a key lives unless another time is asked for: 90 days.
pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(90 * DAY);
/// The longest that a key can live: 10 years.
pub const MAX_LIFETIME: Duration = Duration::from_secs(3650 * DAY);

const DAY: u64 = 86_400;
const MAX_LABEL: usize = 128;
const ID_DIGITS: usize = 16;

/// Public id of a key, like `key_5f0c…`: 64 random bits in hexadecimal. Not a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub String);

impl KeyId {
    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = [0_u8; ID_DIGITS / 2];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(Self(format!("key_{:016x}", u64::from_be_bytes(bytes))))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a key is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Who uses it: 1 to 128 characters.
    pub owner: String,
    /// What for: 1 to 128 characters.
    pub name: String,
    /// Scope tokens (RFC 6749 §3.3).
    pub scopes: Vec<String>,
    /// Roles that policies know: each without white space.
    pub roles: Vec<String>,
    /// The tenant it belongs to: 1 to 128 characters.
    pub tenant: Option<String>,
    /// How long it lives, at most [`MAX_LIFETIME`].
    pub expires_in: Duration,
}

impl NewKey {
    /// A key without scopes and roles that lives for [`DEFAULT_LIFETIME`].
    pub fn new(owner: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            name: name.into(),
            scopes: Vec::new(),
            roles: Vec::new(),
            tenant: None,
            expires_in: DEFAULT_LIFETIME,
        }
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        check_label("owner", &self.owner)?;
        check_label("name", &self.name)?;
        check_scopes(&self.scopes)?;
        check_roles(&self.roles)?;
        if let Some(tenant) = &self.tenant {
            check_label("tenant", tenant)?;
        }
        if self.expires_in.as_secs() == 0 || self.expires_in > MAX_LIFETIME {
            return Err(StoreError::InvalidLifetime { max_days: MAX_LIFETIME.as_secs() / DAY });
        }
        Ok(())
    }
}

/// What becomes of a key that stays the same text. What is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyChange {
    /// Scope tokens that replace those it has.
    pub scopes: Option<Vec<String>>,
    /// Roles that replace those it has.
    pub roles: Option<Vec<String>>,
}

impl KeyChange {
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        check_scopes(self.scopes.as_deref().unwrap_or_default())?;
        check_roles(self.roles.as_deref().unwrap_or_default())
    }
}

/// What the store knows about a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its public id.
    pub id: KeyId,
    /// Who uses it.
    pub owner: String,
    /// What for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Roles it has.
    pub roles: Vec<String>,
    /// The tenant it belongs to.
    pub tenant: Option<String>,
    /// When it was made, in unix seconds.
    pub created: u64,
    /// The first unix second in which it is no longer valid.
    pub expires: u64,
    /// When it was revoked, in unix seconds.
    pub revoked: Option<u64>,
    /// When it was last used, in unix seconds, a few seconds late.
    pub last_used: Option<u64>,
}

impl KeyRecord {
    /// Whether the key is good at `now` (unix seconds): neither revoked nor expired. Revocation is final whatever the
    /// clock says.
    pub fn is_live(&self, now: u64) -> bool {
        self.revoked.is_none() && now < self.expires
    }
}

fn check_scopes(scopes: &[String]) -> Result<(), StoreError> {
    match scopes.iter().find(|scope| !is_scope(scope)) {
        Some(scope) => Err(StoreError::InvalidScope(scope.escape_default().to_string())),
        None => Ok(()),
    }
}

fn check_roles(roles: &[String]) -> Result<(), StoreError> {
    match roles.iter().find(|role| !is_role(role)) {
        Some(role) => Err(StoreError::InvalidRole(role.escape_default().to_string())),
        None => Ok(()),
    }
}

fn check_label(field: &'static str, text: &str) -> Result<(), StoreError> {
    let fits = (1..=MAX_LABEL).contains(&text.chars().count());
    // Line and paragraph separators end a line in some log viewers.
    let plain = !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
    if fits && plain { Ok(()) } else { Err(StoreError::InvalidLabel { field, max: MAX_LABEL }) }
}

/// Roles are kept in one column, with spaces between them.
fn is_role(text: &str) -> bool {
    (1..=MAX_LABEL).contains(&text.chars().count()) && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}
