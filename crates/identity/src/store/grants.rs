//! Grants, codes and refresh tokens. What may happen once happens in one transaction.

use sqlx::{FromRow, Sqlite, Transaction};
use store::StoreError;

use super::{Database, corrupt, logouts::put_session_client, revocations::put_revocation, seconds, time};
use crate::{
    accounts::UserId,
    clients::ClientId,
    grants::{Grant, GrantId, code::CodeBinding, refresh::RefreshBinding},
    problem::{Answer, Problem},
    scopes,
    secret::Digest,
    tokens::{Mark, Subject},
};

/// What became of a code.
pub(crate) enum Redemption {
    Given(Box<Grant>, CodeBinding),
    Refused(Problem),
    Unknown,
    UsedBefore(GrantId),
}

/// What became of a refresh token.
pub(crate) enum Refreshed {
    Given(Box<Grant>),
    Refused(Problem),
    Unknown,
    Reused(GrantId),
}

#[derive(FromRow)]
struct Row {
    id: String,
    user: String,
    client: String,
    session: Option<String>,
    scopes: String,
    resources: String,
    created: i64,
    expires: i64,
    revoked: Option<i64>,
    facts: String,
}

const COLUMNS: &str = "id, user, client, session, scopes, resources, created, expires, revoked, facts";

impl Database {
    /// Keeps a grant with its code. A pushed request goes with it: `false`, and nothing kept, if that is gone.
    pub(crate) async fn add_code(
        &self,
        grant: &Grant,
        code: Digest,
        binding: &CodeBinding,
        expires: u64,
        pushed: Option<Digest>,
        now: u64,
    ) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        if let Some(pushed) = pushed {
            let take = "DELETE FROM pushed WHERE digest = $1 AND expires > $2";
            let taken = sqlx::query(take).bind(pushed.0.as_slice()).bind(seconds(now)).execute(&mut *write).await?;
            if taken.rows_affected() == 0 {
                return Ok(false);
            }
        }
        insert_grant(&mut write, grant).await?;
        let insert = "INSERT INTO code (digest, user_grant, bound, expires) VALUES ($1, $2, $3, $4)";
        let query = sqlx::query(insert).bind(code.0.as_slice()).bind(&grant.id.0);
        query.bind(json(binding)?).bind(seconds(expires)).execute(&mut *write).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Uses a code, if `check` lets it, and keeps the first refresh token that is given for it. The client is told of the end
    /// of the session until `told_until`, if it wants to be.
    pub(crate) async fn redeem_code(
        &self,
        digest: Digest,
        check: impl FnOnce(&Grant, &CodeBinding) -> Answer<()>,
        refresh: Option<(Digest, RefreshBinding)>,
        told_until: Option<u64>,
        now: u64,
    ) -> Result<Redemption, StoreError> {
        let mut write = self.write().await?;
        let find = "SELECT user_grant, bound, expires, used FROM code WHERE digest = $1";
        let found: Option<(String, String, i64, Option<i64>)> =
            sqlx::query_as(find).bind(digest.0.as_slice()).fetch_optional(&mut *write).await?;
        let Some((grant, bound, expires, used)) = found else { return Ok(Redemption::Unknown) };
        if used.is_some() {
            return Ok(Redemption::UsedBefore(GrantId(grant)));
        }
        let grant = load(&mut write, &GrantId(grant)).await?;
        if time(expires) <= now || !grant.is_live(now) {
            return Ok(Redemption::Unknown);
        }
        let bound: CodeBinding = serde_json::from_str(&bound).map_err(|_| corrupt("code.bound"))?;
        if let Err(problem) = check(&grant, &bound) {
            return Ok(Redemption::Refused(problem));
        }
        let used = "UPDATE code SET used = $2 WHERE digest = $1";
        sqlx::query(used).bind(digest.0.as_slice()).bind(seconds(now)).execute(&mut *write).await?;
        if let Some((first, binding)) = refresh {
            insert_refresh(&mut write, first, &grant, &binding, now).await?;
        }
        if let Some(until) = told_until {
            put_session_client(&mut write, &grant, until, now).await?;
        }
        write.commit().await?;
        Ok(Redemption::Given(Box::new(grant), bound))
    }

