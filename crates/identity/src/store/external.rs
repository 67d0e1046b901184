//! Accounts at other providers, and whose they are here.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::{Database, corrupt, seconds, time};
use crate::{accounts::UserId, secret::random_id};

/// An account at a provider, as its user sees it in a list.
pub(crate) struct ExternalIdentity {
    pub(crate) id: String,
    pub(crate) issuer: String,
    pub(crate) shown: String,
    pub(crate) created: u64,
    pub(crate) last_used: Option<u64>,
}

impl Database {
    /// Whose an account at a provider is.
    pub(crate) async fn external_user(&self, issuer: &str, subject: &str) -> Result<Option<UserId>, StoreError> {
        let query = "SELECT user FROM external_identity WHERE issuer = $1 AND subject = $2";
        let row: Option<String> =
            sqlx::query_scalar(query).bind(issuer).bind(subject).fetch_optional(&self.pool).await?;
        row.map(|id| UserId::parse(&id).ok_or_else(|| corrupt("external_identity.user"))).transpose()
    }

    /// The one user with an address that was verified here, too. None if there are several.
    pub(crate) async fn user_by_verified_email(&self, email: &str) -> Result<Option<UserId>, StoreError> {
        let query = "SELECT id FROM user WHERE email = $1 AND email_verified = 1 LIMIT 2";
        let ids: Vec<String> = sqlx::query_scalar(query).bind(email).fetch_all(&self.pool).await?;
        match ids.as_slice() {
            [one] => UserId::parse(one).ok_or_else(|| corrupt("user.id")).map(Some),
            _ => Ok(None),
        }
    }

    /// A user's accounts at providers, oldest first.
    pub(crate) async fn external_identities_of(&self, user: &UserId) -> Result<Vec<ExternalIdentity>, StoreError> {
        let query = "SELECT id, issuer, shown, created, last_used FROM external_identity \
                     WHERE user = $1 ORDER BY created, id LIMIT 100";
        let rows: Vec<(String, String, String, i64, Option<i64>)> =
            sqlx::query_as(query).bind(user.as_str()).fetch_all(&self.pool).await?;
        let read = |(id, issuer, shown, created, last_used): (_, _, _, i64, Option<i64>)| ExternalIdentity {
            id,
            issuer,
            shown,
            created: time(created),
            last_used: last_used.map(time),
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Notes that somebody logged in with an account at a provider.
    pub(crate) async fn note_external(&self, issuer: &str, subject: &str, now: u64) -> Result<(), StoreError> {
        let update = "UPDATE external_identity SET last_used = $3 WHERE issuer = $1 AND subject = $2";
        sqlx::query(update).bind(issuer).bind(subject).bind(seconds(now)).execute(&self.writer).await?;
        Ok(())
    }
}

/// Connects an account at a provider with a user. False if it is connected already, with whomever.
pub(crate) async fn put_external(
    write: &mut Transaction<'_, Sqlite>,
    issuer: &str,
    subject: &str,
    user: &UserId,
    shown: &str,
    now: u64,
) -> Result<bool, StoreError> {
    let add = "INSERT INTO external_identity (issuer, subject, id, user, shown, created) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (issuer, subject) DO NOTHING";
    let query = sqlx::query(add).bind(issuer).bind(subject).bind(random_id()?).bind(user.as_str()).bind(shown);
    Ok(query.bind(seconds(now)).execute(&mut **write).await?.rows_affected() == 1)
}

/// Disconnects an account at a provider. False if the user has none with this id.
pub(crate) async fn take_external(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    id: &str,
) -> Result<bool, StoreError> {
    let delete = "DELETE FROM external_identity WHERE id = $1 AND user = $2";
    Ok(sqlx::query(delete).bind(id).bind(user.as_str()).execute(&mut **write).await?.rows_affected() == 1)
}

/// How many ways in a user has besides one passkey and one account at a provider: passwords, passkeys, such accounts.
pub(crate) async fn other_ways_in(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    but_passkey: &[u8],
    but_external: &str,
) -> Result<i64, StoreError> {
    let query = "SELECT (SELECT count(*) FROM passkey WHERE user = $1 AND id <> $2) \
                 + (SELECT count(*) FROM external_identity WHERE user = $1 AND id <> $3) \
                 + (SELECT count(*) FROM user WHERE id = $1 AND password IS NOT NULL)";
    Ok(sqlx::query_scalar(query)
        .bind(user.as_str())
        .bind(but_passkey)
        .bind(but_external)
        .fetch_one(&mut **write)
        .await?)
}
