//! Whether a session is good enough for a request, and what is to be done if not.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::AuthorizationRequest;
use crate::{
    accounts::Session,
    identity::Server,
    parameters::Parameters,
    problem::{Code, Problem},
};

/// The parameter in which the server remembers since when a login counts, with a tag of its own.
const SINCE: &str = "portcullis_since";
/// Seconds after which a login is asked for anew: the same address may come from a history.
const LOGIN_TIME: u64 = 3_600;

/// What a request needs of its user next.
pub(crate) enum Standing {
    /// Nothing: a code can be given.
    Ready(Session),
    /// The user's consent.
    Consent(Session),
    /// A login. The request comes back by this path and query.
    Login { back: String },
    /// A page, which the request forbids.
    Unable(Problem),
}

impl Standing {
    /// Judges a session for a request that came with a query.
    pub(crate) fn of(
        server: &Server,
        request: &AuthorizationRequest,
        query: &Parameters,
        session: Option<Session>,
    ) -> Self {
        let now = server.clock.now();
        let since = since(server, query);
        let Some(session) = session else {
            return login(server, request, query, now, Code::LoginRequired);
        };
        // A login after the request first came is fresh, whatever it asks for.
        let fresh = since.is_some_and(|since| session.authenticated_at >= since);
        let age = now.saturating_sub(session.authenticated_at);
        let too_old = request.max_age.is_some_and(|most| age > most) || request.prompt.login;
        if too_old && !fresh {
            return login(server, request, query, now, Code::LoginRequired);
        }
        if session.acr < request.acr {
            return login(server, request, query, now, Code::UnmetAuthenticationRequirements);
        }
        let asks = !request.client.client.first_party || request.prompt.consent;
        match (asks, request.prompt.none) {
            (false, _) => Self::Ready(session),
            (true, false) => Self::Consent(session),
            (true, true) => Self::Unable(Problem::new(Code::ConsentRequired, "the user must be asked")),
        }
    }
}

fn login(server: &Server, request: &AuthorizationRequest, query: &Parameters, now: u64, code: Code) -> Standing {
    if request.prompt.none {
        return Standing::Unable(Problem::new(code, "the user must log in"));
    }
    let mut query = query.clone();
    query.remove(SINCE);
    let tag = tag(server, &query, now);
    query.set(SINCE, &format!("{now}.{tag}"));
    Standing::Login { back: format!("/oauth2/authorize?{}", query.encode()) }
}

/// When the request first came, if the query says so with our tag.
fn since(server: &Server, query: &Parameters) -> Option<u64> {
    let (time, shown) = query.get(SINCE)?.split_once('.')?;
    let time: u64 = time.parse().ok().filter(|time| server.clock.now().saturating_sub(*time) <= LOGIN_TIME)?;
    let mut bare = query.clone();
    bare.remove(SINCE);
    let tag = URL_SAFE_NO_PAD.decode(shown).ok()?;
    server.tags.returns.fits(&[bare.encode().as_bytes(), &time.to_be_bytes()], &tag).then_some(time)
}

fn tag(server: &Server, bare: &Parameters, time: u64) -> String {
    URL_SAFE_NO_PAD.encode(server.tags.returns.tag(&[bare.encode().as_bytes(), &time.to_be_bytes()]))
}
