//! Devices that wait for a user.

use store::StoreError;

use super::{
    Database, corrupt,
    grants::{insert_grant, insert_refresh, load},
    seconds, time,
};
use crate::{
    clients::ClientId,
    grants::{
        Grant, GrantId,
        device::{DeviceRequest, MAX_INTERVAL},
        refresh::RefreshBinding,
    },
    scopes,
    secret::Digest,
};

/// What a device is told.
pub(crate) enum Polled {
    Allowed(Box<Grant>),
    Pending,
    TooFast,
    Denied,
    Expired,
    Unknown,
}

/// Seconds that a device must wait longer each time it asked too soon (RFC 8628 §3.5).
const SLOWER: u64 = 5;

type Row = (String, String, Option<String>, i64, i64, i64);

impl Database {
    /// Keeps a device with its codes.
    pub(crate) async fn add_device(
        &self,
        device: Digest,
        user_code: &str,
        request: &DeviceRequest,
        interval: u64,
        expires: u64,
        now: u64,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO device (digest, user_code, client, scopes, resources, state, polled, interval, expires) \
                      VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8)";
        let query = sqlx::query(insert).bind(device.0.as_slice()).bind(user_code).bind(&request.client.0);
        let query = query.bind(scopes::text(&request.scopes)).bind(request.resources.join(" "));
        // The first question may come at once.
        let query = query.bind(seconds(now.saturating_sub(interval))).bind(seconds(interval)).bind(seconds(expires));
        query.execute(&self.writer).await?;
        Ok(())
    }

    /// The device that waits with a code.
    pub(crate) async fn waiting_device(&self, code: &str, now: u64) -> Result<Option<DeviceRequest>, StoreError> {
        let query =
            "SELECT client, scopes, resources FROM device WHERE user_code = $1 AND state = 'pending' AND expires > $2";
        let row: Option<(String, String, String)> =
            sqlx::query_as(query).bind(code).bind(seconds(now)).fetch_optional(&self.pool).await?;
        Ok(row.map(|(client, scopes, resources)| DeviceRequest {
            client: ClientId(client),
            scopes: scopes::set(&scopes),
            resources: resources.split_ascii_whitespace().map(str::to_owned).collect(),
        }))
    }

    /// Puts down that the user said no; `false` if the device waits no more.
    pub(crate) async fn deny_device(&self, code: &str, now: u64) -> Result<bool, StoreError> {
        let deny = "UPDATE device SET state = 'denied' WHERE user_code = $1 AND state = 'pending' AND expires > $2";
        let done = sqlx::query(deny).bind(code).bind(seconds(now)).execute(&self.writer).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Puts down what the user allowed; `false` if the device waits no more.
    pub(crate) async fn allow_device(&self, code: &str, grant: &Grant, now: u64) -> Result<bool, StoreError> {
        let mut write = self.write().await?;
        insert_grant(&mut write, grant).await?;
        let allow = "UPDATE device SET state = 'allowed', user_grant = $2 \
                     WHERE user_code = $1 AND state = 'pending' AND expires > $3";
        let done = sqlx::query(allow).bind(code).bind(&grant.id.0).bind(seconds(now)).execute(&mut *write).await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        write.commit().await?;
        Ok(true)
    }

    /// What a device is told that asks; one that was allowed gets its grant once.
    pub(crate) async fn poll_device(
        &self,
        device: Digest,
        client: &ClientId,
        refresh: Option<(Digest, RefreshBinding)>,
        now: u64,
    ) -> Result<Polled, StoreError> {
        let mut write = self.write().await?;
        let find = "SELECT client, state, user_grant, polled, interval, expires FROM device WHERE digest = $1";
        let row: Option<Row> = sqlx::query_as(find).bind(device.0.as_slice()).fetch_optional(&mut *write).await?;
        let Some((owner, state, grant, polled, interval, expires)) = row else { return Ok(Polled::Unknown) };
        if owner != client.0 {
            return Ok(Polled::Unknown);
        }
        if time(expires) <= now {
            return Ok(Polled::Expired);
        }
        let interval = time(interval);
        let too_fast = now < time(polled) + interval && state != "denied";
        let slower = if too_fast { interval + SLOWER } else { interval };
        let state = if slower > MAX_INTERVAL { "denied" } else { state.as_str() };
        let after = if state == "allowed" && !too_fast { "used" } else { state };
        let update = "UPDATE device SET state = $2, polled = $3, interval = $4 WHERE digest = $1";
        let query = sqlx::query(update).bind(device.0.as_slice()).bind(after).bind(seconds(now)).bind(seconds(slower));
        query.execute(&mut *write).await?;
        let told = match state {
            "denied" => Polled::Denied,
            _ if too_fast => Polled::TooFast,
            "pending" => Polled::Pending,
            "used" => Polled::Unknown,
            "allowed" => {
                let id = grant.ok_or_else(|| corrupt("device.user_grant"))?;
                let grant = load(&mut write, &GrantId(id)).await?;
                if !grant.is_live(now) {
                    return Ok(Polled::Denied);
                }
                if let Some((first, binding)) = refresh {
                    insert_refresh(&mut write, first, &grant, &binding, now).await?;
                }
                Polled::Allowed(Box::new(grant))
            }
            _ => return Err(corrupt("device.state")),
        };
        write.commit().await?;
        Ok(told)
    }
}