    /// Uses a refresh token, if `check` lets it. `next` takes its place; the same `next` again within the grace.
    pub(crate) async fn refresh(
        &self,
        digest: Digest,
        check: impl FnOnce(&Grant, &RefreshBinding) -> Answer<()>,
        next: Option<Digest>,
        grace: u64,
        now: u64,
    ) -> Result<Refreshed, StoreError> {
        let mut write = self.write().await?;
        let find = "SELECT user_grant, bound, expires, rotated FROM refresh WHERE digest = $1";
        let found: Option<(String, String, i64, Option<i64>)> =
            sqlx::query_as(find).bind(digest.0.as_slice()).fetch_optional(&mut *write).await?;
        let Some((grant, bound, expires, rotated)) = found else { return Ok(Refreshed::Unknown) };
        let grant = load(&mut write, &GrantId(grant)).await?;
        if time(expires) <= now || !grant.is_live(now) {
            return Ok(Refreshed::Unknown);
        }
        if rotated.is_some_and(|rotated| time(rotated) + grace < now) {
            return Ok(Refreshed::Reused(grant.id));
        }
        let bound: RefreshBinding = serde_json::from_str(&bound).map_err(|_| corrupt("refresh.bound"))?;
        if let Err(problem) = check(&grant, &bound) {
            return Ok(Refreshed::Refused(problem));
        }
        if let Some(next) = next.filter(|_| rotated.is_none()) {
            let rotate = "UPDATE refresh SET rotated = $2 WHERE digest = $1";
            sqlx::query(rotate).bind(digest.0.as_slice()).bind(seconds(now)).execute(&mut *write).await?;
            insert_refresh(&mut write, next, &grant, &bound, now).await?;
        }
        write.commit().await?;
        Ok(Refreshed::Given(Box::new(grant)))
    }

    /// The grant of a refresh token, live or not.
    pub(crate) async fn grant_of_refresh(&self, digest: Digest) -> Result<Option<Grant>, StoreError> {
        let query =
            format!("SELECT {COLUMNS} FROM user_grant WHERE id = (SELECT user_grant FROM refresh WHERE digest = $1)");
        let row = sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(query)).bind(digest.0.as_slice());
        row.fetch_optional(&self.pool).await?.map(Grant::try_from).transpose()
    }

    /// Whether a refresh token is the last of a live lineage.
    pub(crate) async fn is_live_refresh(&self, digest: Digest, now: u64) -> Result<bool, StoreError> {
        let query = "SELECT count(*) FROM refresh AS r JOIN user_grant AS g ON g.id = r.user_grant WHERE r.digest = $1 \
                     AND r.expires > $2 AND r.rotated IS NULL AND g.revoked IS NULL AND g.expires > $2";
        let count: i64 =
            sqlx::query_scalar(query).bind(digest.0.as_slice()).bind(seconds(now)).fetch_one(&self.pool).await?;
        Ok(count > 0)
    }

    /// Ends a grant; says whether it was live.
    pub(crate) async fn revoke_grant(&self, id: &GrantId, mark: Mark, now: u64) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        let revoke = "UPDATE user_grant SET revoked = $2 WHERE id = $1 AND revoked IS NULL";
        let done = sqlx::query(revoke).bind(&id.0).bind(seconds(now)).execute(&mut *write).await?;
        put_revocation(&mut write, &Subject::Grant(id.0.clone()), mark).await?;
        write.commit().await?;
        Ok(done.rows_affected() > 0)
    }
}

/// Keeps a grant as a part of a transaction.
pub(crate) async fn insert_grant(write: &mut Transaction<'_, Sqlite>, grant: &Grant) -> Result<(), StoreError> {
    let insert = "INSERT INTO user_grant (id, user, client, session, scopes, resources, created, expires, facts) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let query = sqlx::query(insert).bind(&grant.id.0).bind(grant.user.as_str()).bind(&grant.client.0);
    let query = query.bind(&grant.session).bind(scopes::text(&grant.scopes)).bind(grant.resources.join(" "));
    let query = query.bind(seconds(grant.created)).bind(seconds(grant.expires)).bind(json(&grant.facts)?);
    query.execute(&mut **write).await?;
    Ok(())
}

/// Keeps a refresh token as a part of a transaction.
pub(crate) async fn insert_refresh(
    write: &mut Transaction<'_, Sqlite>,
    token: Digest,
    grant: &Grant,
    binding: &RefreshBinding,
    now: u64,
) -> Result<(), StoreError> {
    let insert = "INSERT INTO refresh (digest, user_grant, bound, created, expires) VALUES ($1, $2, $3, $4, $5)";
    let query = sqlx::query(insert).bind(token.0.as_slice()).bind(&grant.id.0).bind(json(binding)?);
    query.bind(seconds(now)).bind(seconds(grant.expires)).execute(&mut **write).await?;
    Ok(())
}

/// A grant that another row points at.
pub(crate) async fn load(write: &mut Transaction<'_, Sqlite>, id: &GrantId) -> Result<Grant, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM user_grant WHERE id = $1");
    sqlx::query_as::<_, Row>(sqlx::AssertSqlSafe(query)).bind(&id.0).fetch_one(&mut **write).await?.try_into()
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| corrupt("a value to be kept"))
}

impl TryFrom<Row> for Grant {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: GrantId(row.id),
            user: UserId::parse(&row.user).ok_or_else(|| corrupt("user_grant.user"))?,
            client: ClientId(row.client),
            session: row.session,
            scopes: scopes::set(&row.scopes),
            resources: row.resources.split_ascii_whitespace().map(str::to_owned).collect(),
            created: time(row.created),
            expires: time(row.expires),
            revoked: row.revoked.map(time),
            facts: serde_json::from_str(&row.facts).map_err(|_| corrupt("user_grant.facts"))?,
        })
    }
}
