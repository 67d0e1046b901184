//! Marks of what is dead before it expires.

use sqlx::{Sqlite, Transaction};
use store::StoreError;

use super::{Database, count_change, seconds, time};
use crate::tokens::{Mark, Subject};

impl Database {
    /// Adds a mark. A mark that is there already is never shortened.
    pub(crate) async fn revoke(&self, subject: &Subject, mark: Mark) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        put_revocation(&mut write, subject, mark).await?;
        Ok(write.commit().await?)
    }

    /// All marks that can still mean a token.
    pub(crate) async fn revocations(&self, now: u64) -> Result<Vec<(Subject, Mark)>, StoreError> {
        let query = "SELECT kind, subject, until, expires FROM revocation WHERE expires > $1";
        let rows: Vec<(String, String, i64, i64)> =
            sqlx::query_as(query).bind(seconds(now)).fetch_all(&self.pool).await?;
        let read = |(kind, subject, until, expires): (String, String, i64, i64)| {
            let subject = Subject::read(&kind, subject).ok_or_else(|| super::corrupt("revocation.kind"))?;
            Ok((subject, Mark { until: time(until), expires: time(expires) }))
        };
        rows.into_iter().map(read).collect()
    }
}

/// Adds a mark as a part of a transaction.
pub(crate) async fn put_revocation(
    write: &mut Transaction<'_, Sqlite>,
    subject: &Subject,
    mark: Mark,
) -> Result<(), StoreError> {
    let put = "INSERT INTO revocation (kind, subject, until, expires) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (kind, subject) DO UPDATE SET \
               until = max(until, excluded.until), expires = max(expires, excluded.expires)";
    let query = sqlx::query(put).bind(subject.kind()).bind(subject.name());
    query.bind(seconds(mark.until)).bind(seconds(mark.expires)).execute(&mut **write).await?;
    count_change(write).await
}
