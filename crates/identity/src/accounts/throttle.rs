//! How often somebody may be wrong before they have to wait, and whom that is counted for.
//!
//! Tries are counted by the name that is tried, known or not, and by the address they come from. Each wait is twice as long
//! as the one before. A browser that has logged in to the account before is counted by itself instead, and passkeys are
//! not counted at all, since nobody guesses them: so nobody can be locked out by the guesses of others.

use std::net::IpAddr;

use aws_lc_rs::digest::{Context, SHA256};

use super::user::UserId;
use crate::secret::Digest;

/// How many failures are free, and what comes after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Failures without a wait. The next one costs 1 s, the one after it 2 s, and so on.
    pub(crate) free: u32,
    /// The longest wait in seconds.
    pub(crate) longest: u64,
    /// After this many seconds without a try all is forgotten.
    pub(crate) remembered: u64,
}

/// For an account, or a device that is known for it.
pub(crate) const ACCOUNT: Allowance = Allowance { free: 5, longest: 900, remembered: 3600 };
/// For an address, which many people can share.
pub(crate) const ADDRESS: Allowance = Allowance { free: 100, longest: 900, remembered: 900 };

/// What failures are counted under: a digest, so that the table does not list names and addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) [u8; 32]);

impl Key {
    /// A login name, whether there is such a user or not.
    pub(crate) fn name(name: &str) -> Self {
        Self::of("name", name.as_bytes())
    }

    /// A device that is known for an account.
    pub(crate) fn device(device: Digest) -> Self {
        Self::of("device", &device.0)
    }

    /// The second factor of a user.
    pub(crate) fn second_factor(user: &UserId) -> Self {
        Self::of("second factor", user.as_str().as_bytes())
    }

    /// The codes of devices that a user enters.
    pub(crate) fn device_codes(user: &UserId) -> Self {
        Self::of("device codes", user.as_str().as_bytes())
    }

    /// An address, or the /64 around it, which one client has to itself.
    pub(crate) fn address(address: IpAddr) -> Self {
        Self::of_address("address", address)
    }

    /// Failures with passkeys that come from an address.
    pub(crate) fn passkeys(address: IpAddr) -> Self {
        Self::of_address("passkeys", address)
    }

    fn of_address(kind: &str, address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of(kind, &address.octets()),
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64;
                Self::of(kind, &network.to_be_bytes())
            }
        }
    }

    fn of(kind: &str, what: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(what);
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        Self(key)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_client_has_a_whole_64_of_addresses() {
        let key = |text: &str| Key::address(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
