//! API keys in the database.

use std::time::Duration;

use sqlx::{Sqlite, Transaction};

use crate::{
    api_key::{ApiKey, KeyDigest},
    error::StoreError,
    record::{KeyChange, KeyId, KeyRecord, NewKey},
    sqlite::Store,
};

impl Store {
    /// Makes a key at `now` (unix seconds). The returned [`ApiKey`] is the only copy there will ever be.
    pub async fn create_key(&self, new: NewKey, now: u64) -> Result<(ApiKey, KeyRecord), StoreError> {
        let mut write = self.write().await?;
        let made = insert(&mut write, new, now).await?;
        write.commit().await?;
        Ok(made)
    }

    /// The key with this digest, live or not.
    pub async fn find_key(&self, digest: &KeyDigest) -> Result<Option<KeyRecord>, StoreError> {
        let query = sqlx::query_as::<_, Row>("SELECT * FROM api_key WHERE digest = $1").bind(digest.0.as_slice());
        query.fetch_optional(&self.pool).await?.map(KeyRecord::try_from).transpose()
    }

    /// All keys, oldest first.
    pub async fn list_keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        let query = sqlx::query_as::<_, Row>("SELECT * FROM api_key ORDER BY created, id");
        query.fetch_all(&self.pool).await?.into_iter().map(KeyRecord::try_from).collect()
    }

    /// Revokes a key for ever. Durable when it returns. A key that was revoked before keeps its first time.
    pub async fn revoke_key(&self, id: &KeyId, now: u64) -> Result<KeyRecord, StoreError> {
        let mut write = self.write().await?;
        let revoke = "UPDATE api_key SET revoked = coalesce(revoked, $2) WHERE id = $1";
        sqlx::query(revoke).bind(&id.0).bind(seconds(now)?).execute(&mut *write).await?;
        let record = load(&mut write, id).await?;
        count_change(&mut write).await?;
        write.commit().await?;
        Ok(record)
    }

    /// Changes what a live key may do. Durable when it returns.
    pub async fn change_key(&self, id: &KeyId, change: KeyChange, now: u64) -> Result<KeyRecord, StoreError> {
        change.check()?;
        let mut write = self.write().await?;
        let mut record = load(&mut write, id).await?;
        if !record.is_live(now) {
            return Err(StoreError::NotLive(id.clone()));
        }
        record.scopes = change.scopes.unwrap_or(record.scopes);
        record.roles = change.roles.unwrap_or(record.roles);
        let update = "UPDATE api_key SET scopes = $2, roles = $3 WHERE id = $1";
        let (scopes, roles) = (record.scopes.join(" "), record.roles.join(" "));
        sqlx::query(update).bind(&id.0).bind(scopes).bind(roles).execute(&mut *write).await?;
        count_change(&mut write).await?;
        write.commit().await?;
        Ok(record)
    }

    /// Makes a successor with the same owner, name, scopes, roles, tenant and lifetime; the old key expires after `grace`, or earlier
    /// if it would have anyway.
    pub async fn roll_key(&self, id: &KeyId, grace: Duration, now: u64) -> Result<(ApiKey, KeyRecord), StoreError> {
        let mut write = self.write().await?;
        let old = load(&mut write, id).await?;
        if !old.is_live(now) {
            return Err(StoreError::NotLive(id.clone()));
        }
        let end = old.expires.min(now.saturating_add(grace.as_secs()));
        let expire = "UPDATE api_key SET expires = $2 WHERE id = $1";
        sqlx::query(expire).bind(&id.0).bind(seconds(end)?).execute(&mut *write).await?;
        let expires_in = Duration::from_secs(old.expires.saturating_sub(old.created));
        let KeyRecord { owner, name, scopes, roles, tenant, .. } = old;
        let new = NewKey { owner, name, scopes, roles, tenant, expires_in };
        let made = insert(&mut write, new, now).await?;
        count_change(&mut write).await?;
        write.commit().await?;
        Ok(made)
    }

    /// Notes when keys were last used (unix seconds), in one transaction. Ids that are gone are passed over; an older
    /// time never replaces a newer one.
    pub async fn touch_last_used(&self, uses: &[(KeyId, u64)]) -> Result<(), StoreError> {
        if uses.is_empty() {
            return Ok(());
        }
        let mut write = self.write().await?;
        let touch = "UPDATE api_key SET last_used = max(coalesce(last_used, 0), $2) WHERE id = $1";
        for (id, at) in uses {
            sqlx::query(touch).bind(&id.0).bind(seconds(*at)?).execute(&mut *write).await?;
        }
        write.commit().await?;
        Ok(())
    }

    /// A number that differs after any revocation, roll or change, by this process or another one.
    pub async fn change_counter(&self) -> Result<u64, StoreError> {
        let counter: i64 =
            sqlx::query_scalar("SELECT counter FROM key_change WHERE only = 1").fetch_one(&self.pool).await?;
        u64::try_from(counter).map_err(|_| StoreError::Corrupt(format!("change counter {counter}")))
    }

    /// Takes the write lock at once: a transaction that starts by reading can fail when it comes to write.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }
}

