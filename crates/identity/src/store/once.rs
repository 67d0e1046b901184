//! What may be used once, across processes and restarts.

use store::StoreError;

use super::{Database, seconds};
use crate::secret::Digest;

impl Database {
    /// Takes something once: `false` if it was taken before. `expires` (Unix seconds) is when nobody would accept it anyway.
    pub(crate) async fn take_once(&self, mark: Digest, expires: u64) -> Result<bool, StoreError> {
        let take = "INSERT INTO used_once (digest, expires) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let taken = sqlx::query(take).bind(mark.0.as_slice()).bind(seconds(expires)).execute(&self.pool).await?;
        Ok(taken.rows_affected() == 1)
    }
}
