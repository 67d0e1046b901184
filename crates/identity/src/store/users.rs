//! People, and the hash of their password.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::{Database, corrupt, seconds};
use crate::accounts::{StoredHash, User, UserId};

/// A user with what they log in with.
pub(crate) struct Account {
    pub(crate) user: User,
    pub(crate) password: Option<StoredHash>,
    /// What passkeys know the user by.
    pub(crate) handle: Vec<u8>,
}

impl Database {
    /// Adds a user. False if the login name is taken.
    pub(crate) async fn add_user(&self, user: &User, handle: &[u8; 32], now: u64) -> Result<bool, StoreError> {
        let add = "INSERT INTO user (id, name, display_name, email, email_verified, roles, tenant, handle, created) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (name) DO NOTHING";
        let query = sqlx::query(add).bind(&user.id.0).bind(&user.name).bind(&user.display_name).bind(&user.email);
        let query = query.bind(user.email_verified).bind(user.roles.join(" ")).bind(&user.tenant);
        let done = query.bind(handle.as_slice()).bind(seconds(now)).execute(&self.writer).await?;
        Ok(done.rows_affected() == 1)
    }

    /// The account with a login name in its normal form.
    pub(crate) async fn account_by_name(&self, name: &str) -> Result<Option<Account>, StoreError> {
        let query = sqlx::query_as::<_, Row>("SELECT * FROM user WHERE name = $1").bind(name);
        query.fetch_optional(&self.pool).await?.map(Account::try_from).transpose()
    }

    /// The account with an id.
    pub(crate) async fn account(&self, id: &UserId) -> Result<Option<Account>, StoreError> {
        let query = sqlx::query_as::<_, Row>("SELECT * FROM user WHERE id = $1").bind(&id.0);
        query.fetch_optional(&self.pool).await?.map(Account::try_from).transpose()
    }

    /// All users by name, from the one after `after` on.
    pub(crate) async fn users(&self, after: &str, most: u32) -> Result<Vec<User>, StoreError> {
        let query = "SELECT * FROM user WHERE name > $1 ORDER BY name LIMIT $2";
        let rows: Vec<Row> = sqlx::query_as(query).bind(after).bind(most).fetch_all(&self.pool).await?;
        rows.into_iter().map(|row| Account::try_from(row).map(|account| account.user)).collect()
    }

    /// Shuts a user out, or lets them in again. False if there is no such user.
    pub(crate) async fn disable_user(&self, id: &UserId, disabled: bool) -> Result<bool, StoreError> {
        let update = "UPDATE user SET disabled = $2 WHERE id = $1";
        let done = sqlx::query(update).bind(&id.0).bind(disabled).execute(&self.writer).await?;
        Ok(done.rows_affected() == 1)
    }
}

/// Gives a user another password, or none, as a part of a transaction.
pub(crate) async fn put_password(
    write: &mut Transaction<'_, Sqlite>,
    user: &UserId,
    hash: Option<&StoredHash>,
    now: u64,
) -> Result<(), StoreError> {
    let update = "UPDATE user SET password = $2, password_changed = $3 WHERE id = $1";
    let query = sqlx::query(update).bind(&user.0).bind(hash.map(|hash| &hash.0)).bind(seconds(now));
    query.execute(&mut **write).await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: String,
    name: String,
    display_name: String,
    email: Option<String>,
    email_verified: bool,
    roles: String,
    tenant: Option<String>,
    handle: Vec<u8>,
    password: Option<String>,
    disabled: bool,
}

impl TryFrom<Row> for Account {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let user = User {
            id: UserId::parse(&row.id).ok_or_else(|| corrupt("user.id"))?,
            name: row.name,
            display_name: row.display_name,
            email: row.email,
            email_verified: row.email_verified,
            roles: row.roles.split(' ').filter(|role| !role.is_empty()).map(str::to_owned).collect(),
            tenant: row.tenant,
            disabled: row.disabled,
        };
        Ok(Self { user, password: row.password.map(StoredHash), handle: row.handle })
    }
}
