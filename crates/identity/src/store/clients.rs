//! Clients in the database.

use sqlx::Row;
use store::StoreError;

use super::{Database, corrupt, count_change, seconds, time};
use crate::{
    clients::{Client, ClientId},
    secret::Digest,
};

/// A client with what is not part of its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClient {
    /// The client.
    pub client: Client,
    /// Digests of its secrets, each with its end.
    pub(crate) secrets: Vec<(Digest, Option<u64>)>,
    /// Unix seconds.
    pub created: u64,
    /// Whether it may do nothing.
    pub disabled: bool,
    /// Nobody registered it: it is what the document at its id says.
    pub by_url: bool,
}

impl Database {
    /// A client, disabled or not.
    pub(crate) async fn client(&self, id: &ClientId) -> Result<Option<StoredClient>, StoreError> {
        let query =
            sqlx::query("SELECT record, created, disabled, expires IS NOT NULL FROM client WHERE id = $1").bind(&id.0);
        let Some(row) = query.fetch_optional(&self.pool).await? else { return Ok(None) };
        let query =
            sqlx::query_as::<_, (Vec<u8>, Option<i64>)>("SELECT digest, expires FROM client_secret WHERE client = $1");
        let secrets = query.bind(&id.0).fetch_all(&self.pool).await?;
        let digest = |(digest, end): (Vec<u8>, Option<i64>)| {
            let digest = digest.try_into().map_err(|_| corrupt("client_secret.digest"))?;
            Ok((Digest(digest), end.map(time)))
        };
        let secrets = secrets.into_iter().map(digest).collect::<Result<_, StoreError>>()?;
        let (record, created): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let client = serde_json::from_str(&record).map_err(|_| corrupt("client.record"))?;
        let (disabled, by_url): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
        Ok(Some(StoredClient { client, secrets, created: time(created), disabled, by_url }))
    }

    /// The ids of all clients, oldest first.
    pub(crate) async fn client_ids(&self) -> Result<Vec<ClientId>, StoreError> {
        let ids: Vec<String> =
            sqlx::query_scalar("SELECT id FROM client ORDER BY created, id").fetch_all(&self.pool).await?;
        Ok(ids.into_iter().map(ClientId).collect())
    }

    /// Adds a client, or puts it in the place of what was known of it.
    pub(crate) async fn put_client(&self, client: &Client, now: u64) -> Result<(), StoreError> {
        let record = serde_json::to_string(client).map_err(|_| corrupt("client.record"))?;
        let mut write = self.write().await?;
        let put = "INSERT INTO client (id, record, created) VALUES ($1, $2, $3) \
                   ON CONFLICT (id) DO UPDATE SET record = excluded.record, expires = NULL";
        sqlx::query(put).bind(&client.id.0).bind(record).bind(seconds(now)).execute(&mut *write).await?;
        count_change(&mut write).await?;
        Ok(write.commit().await?)
    }

    /// Keeps a client that nobody registered, until what it was given has expired. One that is registered stays.
    pub(crate) async fn put_client_by_url(&self, client: &Client, expires: u64, now: u64) -> Result<(), StoreError> {
        let record = serde_json::to_string(client).map_err(|_| corrupt("client.record"))?;
        let put = "INSERT INTO client (id, record, created, expires) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (id) DO UPDATE SET record = excluded.record, expires = max(expires, excluded.expires) \
                   WHERE expires IS NOT NULL";
        let query = sqlx::query(put).bind(&client.id.0).bind(record).bind(seconds(now)).bind(seconds(expires));
        query.execute(&self.writer).await?;
        Ok(())
    }

    /// Adds a secret to a client; those it has end at `others_end`.
    pub(crate) async fn add_client_secret(
        &self,
        id: &ClientId,
        secret: Digest,
        others_end: u64,
        now: u64,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let end = "UPDATE client_secret SET expires = min(coalesce(expires, $2), $2) WHERE client = $1";
        sqlx::query(end).bind(&id.0).bind(seconds(others_end)).execute(&mut *write).await?;
        let insert = "INSERT INTO client_secret (digest, client, created) VALUES ($1, $2, $3)";
        sqlx::query(insert).bind(secret.0.as_slice()).bind(&id.0).bind(seconds(now)).execute(&mut *write).await?;
        count_change(&mut write).await?;
        Ok(write.commit().await?)
    }

    /// Disables a client, or lets it in again; says whether there is one.
    pub(crate) async fn set_client_disabled(&self, id: &ClientId, disabled: bool) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let set = "UPDATE client SET disabled = $2 WHERE id = $1";
        let done = sqlx::query(set).bind(&id.0).bind(i64::from(disabled)).execute(&mut *write).await?;
        count_change(&mut write).await?;
        write.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Removes a client with everything that hangs on it; says whether there was one.
    pub(crate) async fn delete_client(&self, id: &ClientId) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let done = sqlx::query("DELETE FROM client WHERE id = $1").bind(&id.0).execute(&mut *write).await?;
        count_change(&mut write).await?;
        write.commit().await?;
        Ok(done.rows_affected() > 0)
    }
}
