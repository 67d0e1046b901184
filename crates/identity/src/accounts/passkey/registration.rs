//! A new passkey (§7.1).

use aws_lc_rs::digest::{SHA256, digest};
use ciborium::Value;

use super::{
    Ceremony, MAX_PART_BYTES, PublicKey, Refused, RelyingParty,
    authenticator_data::{Attested, AuthenticatorData},
    client_data,
};

/// What a browser sends after `navigator.credentials.create()`.
#[derive(Debug)]
pub(crate) struct Registration {
    /// `response.clientDataJSON`.
    pub(crate) client_data: Vec<u8>,
    /// `response.attestationObject`.
    pub(crate) attestation: Vec<u8>,
}

/// A key to keep.
#[derive(Debug, Clone)]
pub(crate) struct NewPasskey {
    /// The credential's id.
    pub(crate) id: Vec<u8>,
    /// The key.
    pub(crate) key: PublicKey,
    /// How often it has signed; zero for keys that do not count.
    pub(crate) sign_count: u32,
    /// Whether it can be copied to other devices of its holder.
    pub(crate) backup_eligible: bool,
    /// Whether it has been.
    pub(crate) backed_up: bool,
}

impl Registration {
    /// Checks everything. `accept` judges the challenge, and what it makes of it has to be used up by the caller.
    pub(crate) fn verify<C>(
        &self,
        party: &RelyingParty,
        accept: impl FnOnce(&[u8]) -> Result<C, Refused>,
    ) -> Result<(NewPasskey, C), Refused> {
        let challenge = client_data::check(&self.client_data, Ceremony::Registration, party, accept)?;
        let object = AttestationObject::parse(&self.attestation)?;
        let data = AuthenticatorData::parse(&object.authenticator_data)?;
        data.check(party)?;
        let (backup_eligible, backed_up) = (data.is_backup_eligible(), data.is_backed_up());
        let AuthenticatorData { sign_count, attested, .. } = data;
        let Attested { id, key } = attested.ok_or(Refused::Malformed)?;
        object.check(&key, &self.client_data)?;
        Ok((NewPasskey { id, key, sign_count, backup_eligible, backed_up }, challenge))
    }
}

/// An attestation object (§6.5.4) taken apart.
struct AttestationObject {
    format: String,
    statement: Vec<(Value, Value)>,
    authenticator_data: Vec<u8>,
}

impl AttestationObject {
    fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        if bytes.len() > MAX_PART_BYTES {
            return Err(Refused::Malformed);
        }
        let mut rest = bytes;
        let object: Value = ciborium::from_reader(&mut rest).map_err(|_| Refused::Malformed)?;
        let members = object.into_map().map_err(|_| Refused::Malformed)?;
        let (mut format, mut statement, mut data) = (None, None, None);
        for (name, value) in members {
            let taken = match name.as_text().ok_or(Refused::Malformed)? {
                "fmt" => format.replace(value.into_text().map_err(|_| Refused::Malformed)?).is_some(),
                "attStmt" => statement.replace(value.into_map().map_err(|_| Refused::Malformed)?).is_some(),
                "authData" => data.replace(value.into_bytes().map_err(|_| Refused::Malformed)?).is_some(),
                _ => true,
            };
            // Twice, or nothing that an attestation object has.
            if taken {
                return Err(Refused::Malformed);
            }
        }
        match (format, statement, data) {
            (Some(format), Some(statement), Some(authenticator_data)) if rest.is_empty() => {
                Ok(Self { format, statement, authenticator_data })
            }
            _ => Err(Refused::Malformed),
        }
    }

    /// None was asked for. What a browser leaves standing all the same is an attestation by the very key (§5.1.3 step
    /// 21), which is checked as §8.2 says.
    fn check(&self, key: &PublicKey, client_data: &[u8]) -> Result<(), Refused> {
        match self.format.as_str() {
            "none" if self.statement.is_empty() => Ok(()),
            "packed" if self.member("x5c").is_none() => {
                let signature = self.member("sig").and_then(Value::as_bytes).ok_or(Refused::Malformed)?;
                let hash = digest(&SHA256, client_data);
                key.verify(&[self.authenticator_data.as_slice(), hash.as_ref()].concat(), signature)
            }
            _ => Err(Refused::UnknownAttestation),
        }
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.statement.iter().find(|(label, _)| label.as_text() == Some(name)).map(|(_, value)| value)
    }
}
