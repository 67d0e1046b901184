//! Password hashes: Argon2id (RFC 9106), a bounded number of them at a time.
//!
//! A hash takes 19 MiB for some tens of milliseconds, so what bounds the memory of a hundred logins at once is how many
//! may hash at the same time. The others wait, and when too many wait, more are turned away.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use tokio::sync::Semaphore;

use super::password::Password;

/// Memory of one hash in KiB (OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const OUTPUT_BYTES: usize = 32;
/// Logins that may wait for their turn.
const MAX_WAITING: usize = 256;

/// Why there is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashingError {
    /// As many as may wait are waiting already.
    #[error("{MAX_WAITING} password hashes are waiting; try again in a few seconds")]
    Busy,
    /// The system gave no random bytes, no memory or no thread.
    #[error("no password hash could be computed")]
    Failed,
}

/// A password's hash as a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredHash(pub(crate) String);

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredHash(…)")
    }
}

/// Computes hashes, never more at a time than there are permits.
#[derive(Debug)]
pub struct Hashing {
    running: Arc<Semaphore>,
    waiting: Semaphore,
    /// Stands in for the hash of somebody who has none, so that they cost what others cost.
    dummy: StoredHash,
    computed: Arc<AtomicU64>,
}

impl Hashing {
    /// `at_once`: how many hashes may be computed at the same time, each in 19 MiB; at least one.
    pub fn new(at_once: usize) -> Result<Self, HashingError> {
        let at_once = at_once.max(1);
        Ok(Self {
            running: Arc::new(Semaphore::new(at_once)),
            waiting: Semaphore::new(at_once.saturating_add(MAX_WAITING)),
            dummy: dummy()?,
            computed: Arc::default(),
        })
    }

    /// Hashes a new password under a new salt.
    pub async fn hash(&self, password: Password) -> Result<StoredHash, HashingError> {
        self.on_a_thread(move || {
            let salt = random::<SALT_BYTES>()?;
            let hash = argon2()?.hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| StoredHash(hash.to_string())).map_err(|_| HashingError::Failed)
        })
        .await
    }

    /// Whether the password is the one that was hashed. Without a hash the answer is no, at the same cost.
    pub async fn verify(&self, password: Password, stored: Option<StoredHash>) -> Result<bool, HashingError> {
        let is_real = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.dummy.clone());
        let equal = self
            .on_a_thread(move || {
                let parsed = PasswordHash::new(&stored.0).map_err(|_| HashingError::Failed)?;
                Ok(argon2()?.verify_password(password.as_bytes(), &parsed).is_ok())
            })
            .await?;
        Ok(equal & is_real)
    }

    /// How many hashes were computed so far.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashingError> + Send + 'static,
    ) -> Result<T, HashingError> {
        let _place = self.waiting.try_acquire().map_err(|_| HashingError::Busy)?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| HashingError::Failed)?;
        let computed = Arc::clone(&self.computed);
        let thread = tokio::task::spawn_blocking(move || {
            // The thread keeps the turn: a caller who goes away does not take the memory back.
            let _turn = turn;
            computed.fetch_add(1, Ordering::Relaxed);
            work()
        });
        thread.await.map_err(|_| HashingError::Failed)?
    }
}

fn argon2() -> Result<Argon2<'static>, HashingError> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?))
}

fn params() -> Result<Params, HashingError> {
    Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES)).map_err(|_| HashingError::Failed)
}

/// A hash that no password has, by all that is likely: 256 random bits.
fn dummy() -> Result<StoredHash, HashingError> {
    let failed = |_| HashingError::Failed;
    let hash = PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params()?).map_err(|_| HashingError::Failed)?,
        salt: Some(Salt::new(&random::<SALT_BYTES>()?).map_err(failed)?),
        hash: Some(Output::new(&random::<OUTPUT_BYTES>()?).map_err(failed)?),
    };
    Ok(StoredHash(hash.to_string()))
}

fn random<const N: usize>() -> Result<[u8; N], HashingError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| HashingError::Failed)?;
    Ok(bytes)
}
