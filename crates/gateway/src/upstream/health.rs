//! Active health: a GET to each server every few seconds, over a connection of its own.

use std::sync::Weak;

use config::{HealthCheck, UpstreamProtocol};
use http::{HeaderValue, Request, Uri, Version, header, uri::Authority};

use super::{Broken, SendError, group::Group};
use crate::body::Inbound;

const AGENT: HeaderValue = HeaderValue::from_static("portcullis-health");

/// Checks one server until its upstream is gone.
pub(super) async fn watch(group: Weak<Group>, at: usize, check: HealthCheck) {
    let mut times = tokio::time::interval(check.every);
    times.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut streak = Streak::default();
    loop {
        times.tick().await;
        let Some(group) = group.upgrade() else { return };
        let asked = tokio::time::timeout(check.timeout, ask(&group, at, &check)).await;
        let good = matches!(asked, Ok(Ok(true)));
        let count = streak.count(good);
        let Some(seat) = group.roster.seat(at) else { return };
        if good && count >= check.healthy && seat.standing.comes_up(&group.roster.absent) {
            group.tell(at, "passes its health checks again");
        }
        if !good && count >= check.unhealthy && seat.standing.goes_down(&group.roster.absent) {
            group.tell(at, "fails its health checks and gets no requests");
        }
    }
}

/// Checks in a row with the same result.
#[derive(Debug, Default)]
struct Streak {
    good: bool,
    length: u32,
}

impl Streak {
    fn count(&mut self, good: bool) -> u32 {
        self.length = if self.good == good { self.length.saturating_add(1) } else { 1 };
        self.good = good;
        self.length
    }
}

/// Whether the server answers 2xx.
async fn ask(group: &Group, at: usize, check: &HealthCheck) -> Result<bool, SendError> {
    let addresses = group.addresses.get(at).ok_or(SendError::NoServer)?;
    let authority = authority(group, addresses.host(), addresses.port())?;
    let mut request = Request::new(Inbound::none());
    request.headers_mut().insert(header::USER_AGENT, AGENT);
    let status = match group.upstream.protocol {
        UpstreamProtocol::Http1 => {
            let host = HeaderValue::try_from(authority.as_str()).map_err(|_| SendError::Authority)?;
            request.headers_mut().insert(header::HOST, host);
            *request.uri_mut() = Uri::from(check.path.clone());
            let mut connection = group.connector.http1(addresses).await?;
            connection.send(&mut Some(request), None).await?.status()
        }
        UpstreamProtocol::Http2 => {
            let scheme = if group.upstream.tls.is_some() { "https" } else { "http" };
            let target = Uri::builder().scheme(scheme).authority(authority).path_and_query(check.path.clone()).build();
            *request.uri_mut() = target.map_err(|_| SendError::Authority)?;
            *request.version_mut() = Version::HTTP_2;
            let (mut sender, _) = group.connector.http2(addresses).await?;
            sender.send_request(request).await.map_err(Broken::from)?.status()
        }
    };
    Ok(status.is_success())
}

/// The server's own name, or the one that its certificate carries.
fn authority(group: &Group, host: &str, port: u16) -> Result<Authority, SendError> {
    let name = group.upstream.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
    let text = match name {
        Some(name) => name.to_owned(),
        None if host.contains(':') => format!("[{host}]:{port}"),
        None => format!("{host}:{port}"),
    };
    Authority::try_from(text).map_err(|_| SendError::Authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streak_begins_again_when_the_result_changes() {
        let mut streak = Streak::default();
        let counts: Vec<_> = [false, false, true, true, true, false].map(|good| streak.count(good)).into();
        assert_eq!(counts, [1, 2, 1, 2, 3, 1]);
    }
}