async fn insert(write: &mut Transaction<'_, Sqlite>, new: NewKey, now: u64) -> Result<(ApiKey, KeyRecord), StoreError> {
    new.check()?;
    let key = ApiKey::generate()?;
    let expires = now.saturating_add(new.expires_in.as_secs());
    let NewKey { owner, name, scopes, roles, tenant, .. } = new;
    let record = KeyRecord {
        id: KeyId::generate()?,
        owner,
        name,
        scopes,
        roles,
        tenant,
        created: now,
        expires,
        revoked: None,
        last_used: None,
    };
    let insert = "INSERT INTO api_key (id, digest, owner, name, scopes, created, expires, roles, tenant) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query(insert)
        .bind(&record.id.0)
        .bind(key.digest().0.as_slice())
        .bind(&record.owner)
        .bind(&record.name)
        .bind(record.scopes.join(" "))
        .bind(seconds(record.created)?)
        .bind(seconds(record.expires)?)
        .bind(record.roles.join(" "))
        .bind(&record.tenant)
        .execute(&mut **write)
        .await?;
    Ok((key, record))
}

async fn load(write: &mut Transaction<'_, Sqlite>, id: &KeyId) -> Result<KeyRecord, StoreError> {
    let query = sqlx::query_as::<_, Row>("SELECT * FROM api_key WHERE id = $1").bind(&id.0);
    query.fetch_optional(&mut **write).await?.ok_or_else(|| StoreError::UnknownKey(id.clone()))?.try_into()
}

async fn count_change(write: &mut Transaction<'_, Sqlite>) -> Result<(), StoreError> {
    sqlx::query("UPDATE key_change SET counter = counter + 1 WHERE only = 1").execute(&mut **write).await?;
    Ok(())
}

fn seconds(time: u64) -> Result<i64, StoreError> {
    i64::try_from(time).map_err(|_| StoreError::InvalidTime)
}

/// A row as `SQLite` gives it: its integers are signed.
#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    owner: String,
    name: String,
    scopes: String,
    roles: String,
    tenant: Option<String>,
    created: i64,
    expires: i64,
    revoked: Option<i64>,
    last_used: Option<i64>,
}

impl TryFrom<Row> for KeyRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let time = |value: i64| u64::try_from(value).map_err(|_| StoreError::Corrupt(row.id.clone()));
        Ok(Self {
            created: time(row.created)?,
            expires: time(row.expires)?,
            revoked: row.revoked.map(time).transpose()?,
            last_used: row.last_used.map(time).transpose()?,
            scopes: row.scopes.split_ascii_whitespace().map(str::to_owned).collect(),
            roles: row.roles.split(' ').filter(|role| !role.is_empty()).map(str::to_owned).collect(),
            tenant: row.tenant,
            id: KeyId(row.id),
            owner: row.owner,
            name: row.name,
        })
    }
}
