//! Passwords as people choose them and type them.
//!
//! Any characters, no rules of composition, and no list of old ones: length is what counts (NIST SP 800-63B-4 §3.1.1.2).
//! Text is normalised to NFC, and other spaces become U+0020, as RFC 8265 §4.2 asks of an opaque string, so that the same
//! password typed on another keyboard is the same password.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Fewest characters of a new password, whatever an operator asks for.
pub(crate) const MIN_CHARACTERS: usize = 8;
/// Most bytes of a password in UTF-8: 64 characters of any script, and far more of most.
pub(crate) const MAX_BYTES: usize = 256;

/// Passwords that are guessed first, in lower case, sorted, each of at least [`MIN_CHARACTERS`].
///
/// Taken from the list of Django 5.2 (BSD-3-Clause), which descends from Royce Williams' list of leaked passwords.
const COMMON: &str = include_str!("common_passwords.txt");

/// Why a password may not be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// Fewer characters than are asked for.
    #[error("the password is too short")]
    TooShort,
    /// Over 256 bytes.
    #[error("the password is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// One of those that are guessed first.
    #[error("the password is one of those that are guessed first")]
    Common,
    /// The login name, or the login name with something short around it.
    #[error("the password is the login name, or little more than it")]
    Name,
}

/// A password in its normal form. It is wiped when dropped and never shown.
#[derive(Clone)]
pub(crate) struct Password(Zeroizing<String>);

impl Password {
    /// What somebody typed to log in. It may be anything: only its hash says whether it is right.
    pub(crate) fn typed(text: &str) -> Self {
        let spaced = text.chars().map(|c| if c.is_whitespace() && !c.is_control() { ' ' } else { c });
        Self(Zeroizing::new(spaced.nfc().collect()))
    }

    /// What somebody with this login name wants for a password, of `least` characters or more.
    pub(crate) fn chosen(text: &str, name: &str, least: usize) -> Result<Self, Unfit> {
        let password = Self::typed(text);
        let folded = Zeroizing::new(password.0.to_lowercase());
        if password.0.chars().count() < least.max(MIN_CHARACTERS) {
            Err(Unfit::TooShort)
        } else if password.0.len() > MAX_BYTES {
            Err(Unfit::TooLong)
        } else if is_common(&folded) {
            Err(Unfit::Common)
        } else if is_little_more_than(&folded, name) {
            Err(Unfit::Name)
        } else {
            Ok(password)
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

fn is_common(folded: &str) -> bool {
    let repeated = folded.chars().next().is_some_and(|first| folded.chars().all(|c| c == first));
    repeated || lines().binary_search(&folded).is_ok()
}

fn lines() -> &'static [&'static str] {
    static LINES: std::sync::LazyLock<Vec<&'static str>> = std::sync::LazyLock::new(|| COMMON.lines().collect());
    &LINES
}

/// `name`, `name123`, `!name!`: what is left without the name has fewer than six characters.
fn is_little_more_than(folded: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    !name.is_empty() && folded.contains(&name) && folded.replacen(&name, "", 1).chars().count() < 6
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn length_counts_characters_and_is_bounded_in_bytes() {
        assert_eq!(Password::chosen("brizgtu", "anna", 8).err(), Some(Unfit::TooShort));
        assert!(Password::chosen("brizgtuq", "anna", 8).is_ok());
        assert_eq!(Password::chosen("brizgtuq", "anna", 9).err(), Some(Unfit::TooShort));
        assert_eq!(Password::chosen("brizgtu", "anna", 1).err(), Some(Unfit::TooShort), "8 is the least of the least");
        assert!(Password::chosen(&"🦔🌲".repeat(32), "anna", 8).is_ok(), "64 characters of four bytes");
        assert_eq!(Password::chosen(&"🦔🌲🌲".repeat(22), "anna", 8).err(), Some(Unfit::TooLong));
    }

    #[test]
    fn nothing_is_asked_of_the_composition() {
        for text in ["correct horse battery staple", "ßßüüööääqq", "        x", "\u{1F994}\u{1F332} seven of them"]
        {
            assert!(Password::chosen(text, "anna", 8).is_ok(), "{text}");
        }
    }

    #[test]
    fn passwords_that_are_guessed_first_are_refused_in_any_case() {
        for text in ["password1", "PassWord1", "iloveyou1", "qwertyuiop", "12345678", "zzzzzzzzzzzz"] {
            assert_eq!(Password::chosen(text, "anna", 8).err(), Some(Unfit::Common), "{text}");
        }
    }

    #[test]
    fn the_login_name_is_no_password() {
        for text in ["anna.smith", "Anna.Smith1", "anna.smith12345"] {
            assert_eq!(Password::chosen(text, "anna.smith", 8).err(), Some(Unfit::Name), "{text}");
        }
        assert!(Password::chosen("anna.smith likes hedgehogs", "anna.smith", 8).is_ok());
    }

    #[test]
    fn one_password_typed_in_two_ways_is_one_password() {
        let composed = Password::typed("caf\u{e9}\u{a0}au lait");
        let decomposed = Password::typed("cafe\u{301} au lait");
        assert_eq!(composed.as_bytes(), decomposed.as_bytes());
    }

    #[test]
    fn the_list_is_sorted_and_holds_only_what_length_does_not_refuse() {
        assert!(lines().is_sorted());
        assert!(lines().iter().all(|line| line.chars().count() >= MIN_CHARACTERS && *line == line.to_lowercase()));
        assert!(lines().len() > 8_000);
    }

    #[test]
    fn a_password_is_not_shown() {
        assert_eq!(format!("{:?}", Password::typed("secret words")), "Password(…)");
    }
}
