//! The master key: 256 bits outside of the database, under which the database seals private keys.

use std::{
    fmt, fs, io,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    constant_time, hkdf, hmac, rand,
};
use zeroize::Zeroizing;

const BYTES: usize = 32;
const FILE: &str = "identity-master.key";

/// Why there is no master key to start with.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The database is older than the file: the key that sealed it is gone.
    #[error(
        "{path} is missing, but the database holds keys that were sealed with it\n  help: restore the file from a backup. A new \
         key would not open them; if it is lost for good, move `identity.sqlite` away and set the server up anew"
    )]
    Lost {
        /// Where it was expected.
        path: PathBuf,
    },
    /// It is another one than that which sealed the database.
    #[error(
        "the master key is not the one that sealed the keys in the database\n  help: restore the key that belongs to \
         `identity.sqlite`"
    )]
    Other,
    /// It is not 32 bytes long.
    #[error("the master key has {0} bytes; it has {BYTES}\n  help: make one with `openssl rand 32`")]
    Length(usize),
    /// Others can read it.
    #[error("{path}: others may read the master key (mode {mode:o})\n  help: run `chmod 0400` on it")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file could not be read or made.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Randomness,
}

/// Something that was sealed does not open: another key, or changed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sealed value does not open")]
pub struct NotSealed;

/// The master key. Erased from memory when dropped.
pub struct MasterKey(Zeroizing<[u8; BYTES]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}

impl MasterKey {
    /// Takes a key that the operator gave.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MasterKeyError> {
        let key: [u8; BYTES] = bytes.try_into().map_err(|_| MasterKeyError::Length(bytes.len()))?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Where the key is unless the operator says otherwise.
    pub fn default_path(data: &Path) -> PathBuf {
        data.join(FILE)
    }

    /// Takes the key from the data folder. Only a server that has sealed nothing yet makes one.
    pub(crate) fn from_folder(data: &Path, sealed_before: bool) -> Result<Self, MasterKeyError> {
        let path = Self::default_path(data);
        match fs::read(&path) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                let metadata =
                    fs::metadata(&path).map_err(|source| MasterKeyError::File { path: path.clone(), source })?;
                let mode = metadata.permissions().mode() & 0o7777;
                if mode & 0o077 != 0 {
                    return Err(MasterKeyError::Exposed { path, mode });
                }
                Self::from_bytes(&bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && sealed_before => {
                Err(MasterKeyError::Lost { path })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(source) => Err(MasterKeyError::File { path, source }),
        }
    }

    fn create(path: PathBuf) -> Result<Self, MasterKeyError> {
        let mut key = Zeroizing::new([0; BYTES]);
        rand::fill(key.as_mut_slice()).map_err(|_| MasterKeyError::Randomness)?;
        let written =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path).and_then(|mut file| {
                file.write_all(key.as_slice())?;
                file.sync_all()
            });
        match written {
            Ok(()) => Ok(Self(key)),
            Err(source) => Err(MasterKeyError::File { path, source }),
        }
    }

    /// A key for one purpose (HKDF-SHA-256, RFC 5869).
    pub(crate) fn derive(&self, purpose: &str) -> Result<Zeroizing<[u8; BYTES]>, MasterKeyError> {
        let mut derived = Zeroizing::new([0; BYTES]);
        let material = hkdf::Salt::new(hkdf::HKDF_SHA256, b"portcullis identity").extract(self.0.as_slice());
        let info = [purpose.as_bytes()];
        let expanded = material.expand(&info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(derived.as_mut_slice()));
        expanded.map(|()| derived).map_err(|_| MasterKeyError::Randomness)
    }

    /// A key for authenticating short texts that come back.
    pub(crate) fn tagger(&self, purpose: &str) -> Result<Tagger, MasterKeyError> {
        let key = self.derive(purpose)?;
        Ok(Tagger(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice())))
    }

    /// Seals a value (AES-256-GCM): nonce, then ciphertext. `place` is bound to it, so that it opens nowhere else.
    pub(crate) fn seal(&self, place: &str, value: &[u8]) -> Result<Vec<u8>, NotSealed> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.0.as_slice()).map_err(|_| NotSealed)?;
        let mut sealed = value.to_vec();
        let nonce = key.seal_in_place_append_tag(Aad::from(place.as_bytes()), &mut sealed).map_err(|_| NotSealed)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the same place.
    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotSealed> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, self.0.as_slice()).map_err(|_| NotSealed)?;
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(NotSealed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotSealed)?;
        let mut value = Zeroizing::new(ciphertext.to_vec());
        let length = key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut value).map_err(|_| NotSealed)?.len();
        value.truncate(length);
        Ok(value)
    }
}

/// Makes and checks tags (HMAC-SHA-256) for one purpose.
#[derive(Clone)]
pub(crate) struct Tagger(hmac::Key);

impl Tagger {
    /// The tag of parts; where one part ends is a part of it.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    /// Whether a tag is that of these parts, in constant time.
    pub(crate) fn fits(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.tag(parts), tag).is_ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_key_at_the_same_place_alone() {
        let (key, other) = (MasterKey::from_bytes(&[1; 32]).unwrap(), MasterKey::from_bytes(&[2; 32]).unwrap());
        let sealed = key.seal("a", b"private").unwrap();
        assert_eq!(key.open("a", &sealed).unwrap().as_slice(), b"private");
        assert_eq!(key.open("b", &sealed), Err(NotSealed));
        assert_eq!(other.open("a", &sealed), Err(NotSealed));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(key.open("a", &changed), Err(NotSealed));
    }

    #[test]
    fn only_a_server_that_has_sealed_nothing_makes_a_key() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(MasterKey::from_folder(folder.path(), true), Err(MasterKeyError::Lost { .. })));
        let made = MasterKey::from_folder(folder.path(), false).unwrap();
        let again = MasterKey::from_folder(folder.path(), true).unwrap();
        assert_eq!(made.0, again.0);
        let path = MasterKey::default_path(folder.path());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
        assert!(matches!(MasterKey::from_folder(folder.path(), true), Err(MasterKeyError::Exposed { .. })));
    }
}
