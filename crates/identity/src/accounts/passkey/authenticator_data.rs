//! What the authenticator says (§6.1): for whom, who was there, how often it has signed, and, in a registration, its key.

use aws_lc_rs::digest::{SHA256, digest};
use ciborium::Value;

use super::{MAX_ID_BYTES, MAX_PART_BYTES, PublicKey, Refused, RelyingParty};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;
const EXTENDED: u8 = 0x80;

/// Authenticator data taken apart.
pub(super) struct AuthenticatorData {
    party: [u8; 32],
    flags: u8,
    pub(super) sign_count: u32,
    pub(super) attested: Option<Attested>,
}

/// A new credential.
pub(super) struct Attested {
    pub(super) id: Vec<u8>,
    pub(super) key: PublicKey,
}

impl AuthenticatorData {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        if bytes.len() > MAX_PART_BYTES {
            return Err(Refused::Malformed);
        }
        let mut rest = bytes;
        let party = take(&mut rest)?;
        let [flags] = take(&mut rest)?;
        let sign_count = u32::from_be_bytes(take(&mut rest)?);
        let attested = if flags & ATTESTED == 0 { None } else { Some(Attested::parse(&mut rest)?) };
        if flags & EXTENDED != 0 {
            // Nothing was asked for, so nothing it says matters; but it has to be there and to be a map.
            item(&mut rest)?.as_map().ok_or(Refused::Malformed)?;
        }
        if rest.is_empty() { Ok(Self { party, flags, sign_count, attested }) } else { Err(Refused::Malformed) }
    }

    /// Checks for whom this was said, and that the user was there and was verified (§7.2 steps 16 to 19).
    pub(super) fn check(&self, party: &RelyingParty) -> Result<(), Refused> {
        if digest(&SHA256, party.id.as_bytes()).as_ref() != self.party {
            return Err(Refused::WrongParty);
        }
        if !self.has(USER_PRESENT) || !self.has(USER_VERIFIED) {
            return Err(Refused::NotVerified);
        }
        if self.is_backed_up() && !self.is_backup_eligible() {
            return Err(Refused::Contradiction);
        }
        Ok(())
    }

    /// Whether the key may be copied to other devices of its holder, which never changes.
    pub(super) fn is_backup_eligible(&self) -> bool {
        self.has(BACKUP_ELIGIBLE)
    }

    /// Whether it has been.
    pub(super) fn is_backed_up(&self) -> bool {
        self.has(BACKED_UP)
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

impl Attested {
    fn parse(rest: &mut &[u8]) -> Result<Self, Refused> {
        let _aaguid: [u8; 16] = take(rest)?;
        let length = usize::from(u16::from_be_bytes(take(rest)?));
        if !(1..=MAX_ID_BYTES).contains(&length) {
            return Err(Refused::Malformed);
        }
        let (id, after) = rest.split_at_checked(length).ok_or(Refused::Malformed)?;
        *rest = after;
        let before = *rest;
        item(rest)?;
        let cose = before.get(..before.len() - rest.len()).ok_or(Refused::Malformed)?;
        Ok(Self { id: id.to_vec(), key: PublicKey::parse(cose)? })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Refused> {
    let (taken, after) = rest.split_first_chunk().ok_or(Refused::Malformed)?;
    *rest = after;
    Ok(*taken)
}

/// Reads one item of CBOR, however deep (the library stops at 256 levels).
fn item(rest: &mut &[u8]) -> Result<Value, Refused> {
    ciborium::from_reader(rest).map_err(|_| Refused::Malformed)
}
