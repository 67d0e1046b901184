//! Bringing logout tokens to clients (OpenID Connect Back-Channel Logout 1.0 §2.5 and §2.8).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use store::StoreError;
use tokio::task::JoinSet;

use crate::{
    Identity,
    identity::Server,
    outgoing::{Errand, OutgoingError},
    store::logouts::Notice,
};

/// Clients that are told at once.
const AT_ONCE: u32 = 16;
/// Seconds until a client that did not answer is asked again, try by try. After the last it is given up.
const AGAIN: [u64; 6] = [5, 30, 120, 600, 1_800, 3_600];
/// Without being woken, what has become due is looked for this often.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// What came of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Told {
    /// Notices that were tried.
    pub tried: usize,
    /// Notices that clients took.
    pub taken: usize,
}

/// What came of one try.
enum Outcome {
    Taken,
    /// It may be taken another time.
    Again(String),
    /// It never will be.
    Never(String),
}

impl Identity {
    /// Tells clients of sessions that ended, until the task is dropped.
    pub async fn tell_clients(self) {
        let mut healthy = true;
        loop {
            let told = self.tell_clients_once().await;
            if told.is_ok() != healthy {
                healthy = told.is_ok();
                let text = told.as_ref().map_or_else(ToString::to_string, |_| "goes on".to_owned());
                eprintln!("identity: telling clients of logouts: {text}");
            }
            if !matches!(told, Ok(Told { tried: 1.., .. })) {
                // Also a session that another process ended is noticed, a little later.
                let _ = tokio::time::timeout(LOOK_AGAIN, self.0.session_ended.notified()).await;
            }
        }
    }

    /// Tells clients of what is due, one round of it.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn tell_clients_once(&self) -> Result<Told, StoreError> {
        if !self.0.way_out.is_connected() {
            return Ok(Told::default());
        }
        let notices = self.0.database.take_notices(AT_ONCE, self.0.clock.now()).await?;
        let tried = notices.len();
        let mut under_way = JoinSet::new();
        for notice in notices {
            let server = Arc::clone(&self.0);
            under_way.spawn(async move { server.tell(&notice).await });
        }
        let mut taken = 0;
        while let Some(outcome) = under_way.join_next().await {
            // What is left undone is due again by itself.
            taken += usize::from(outcome.unwrap_or(Ok(false))?);
        }
        Ok(Told { tried, taken })
    }
}

impl Server {
    /// Tells a client of the end of a session, and puts down what came of it; whether it was taken.
    async fn tell(&self, notice: &Notice) -> Result<bool, StoreError> {
        let outcome = self.try_to_tell(notice).await?;
        let tries = usize::try_from(notice.tries).unwrap_or(usize::MAX);
        let told = |what: &str, why: &str| {
            eprintln!("identity: the end of a session was not taken by client {}: {why}; {what}", notice.client());
        };
        match (outcome, AGAIN.get(tries.saturating_sub(1))) {
            (Outcome::Taken, _) => {
                self.database.end_notice(notice).await?;
                return Ok(true);
            }
            (Outcome::Again(why), Some(seconds)) => {
                told("it is tried again", &why);
                self.database.postpone_notice(notice, self.clock.now() + seconds).await?;
            }
            (Outcome::Again(why), None) | (Outcome::Never(why), _) => {
                told("it is given up", &why);
                self.database.end_notice(notice).await?;
            }
        }
        Ok(false)
    }

    async fn try_to_tell(&self, notice: &Notice) -> Result<Outcome, StoreError> {
        let stored = self.database.client(&notice.client()).await?.filter(|stored| !stored.disabled);
        let Some(client) = stored.map(|stored| stored.client) else {
            return Ok(Outcome::Never("it is shut out".to_owned()));
        };
        let Some(uri) = &client.backchannel_logout_uri else {
            return Ok(Outcome::Never("it has no address for that any more".to_owned()));
        };
        let Ok(token) = self.logout_token(&client, notice) else {
            return Ok(Outcome::Again("a token could not be signed".to_owned()));
        };
        let body = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
        let request = Request::builder().method(Method::POST).uri(uri);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let Ok(request) = request.body(Bytes::from(body)) else {
            return Ok(Outcome::Never("its address is none".to_owned()));
        };
        let answer = self.way_out.send(Errand::Logout, request).await;
        Ok(judge(answer.map(|answer| answer.status())))
    }
}

/// 200 and its like are a yes; a 4xx is for a token that the client will not take the next time either (§2.8).
fn judge(answer: Result<StatusCode, OutgoingError>) -> Outcome {
    match answer {
        Ok(status) if status.is_success() => Outcome::Taken,
        Ok(status @ (StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS | StatusCode::NOT_FOUND)) => {
            Outcome::Again(status.to_string())
        }
        Ok(status) if status.is_server_error() => Outcome::Again(status.to_string()),
        Ok(status) => Outcome::Never(status.to_string()),
        Err(error) => Outcome::Again(error.to_string()),
    }
}
