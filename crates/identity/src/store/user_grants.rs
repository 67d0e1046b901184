//! What a user has allowed clients, as the user sees it.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::{Database, revocations::put_revocation, seconds, time};
use crate::{
    accounts::UserId,
    tokens::{Mark, Subject},
};

/// A live grant of a user.
pub(crate) struct UserGrant {
    pub(crate) id: String,
    pub(crate) client: String,
    pub(crate) scopes: String,
    pub(crate) created: u64,
}

impl Database {
    /// A user's live grants, newest first.
    pub(crate) async fn grants_of_user(&self, user: &UserId, now: u64) -> Result<Vec<UserGrant>, StoreError> {
        let query = "SELECT user_grant.id, coalesce(json_extract(client.record, '$.name'), client.id), scopes, \
                     user_grant.created \
                     FROM user_grant JOIN client ON client.id = user_grant.client \
                     WHERE user = $1 AND revoked IS NULL AND user_grant.expires > $2 \
                     ORDER BY user_grant.created DESC, user_grant.id LIMIT 100";
        let rows: Vec<(String, String, String, i64)> =
            sqlx::query_as(query).bind(user.as_str()).bind(seconds(now)).fetch_all(&self.pool).await?;
        let read = |(id, client, scopes, created)| UserGrant { id, client, scopes, created: time(created) };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Revokes a grant of a user and everything that was issued under it. False if they have none such.
    pub(crate) async fn revoke_grant_of_user(
        &self,
        user: &UserId,
        grant: &str,
        mark: Mark,
        now: u64,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let revoke = "UPDATE user_grant SET revoked = $3 WHERE id = $1 AND user = $2 AND revoked IS NULL";
        let query = sqlx::query(revoke).bind(grant).bind(user.as_str()).bind(seconds(now));
        if query.execute(&mut *write).await?.rows_affected() == 0 {
            return Ok(false);
        }
        put_revocation(&mut write, &Subject::Grant(grant.to_owned()), mark).await?;
        write.commit().await?;
        Ok(true)
    }
}

/// Ends all that a user has allowed, as a part of a transaction.
pub(crate) async fn end_all_grants(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    mark: Mark,
) -> Result<(), StoreError> {
    let revoke = "UPDATE user_grant SET revoked = $2 WHERE user = $1 AND revoked IS NULL";
    sqlx::query(revoke).bind(user.as_str()).bind(seconds(mark.until)).execute(&mut **write).await?;
    put_revocation(write, &Subject::User(user.0.clone()), mark).await
}
