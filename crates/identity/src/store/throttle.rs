//! Failed logins, counted before it is known whether they fail: tries at the same moment count, too.

use store::StoreError;

use super::{Database, seconds, time};
use crate::accounts::throttle::{Allowance, Key};

impl Database {
    /// Counts a try. `Some` is how many seconds to wait instead: then nothing is counted.
    pub(crate) async fn count_try(&self, key: Key, allowance: Allowance, now: u64) -> Result<Option<u64>, StoreError> {
        let count = "INSERT INTO throttle (key, failures, until, expires) VALUES ($1, 1, 0, $2 + $5) \
                     ON CONFLICT (key) DO UPDATE SET \
                     failures = iif(expires <= $2, 1, failures + 1), \
                     until = iif(expires <= $2 OR failures < $3, 0, $2 + min($4, 1 << min(failures - $3, 30))), \
                     expires = $2 + $5 \
                     WHERE until <= $2 OR expires <= $2";
        let query = sqlx::query(count).bind(key.0.as_slice()).bind(seconds(now)).bind(allowance.free);
        let query = query.bind(seconds(allowance.longest)).bind(seconds(allowance.remembered));
        if query.execute(&self.writer).await?.rows_affected() == 1 {
            return Ok(None);
        }
        let until: Option<i64> = sqlx::query_scalar("SELECT until FROM throttle WHERE key = $1")
            .bind(key.0.as_slice())
            .fetch_optional(&self.pool)
            .await?;
        Ok(Some(until.map_or(1, |until| time(until).saturating_sub(now).max(1))))
    }

    /// Takes back the count of a try that did not fail.
    pub(crate) async fn uncount_try(&self, key: Key) -> Result<(), StoreError> {
        let update = "UPDATE throttle SET failures = max(0, failures - 1), until = 0 WHERE key = $1";
        sqlx::query(update).bind(key.0.as_slice()).execute(&self.writer).await?;
        Ok(())
    }

    /// Forgets all failures.
    pub(crate) async fn forget_tries(&self, key: Key) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM throttle WHERE key = $1").bind(key.0.as_slice()).execute(&self.writer).await?;
        Ok(())
    }
}
