//! Pushed authorization requests.

use store::StoreError;

use super::{Database, seconds};
use crate::{clients::ClientId, secret::Digest};

impl Database {
    /// Keeps a request of a client.
    pub(crate) async fn push(
        &self,
        digest: Digest,
        client: &ClientId,
        request: &str,
        expires: u64,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO pushed (digest, client, request, expires) VALUES ($1, $2, $3, $4)";
        let query = sqlx::query(insert).bind(digest.0.as_slice()).bind(&client.0).bind(request);
        query.bind(seconds(expires)).execute(&self.writer).await?;
        Ok(())
    }

    /// A client's request that was not used up yet.
    pub(crate) async fn pushed(
        &self,
        digest: Digest,
        client: &ClientId,
        now: u64,
    ) -> Result<Option<String>, StoreError> {
        let query = "SELECT request FROM pushed WHERE digest = $1 AND client = $2 AND expires > $3";
        let query = sqlx::query_scalar(query).bind(digest.0.as_slice()).bind(&client.0).bind(seconds(now));
        Ok(query.fetch_optional(&self.pool).await?)
    }
}
