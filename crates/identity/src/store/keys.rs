//! Signing keys in the database, sealed.

use jose::{Algorithm, SigningError, SigningKey};
use store::StoreError;

use super::{Database, corrupt, count_change, seconds};
use crate::{
    error::IdentityError,
    keys::{MasterKey, MasterKeyError, Rotation},
};

const CHECK: &[u8] = b"portcullis identity";
const CHECK_PLACE: &str = "master_key_check";

/// A signing key with where it is in its life.
pub(crate) struct StoredKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: SigningKey,
    state: String,
}

impl StoredKey {
    pub(crate) fn is_active(&self) -> bool {
        self.state == "active"
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    kid: String,
    algorithm: String,
    sealed: Vec<u8>,
    state: String,
}

impl Database {
    /// Whether anything here was sealed by a master key.
    pub(crate) async fn has_sealed(&self) -> Result<bool, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM master_key_check").fetch_one(&self.pool).await?;
        Ok(count > 0)
    }

    /// Makes sure that the master key is the one that sealed this database; the first one seals it.
    pub(crate) async fn check_master(&self, master: &MasterKey) -> Result<(), IdentityError> {
        let query = sqlx::query_scalar("SELECT sealed FROM master_key_check WHERE only = 1");
        let sealed: Option<Vec<u8>> = query.fetch_optional(&self.pool).await.map_err(StoreError::from)?;
        if let Some(sealed) = sealed {
            let opened = master.open(CHECK_PLACE, &sealed).map_err(|_| MasterKeyError::Other)?;
            return if opened.as_slice() == CHECK { Ok(()) } else { Err(MasterKeyError::Other.into()) };
        }
        let sealed = master.seal(CHECK_PLACE, CHECK)?;
        let insert = "INSERT INTO master_key_check (only, sealed) VALUES (1, $1) ON CONFLICT DO NOTHING";
        sqlx::query(insert).bind(sealed).execute(&self.writer).await.map_err(StoreError::from)?;
        Ok(())
    }

    /// All keys that are published.
    pub(crate) async fn signing_keys(&self, master: &MasterKey) -> Result<Vec<StoredKey>, IdentityError> {
        let query =
            sqlx::query_as::<_, Row>("SELECT kid, algorithm, sealed, state FROM signing_key ORDER BY published, kid");
        let rows = query.fetch_all(&self.pool).await.map_err(StoreError::from)?;
        rows.into_iter().map(|row| open(master, row)).collect()
    }

    /// Makes a key that signs at once, where there is none for the algorithm.
    pub(crate) async fn ensure_active_key(
        &self,
        master: &MasterKey,
        algorithm: Algorithm,
        make: impl FnOnce() -> Result<SigningKey, SigningError>,
        now: u64,
    ) -> Result<(), IdentityError> {
        let query = sqlx::query_scalar("SELECT count(*) FROM signing_key WHERE algorithm = $1 AND state = 'active'");
        let count: i64 = query.bind(algorithm.name()).fetch_one(&self.pool).await.map_err(StoreError::from)?;
        if count > 0 {
            return Ok(());
        }
        let key = make()?;
        let insert = "INSERT INTO signing_key (kid, algorithm, sealed, state, published, activated) \
                      VALUES ($1, $2, $3, 'active', $4, $4) ON CONFLICT DO NOTHING";
        let query = sqlx::query(insert).bind(key.kid()).bind(algorithm.name());
        let query = query.bind(master.seal(key.kid(), &key.to_pkcs8()?)?).bind(seconds(now));
        query.execute(&self.writer).await.map_err(StoreError::from)?;
        Ok(())
    }

    /// Moves the keys of an algorithm on, as far as it is time for: says whether anything moved. `at_once` makes a
    /// successor whatever the age of the key that signs.
    pub(crate) async fn rotate(
        &self,
        master: &MasterKey,
        algorithm: Algorithm,
        rotation: Rotation,
        at_once: bool,
        now: u64,
    ) -> Result<bool, IdentityError> {
        let before = |time: std::time::Duration| seconds(now.saturating_sub(time.as_secs()));
        let name = algorithm.name();
        let mut write = self.write().await?;
        let remove = "DELETE FROM signing_key WHERE algorithm = $1 AND state = 'retired' AND retired <= $2";
        let removed = sqlx::query(remove).bind(name).bind(before(rotation.after)).execute(&mut *write).await;
        let mut moved = removed.map_err(StoreError::from)?.rows_affected();
        let ready = "SELECT kid FROM signing_key WHERE algorithm = $1 AND state = 'next' AND published <= $2";
        let query = sqlx::query_scalar(ready).bind(name).bind(before(rotation.ahead));
        let ready: Option<String> = query.fetch_optional(&mut *write).await.map_err(StoreError::from)?;
        if let Some(kid) = ready {
            let retire =
                "UPDATE signing_key SET state = 'retired', retired = $2 WHERE algorithm = $1 AND state = 'active'";
            sqlx::query(retire).bind(name).bind(seconds(now)).execute(&mut *write).await.map_err(StoreError::from)?;
            let activate = "UPDATE signing_key SET state = 'active', activated = $2 WHERE kid = $1";
            sqlx::query(activate).bind(&kid).bind(seconds(now)).execute(&mut *write).await.map_err(StoreError::from)?;
            moved += 1;
        }
        let old = "SELECT count(*) FROM signing_key AS own WHERE algorithm = $1 AND state = 'active' AND activated <= $2 \
                   AND NOT EXISTS (SELECT 1 FROM signing_key WHERE algorithm = own.algorithm AND state = 'next')";
        let age = if at_once { seconds(now) } else { before(rotation.every.saturating_sub(rotation.ahead)) };
        let query = sqlx::query_scalar(old).bind(name).bind(age);
        let old: i64 = query.fetch_one(&mut *write).await.map_err(StoreError::from)?;
        if old > 0 {
            let key = SigningKey::generate(algorithm)?;
            let insert =
                "INSERT INTO signing_key (kid, algorithm, sealed, state, published) VALUES ($1, $2, $3, 'next', $4)";
            let query = sqlx::query(insert).bind(key.kid()).bind(name);
            let query = query.bind(master.seal(key.kid(), &key.to_pkcs8()?)?).bind(seconds(now));
            query.execute(&mut *write).await.map_err(StoreError::from)?;
            moved += 1;
        }
        if moved > 0 {
            count_change(&mut write).await?;
        }
        write.commit().await.map_err(StoreError::from)?;
        Ok(moved > 0)
    }
}

fn open(master: &MasterKey, row: Row) -> Result<StoredKey, IdentityError> {
    let algorithm: Algorithm = row.algorithm.parse().map_err(|_| corrupt("signing_key.algorithm"))?;
    let private = master.open(&row.kid, &row.sealed)?;
    let key = SigningKey::from_pkcs8(algorithm, &private)?;
    Ok(StoredKey { algorithm, key, state: row.state })
}
