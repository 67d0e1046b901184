//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4).

use serde_json::json;

use crate::{clients::Client, identity::Server, problem::Answer, secret::random_id, store::logouts::Notice};

/// Life of a logout token in seconds. One that was not taken in time is made anew (§2.4 asks for two minutes at most).
const LIFETIME: u64 = 120;
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

impl Server {
    /// What tells a client of the end of a session. Each has an id of its own, also for the same session.
    pub(super) fn logout_token(&self, client: &Client, notice: &Notice) -> Answer<String> {
        let now = self.clock.now();
        let claims = json!({
            "iss": self.settings.issuer.as_str(),
            "sub": notice.user,
            "aud": client.id.0,
            "iat": now,
            "exp": now + LIFETIME,
            "jti": random_id()?,
            "sid": notice.session,
            "events": { EVENT: {} },
        });
        self.sign(client.id_token_algorithm, "logout+jwt", &claims)
    }
}
