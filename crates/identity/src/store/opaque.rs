//! Opaque access tokens: the JWT that each stands for.

use store::StoreError;

use super::{Database, seconds};
use crate::secret::Digest;

impl Database {
    /// Keeps what an opaque token stands for.
    pub(crate) async fn add_opaque(&self, token: Digest, signed: &str, expires: u64) -> Result<(), StoreError> {
        let insert = "INSERT INTO opaque (digest, claims, expires) VALUES ($1, $2, $3)";
        let query = sqlx::query(insert).bind(token.0.as_slice()).bind(signed).bind(seconds(expires));
        query.execute(&self.writer).await?;
        Ok(())
    }

    /// The JWT that an opaque token stands for.
    pub(crate) async fn opaque(&self, token: Digest, now: u64) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT claims FROM opaque WHERE digest = $1 AND expires > $2");
        Ok(query.bind(token.0.as_slice()).bind(seconds(now)).fetch_optional(&self.pool).await?)
    }
}
