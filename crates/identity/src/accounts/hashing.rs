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
pub(crate) struct StoredHash(pub(crate) String);

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredHash(…)")
    }
}

/// Computes hashes, never more at a time than there are permits.
#[derive(Debug)]
pub(crate) struct Hashing {
    running: Arc<Semaphore>,
    waiting: Semaphore,
    /// Stands in for the hash of somebody who has none, so that they cost what others cost.
    dummy: StoredHash,
    computed: Arc<AtomicU64>,
}

impl Hashing {
    /// `at_once`: how many hashes may be computed at the same time, each in 19 MiB; at least one.
    pub(crate) fn new(at_once: usize) -> Result<Self, HashingError> {
        let at_once = at_once.max(1);
        Ok(Self {
            running: Arc::new(Semaphore::new(at_once)),
            waiting: Semaphore::new(at_once.saturating_add(MAX_WAITING)),
            dummy: dummy()?,
            computed: Arc::default(),
        })
    }

    /// Hashes a new password under a new salt.
    pub(crate) async fn hash(&self, password: Password) -> Result<StoredHash, HashingError> {
        self.on_a_thread(move || {
            let salt = random::<SALT_BYTES>()?;
            let hash = argon2()?.hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| StoredHash(hash.to_string())).map_err(|_| HashingError::Failed)
        })
        .await
    }

    /// Whether the password is the one that was hashed. Without a hash the answer is no, at the same cost.
    pub(crate) async fn verify(&self, password: Password, stored: Option<StoredHash>) -> Result<bool, HashingError> {
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
    #[cfg(test)]
    pub(crate) fn computed(&self) -> u64 {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_hash_is_right_for_its_password_alone() {
        let hashing = Hashing::new(2).unwrap();
        let stored = hashing.hash(Password::typed("seven purple hedgehogs")).await.unwrap();
        assert!(stored.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", stored.0);
        assert!(hashing.verify(Password::typed("seven purple hedgehogs"), Some(stored.clone())).await.unwrap());
        assert!(!hashing.verify(Password::typed("seven purple hedgehog"), Some(stored)).await.unwrap());
    }

    #[tokio::test]
    async fn a_stranger_costs_one_hash_like_everybody_else() {
        let hashing = Hashing::new(1).unwrap();
        let stored = hashing.hash(Password::typed("seven purple hedgehogs")).await.unwrap();
        for stored in [Some(stored), None] {
            let before = hashing.computed();
            assert!(!hashing.verify(Password::typed("guess"), stored).await.unwrap());
            assert_eq!(hashing.computed() - before, 1);
        }
        let parts = |hash: &StoredHash| hash.0.rsplitn(3, '$').nth(2).map(str::to_owned);
        let real = hashing.hash(Password::typed("any other words")).await.unwrap();
        assert_eq!(parts(&hashing.dummy), parts(&real), "the same algorithm and parameters");
        assert_eq!(hashing.dummy.0.len(), real.0.len());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_hundred_at_once_are_computed_two_at_a_time() {
        let hashing = Arc::new(Hashing::new(2).unwrap());
        let most = Arc::new(AtomicU64::new(0));
        let under_way = Arc::new(AtomicU64::new(0));
        let all: Vec<_> = (0..100)
            .map(|_| {
                let (hashing, most, under_way) = (Arc::clone(&hashing), Arc::clone(&most), Arc::clone(&under_way));
                tokio::spawn(async move {
                    let work = move || {
                        most.fetch_max(under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        under_way.fetch_sub(1, Ordering::SeqCst);
                        Ok(())
                    };
                    hashing.on_a_thread(work).await
                })
            })
            .collect();
        for one in all {
            one.await.unwrap().unwrap();
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)), "{most:?}");
        assert_eq!(hashing.computed(), 100);
    }

    #[tokio::test]
    async fn whoever_goes_away_does_not_make_room_before_the_thread_is_done() {
        let hashing = Arc::new(Hashing::new(1).unwrap());
        let (begun, started) = std::sync::mpsc::channel();
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let first = Arc::clone(&hashing);
        let gone = tokio::spawn(async move {
            let work = move || {
                begun.send(()).map_err(|_| HashingError::Failed)?;
                finished.recv().map_err(|_| HashingError::Failed)
            };
            first.on_a_thread(work).await
        });
        tokio::task::spawn_blocking(move || started.recv().unwrap()).await.unwrap();
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(hashing.running.available_permits(), 0, "the thread still has its memory");
        finish.send(()).unwrap();
        let _turn = hashing.running.acquire().await.unwrap();
    }

    #[tokio::test]
    async fn no_more_wait_than_may() {
        let hashing = Hashing::new(1).unwrap();
        let _places = hashing.waiting.try_acquire_many(u32::try_from(MAX_WAITING).unwrap() + 1).unwrap();
        let refused = hashing.verify(Password::typed("guess"), None).await;
        assert_eq!(refused, Err(HashingError::Busy));
    }
}
