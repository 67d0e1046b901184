//! What may be used once.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::seconds;

/// Uses something up, by its digest. False if it was used before. It is remembered until `expires`.
pub(crate) async fn use_once(
    write: &mut Transaction<'_, Sqlite>,
    digest: [u8; 32],
    expires: u64,
) -> Result<bool, StoreError> {
    let add = "INSERT INTO used_once (digest, expires) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING";
    let query = sqlx::query(add).bind(digest.as_slice()).bind(seconds(expires));
    Ok(query.execute(&mut **write).await?.rows_affected() == 1)
}
