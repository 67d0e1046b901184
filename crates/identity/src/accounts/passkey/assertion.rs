//! A proof that the holder of a passkey is here (§7.2).

use aws_lc_rs::digest::{SHA256, digest};

use super::{Ceremony, PublicKey, Refused, RelyingParty, authenticator_data::AuthenticatorData, client_data};

/// What a browser sends after `navigator.credentials.get()`.
#[derive(Debug)]
pub(crate) struct Assertion {
    /// `rawId`.
    pub(crate) id: Vec<u8>,
    /// `response.clientDataJSON`.
    pub(crate) client_data: Vec<u8>,
    /// `response.authenticatorData`.
    pub(crate) authenticator_data: Vec<u8>,
    /// `response.signature`.
    pub(crate) signature: Vec<u8>,
    /// `response.userHandle`, which discoverable credentials always give.
    pub(crate) user_handle: Option<Vec<u8>>,
}

/// What is known of the passkey with the assertion's id.
#[derive(Debug)]
pub(crate) struct Known<'k> {
    /// Its key.
    pub(crate) key: &'k PublicKey,
    /// The handle of the user it belongs to.
    pub(crate) user_handle: &'k [u8],
    /// How often it had signed.
    pub(crate) sign_count: u32,
    /// Whether it could be copied when it was registered.
    pub(crate) backup_eligible: bool,
}

/// What a good assertion changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asserted {
    /// How often the key has signed.
    pub(crate) sign_count: u32,
    /// Whether it has been copied to other devices of its holder.
    pub(crate) backed_up: bool,
}

impl Assertion {
    /// Checks everything. `accept` judges the challenge, and what it makes of it has to be used up by the caller.
    pub(crate) fn verify<C>(
        &self,
        known: &Known<'_>,
        party: &RelyingParty,
        accept: impl FnOnce(&[u8]) -> Result<C, Refused>,
    ) -> Result<(Asserted, C), Refused> {
        if self.user_handle.as_deref().is_some_and(|handle| handle != known.user_handle) {
            return Err(Refused::WrongUser);
        }
        let challenge = client_data::check(&self.client_data, Ceremony::Assertion, party, accept)?;
        let data = AuthenticatorData::parse(&self.authenticator_data)?;
        data.check(party)?;
        if data.attested.is_some() || data.is_backup_eligible() != known.backup_eligible {
            return Err(Refused::Contradiction);
        }
        let hash = digest(&SHA256, &self.client_data);
        known.key.verify(&[self.authenticator_data.as_slice(), hash.as_ref()].concat(), &self.signature)?;
        let counts = data.sign_count != 0 || known.sign_count != 0;
        if counts && data.sign_count <= known.sign_count {
            return Err(Refused::Copied);
        }
        Ok((Asserted { sign_count: data.sign_count, backed_up: data.is_backed_up() }, challenge))
    }
}
