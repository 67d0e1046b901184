//! Browsers that somebody has logged in with before, and one-time links.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::{Database, corrupt, seconds, time};
use crate::{
    accounts::{InvitationKind, UserId},
    secret::{Digest, random_id},
};

/// A known device as its user sees it in a list.
pub(crate) struct KnownDevice {
    pub(crate) id: String,
    pub(crate) agent: String,
    pub(crate) created: u64,
    pub(crate) last_used: u64,
}

impl Database {
    /// Whether this user has logged in with this device before.
    pub(crate) async fn knows_device(&self, digest: Digest, user: &UserId, now: u64) -> Result<bool, StoreError> {
        let query = "SELECT count(*) FROM known_device WHERE digest = $1 AND user = $2 AND expires > $3";
        let query = sqlx::query_scalar(query).bind(digest.0.as_slice()).bind(&user.0).bind(seconds(now));
        Ok(query.fetch_one(&self.pool).await.map(|count: i64| count == 1)?)
    }

    /// A user's known devices, the last one used first.
    pub(crate) async fn known_devices_of(&self, user: &UserId, now: u64) -> Result<Vec<KnownDevice>, StoreError> {
        let query = "SELECT id, agent, created, last_used FROM known_device \
                     WHERE user = $1 AND expires > $2 ORDER BY last_used DESC, id LIMIT 100";
        let rows: Vec<(String, String, i64, i64)> =
            sqlx::query_as(query).bind(&user.0).bind(seconds(now)).fetch_all(&self.pool).await?;
        let read = |(id, agent, created, last_used)| KnownDevice {
            id,
            agent,
            created: time(created),
            last_used: time(last_used),
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Keeps a link; links of the same kind that the user had before are dead.
    pub(crate) async fn add_invitation(
        &self,
        digest: Digest,
        user: &UserId,
        kind: InvitationKind,
        expires: u64,
    ) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let delete = "DELETE FROM invitation WHERE user = $1 AND kind = $2";
        sqlx::query(delete).bind(&user.0).bind(kind.name()).execute(&mut *write).await?;
        let add = "INSERT INTO invitation (digest, user, kind, expires) VALUES ($1, $2, $3, $4)";
        let query = sqlx::query(add).bind(digest.0.as_slice()).bind(&user.0).bind(kind.name());
        query.bind(seconds(expires)).execute(&mut *write).await?;
        Ok(write.commit().await?)
    }

    /// Whose link it is, without using it up.
    pub(crate) async fn invitation(
        &self,
        digest: Digest,
        now: u64,
    ) -> Result<Option<(UserId, InvitationKind)>, StoreError> {
        let query = "SELECT user, kind FROM invitation JOIN user ON user.id = invitation.user \
                     WHERE digest = $1 AND expires > $2 AND disabled = 0";
        let row: Option<(String, String)> =
            sqlx::query_as(query).bind(digest.0.as_slice()).bind(seconds(now)).fetch_optional(&self.pool).await?;
        row.map(|(user, kind)| {
            let user = UserId::parse(&user).ok_or_else(|| corrupt("invitation.user"))?;
            Ok((user, InvitationKind::parse(&kind).ok_or_else(|| corrupt("invitation.kind"))?))
        })
        .transpose()
    }
}

/// Notes that a user logged in with a device, which makes it known until `expires`.
pub(crate) async fn put_known_device(
    write: &mut Transaction<'_, Sqlite>,
    digest: Digest,
    user: &UserId,
    agent: &str,
    now: u64,
    expires: u64,
) -> Result<(), StoreError> {
    let put = "INSERT INTO known_device (digest, id, user, agent, created, last_used, expires) \
               VALUES ($1, $2, $3, $4, $5, $5, $6) ON CONFLICT (digest, user) DO UPDATE SET \
               agent = excluded.agent, last_used = excluded.last_used, expires = excluded.expires";
    let query = sqlx::query(put).bind(digest.0.as_slice()).bind(random_id()?).bind(&user.0).bind(agent);
    query.bind(seconds(now)).bind(seconds(expires)).execute(&mut **write).await?;
    Ok(())
}

/// Whether a device was ever given this cookie.
pub(crate) async fn is_device(write: &mut Transaction<'_, Sqlite>, digest: Digest) -> Result<bool, StoreError> {
    let query = sqlx::query_scalar("SELECT count(*) FROM known_device WHERE digest = $1").bind(digest.0.as_slice());
    Ok(query.fetch_one(&mut **write).await.map(|count: i64| count > 0)?)
}

/// Forgets a device of a user. False if they have none with this id.
pub(crate) async fn take_known_device(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    id: &str,
) -> Result<bool, StoreError> {
    let delete = "DELETE FROM known_device WHERE id = $1 AND user = $2";
    Ok(sqlx::query(delete).bind(id).bind(&user.0).execute(&mut **write).await?.rows_affected() == 1)
}

/// Forgets all devices of a user.
pub(crate) async fn take_known_devices(write: &mut Transaction<'_, Sqlite>, user: &UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM known_device WHERE user = $1").bind(&user.0).execute(&mut **write).await?;
    Ok(())
}

/// Uses a link up. False if it was used before.
pub(crate) async fn take_invitation(write: &mut Transaction<'_, Sqlite>, digest: Digest) -> Result<bool, StoreError> {
    let delete = "DELETE FROM invitation WHERE digest = $1";
    Ok(sqlx::query(delete).bind(digest.0.as_slice()).execute(&mut **write).await?.rows_affected() == 1)
}
