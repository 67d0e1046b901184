//! What people prove who they are with, besides a password: passkeys, one-time codes, recovery codes.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::{Database, seconds, time};
use crate::accounts::{NewPasskey, RecoveryDigest, UserId};

/// A passkey as it is kept.
#[derive(sqlx::FromRow)]
pub(crate) struct StoredPasskey {
    pub(crate) id: Vec<u8>,
    pub(crate) user: String,
    pub(crate) name: String,
    pub(crate) cose: Vec<u8>,
    pub(crate) sign_count: u32,
    pub(crate) backup_eligible: bool,
    pub(crate) created: i64,
    pub(crate) last_used: Option<i64>,
}

/// An authenticator app as it is kept.
pub(crate) struct StoredTotp {
    pub(crate) sealed: Vec<u8>,
    /// When its first code was right.
    pub(crate) confirmed: Option<u64>,
}

impl Database {
    /// A passkey by its credential's id.
    pub(crate) async fn passkey(&self, id: &[u8]) -> Result<Option<StoredPasskey>, StoreError> {
        Ok(sqlx::query_as("SELECT * FROM passkey WHERE id = $1").bind(id).fetch_optional(&self.pool).await?)
    }

    /// A user's passkeys, oldest first.
    pub(crate) async fn passkeys_of(&self, user: &UserId) -> Result<Vec<StoredPasskey>, StoreError> {
        let query = "SELECT * FROM passkey WHERE user = $1 ORDER BY created, id";
        Ok(sqlx::query_as(query).bind(&user.0).fetch_all(&self.pool).await?)
    }

    /// A user's authenticator app.
    pub(crate) async fn totp_of(&self, user: &UserId) -> Result<Option<StoredTotp>, StoreError> {
        let query = "SELECT sealed, confirmed FROM totp WHERE user = $1";
        let row: Option<(Vec<u8>, Option<i64>)> =
            sqlx::query_as(query).bind(&user.0).fetch_optional(&self.pool).await?;
        Ok(row.map(|(sealed, confirmed)| StoredTotp { sealed, confirmed: confirmed.map(time) }))
    }

    /// Keeps the secret of an app that is yet to be confirmed. An app that was confirmed is never replaced: false then.
    pub(crate) async fn begin_totp(&self, user: &UserId, sealed: &[u8], now: u64) -> Result<bool, StoreError> {
        let put = "INSERT INTO totp (user, sealed, created) VALUES ($1, $2, $3) ON CONFLICT (user) DO UPDATE \
                   SET sealed = excluded.sealed, created = excluded.created, last_step = 0 WHERE confirmed IS NULL";
        let done = sqlx::query(put).bind(&user.0).bind(sealed).bind(seconds(now)).execute(&self.writer).await?;
        Ok(done.rows_affected() == 1)
    }

    /// How many recovery codes are left.
    pub(crate) async fn recovery_codes_left(&self, user: &UserId) -> Result<u32, StoreError> {
        let query = "SELECT count(*) FROM recovery_code WHERE user = $1";
        Ok(sqlx::query_scalar(query).bind(&user.0).fetch_one(&self.pool).await?)
    }
}

/// Adds a passkey. False if there is one with this id, whoever's it is.
pub(crate) async fn put_passkey(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    name: &str,
    new: &NewPasskey,
    now: u64,
) -> Result<bool, StoreError> {
    let add = "INSERT INTO passkey (id, user, name, cose, sign_count, backup_eligible, backed_up, created) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING";
    let query = sqlx::query(add).bind(new.id.as_slice()).bind(&user.0).bind(name).bind(new.key.as_cose());
    let query = query.bind(new.sign_count).bind(new.backup_eligible).bind(new.backed_up).bind(seconds(now));
    Ok(query.execute(&mut **write).await?.rows_affected() == 1)
}

/// Notes that a passkey signed. False if its counter is not beyond the one that is kept, as when two answers of one key
/// come at once.
pub(crate) async fn note_passkey(
    write: &mut Transaction<'_, Sqlite>,
    id: &[u8],
    sign_count: u32,
    backed_up: bool,
    now: u64,
) -> Result<bool, StoreError> {
    let update = "UPDATE passkey SET sign_count = $2, backed_up = $3, last_used = $4 \
                  WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))";
    let query = sqlx::query(update).bind(id).bind(sign_count).bind(backed_up).bind(seconds(now));
    Ok(query.execute(&mut **write).await?.rows_affected() == 1)
}

/// Removes a passkey of a user. False if they have none with this id.
pub(crate) async fn take_passkey(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    id: &[u8],
) -> Result<bool, StoreError> {
    let delete = "DELETE FROM passkey WHERE id = $1 AND user = $2";
    Ok(sqlx::query(delete).bind(id).bind(&user.0).execute(&mut **write).await?.rows_affected() == 1)
}

/// Takes the code of a step: once, and never after that of a later step. False if it was taken.
pub(crate) async fn take_totp_step(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    step: u64,
) -> Result<bool, StoreError> {
    let update = "UPDATE totp SET last_step = $2 WHERE user = $1 AND last_step < $2 AND confirmed IS NOT NULL";
    Ok(sqlx::query(update).bind(&user.0).bind(seconds(step)).execute(&mut **write).await?.rows_affected() == 1)
}

/// Confirms an app by its first code. False if it was confirmed before, or replaced by another one meanwhile.
pub(crate) async fn confirm_totp(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    sealed: &[u8],
    step: u64,
    now: u64,
) -> Result<bool, StoreError> {
    let update = "UPDATE totp SET confirmed = $4, last_step = $3 WHERE user = $1 AND sealed = $2 AND confirmed IS NULL";
    let query = sqlx::query(update).bind(&user.0).bind(sealed).bind(seconds(step)).bind(seconds(now));
    Ok(query.execute(&mut **write).await?.rows_affected() == 1)
}

/// Removes an app, and the recovery codes that stand in for it. False if there was none.
pub(crate) async fn take_totp(write: &mut Transaction<'_, Sqlite>, user: &UserId) -> Result<bool, StoreError> {
    sqlx::query("DELETE FROM recovery_code WHERE user = $1").bind(&user.0).execute(&mut **write).await?;
    let done = sqlx::query("DELETE FROM totp WHERE user = $1").bind(&user.0).execute(&mut **write).await?;
    Ok(done.rows_affected() == 1)
}

/// Puts new recovery codes in the place of the old ones.
pub(crate) async fn put_recovery_codes(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    codes: &[RecoveryDigest],
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM recovery_code WHERE user = $1").bind(&user.0).execute(&mut **write).await?;
    for code in codes {
        let add = "INSERT INTO recovery_code (user, digest) VALUES ($1, $2)";
        sqlx::query(add).bind(&user.0).bind(code.0.as_slice()).execute(&mut **write).await?;
    }
    Ok(())
}

/// Takes a recovery code. False if there is none such, or no more.
pub(crate) async fn take_recovery_code(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    code: RecoveryDigest,
) -> Result<bool, StoreError> {
    let delete = "DELETE FROM recovery_code WHERE user = $1 AND digest = $2";
    let query = sqlx::query(delete).bind(&user.0).bind(code.0.as_slice());
    Ok(query.execute(&mut **write).await?.rows_affected() == 1)
}

/// Removes every passkey, app and recovery code of a user.
pub(crate) async fn take_factors(write: &mut Transaction<'_, Sqlite>, user: &UserId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM passkey WHERE user = $1").bind(&user.0).execute(&mut **write).await?;
    take_totp(write, user).await?;
    Ok(())
}
