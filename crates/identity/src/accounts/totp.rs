//! One-time codes by time (RFC 6238): SHA-1, six digits, 30 s, which is what authenticator apps agree on.
//!
//! A code is good in its own step and the one before and after it, once: [`Totp::step_of`] says to which step a code
//! belongs, and the store takes a step only if it is later than the last one that was taken.

use aws_lc_rs::rand;
use store::token_text::NoRandomness;
use totp_rs::{Builder, Secret};
use zeroize::Zeroizing;

/// RFC 4226 §4: 160 bits are recommended.
const SECRET_BYTES: usize = 20;

/// The secret that an authenticator app shares with us.
pub(crate) struct Totp(Zeroizing<[u8; SECRET_BYTES]>);

impl Totp {
    /// A new secret.
    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| NoRandomness)?;
        Ok(Self(bytes))
    }

    /// A secret as it was kept.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The secret as it is kept, to be sealed.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }

    /// The secret for typing: base32 in groups of four.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::new());
        for (place, letter) in self.secret().to_base32().chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                text.push(' ');
            }
            text.push(letter);
        }
        text
    }

    /// The secret for scanning: an `otpauth://` URI, as authenticator apps read it. `issuer` and `account` are what the
    /// app shows.
    pub(crate) fn to_uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let (issuer, account) = (escaped(issuer), escaped(account));
        let secret = self.secret().to_base32();
        Zeroizing::new(format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}"))
    }

    /// The step that this code belongs to, if it is one of the three around `now` (Unix seconds). Spaces, which apps
    /// show in the middle, are passed over.
    pub(crate) fn step_of(&self, code: &str, now: u64) -> Option<u64> {
        let digits: Zeroizing<String> = Zeroizing::new(code.chars().filter(|c| !c.is_whitespace()).take(7).collect());
        Builder::new().with_secret(self.secret()).build().ok()?.check(&digits, now)
    }

    fn secret(&self) -> Secret {
        Secret::new_stack(*self.0)
    }
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3).
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// RFC 6238 appendix B, of whose eight digits ours are the last six.
    const SECRET: &[u8; 20] = b"12345678901234567890";
    const VECTORS: [(u64, &str); 5] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
    ];

    #[test]
    fn codes_are_those_of_the_rfc() {
        let totp = Totp::from_bytes(SECRET).unwrap();
        for (time, code) in VECTORS {
            assert_eq!(totp.step_of(code, time), Some(time / 30), "{code}");
        }
    }

    #[test]
    fn a_code_is_good_in_the_steps_beside_its_own_only() {
        let totp = Totp::from_bytes(SECRET).unwrap();
        let (time, code) = VECTORS[1];
        let step = time / 30;
        for now in [step - 1, step, step + 1] {
            assert_eq!(totp.step_of(code, now * 30), Some(step));
        }
        assert_eq!(totp.step_of(code, (step - 2) * 30), None);
        assert_eq!(totp.step_of(code, (step + 2) * 30), None);
    }

    #[test]
    fn only_six_digits_are_a_code() {
        let totp = Totp::from_bytes(SECRET).unwrap();
        assert_eq!(totp.step_of("287 082", 59), Some(1));
        for code in ["", "87082", "0287082", "+87082", "２８７０８２", "28708x", "-287082"] {
            assert_eq!(totp.step_of(code, 59), None, "{code}");
        }
    }

    #[test]
    fn the_uri_cannot_be_torn_by_a_name() {
        let uri = Totp::from_bytes(SECRET).unwrap().to_uri("Port & Co", "a:b?secret=x@y");
        assert_eq!(
            *uri,
            "otpauth://totp/Port%20%26%20Co:a%3Ab%3Fsecret%3Dx%40y?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Port%20%26%20Co"
        );
        assert_eq!(*Totp::from_bytes(SECRET).unwrap().to_text(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    }
}
