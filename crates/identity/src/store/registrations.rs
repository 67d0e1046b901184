//! Tokens that let a client register itself, or care for its registration.

use store::StoreError;

use super::{Database, seconds};
use crate::{clients::ClientId, secret::Digest};

impl Database {
    /// Keeps a token: of a client, or an initial one that lets one client register.
    pub(crate) async fn add_registration_token(
        &self,
        token: Digest,
        client: Option<&ClientId>,
        expires: u64,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO registration_token (digest, client, expires) VALUES ($1, $2, $3)";
        let query = sqlx::query(insert).bind(token.0.as_slice()).bind(client.map(|client| &client.0));
        query.bind(seconds(expires)).execute(&self.writer).await?;
        Ok(())
    }

    /// Uses an initial token up; `false` if it is not good.
    pub(crate) async fn use_initial_token(&self, token: Digest, now: u64) -> Result<bool, StoreError> {
        let take = "DELETE FROM registration_token WHERE digest = $1 AND client IS NULL AND expires > $2";
        let done = sqlx::query(take).bind(token.0.as_slice()).bind(seconds(now)).execute(&self.writer).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The client that a registration access token belongs to.
    pub(crate) async fn owner_of_registration(&self, token: Digest, now: u64) -> Result<Option<ClientId>, StoreError> {
        let query = "SELECT client FROM registration_token WHERE digest = $1 AND client IS NOT NULL AND expires > $2";
        let query = sqlx::query_scalar::<_, String>(query).bind(token.0.as_slice()).bind(seconds(now));
        Ok(query.fetch_optional(&self.pool).await?.map(ClientId))
    }
}
