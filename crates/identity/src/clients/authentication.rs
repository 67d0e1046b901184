//! Who a client is (RFC 6749 §2.3, RFC 7523, RFC 8705). Every failure is the same `invalid_client`.

use std::{borrow::Cow, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::header;

use super::{Authentication, ClientId};
use crate::{
    endpoints::Call,
    identity::Server,
    problem::{Answer, Code, Problem},
    secret::{Digest, Purpose},
    store::clients::StoredClient,
    tokens::certificate_thumbprint,
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A client that proved who it is, as far as clients of its kind can.
pub(crate) struct Authenticated {
    pub(crate) client: Arc<StoredClient>,
    /// SHA-256 of the certificate on the connection, base64url: what tokens can be bound to.
    pub(crate) certificate: Option<String>,
}

/// What a request presents.
enum Presented<'c> {
    Nothing,
    Secret(Cow<'c, str>),
    Assertion(&'c str),
}

impl Server {
    /// Proves the client of a request.
    pub(crate) async fn authenticate(&self, call: &Call) -> Answer<Authenticated> {
        let (id, presented) = presented(call)?;
        let client =
            self.client(&ClientId(id.into_owned()), call.origin.address).await?.filter(|client| !client.disabled);
        let client = client.ok_or_else(|| refused(call))?;
        let certificate = call.origin.certificate.as_ref();
        let proved = match (&client.client.authentication, presented) {
            // FAPI 2.0 §5.3.2.1: clients that prove who they are, and not by shared secrets.
            (Authentication::None, Presented::Nothing) => !self.is_fapi(&client.client),
            (Authentication::SecretBasic | Authentication::SecretPost, Presented::Secret(secret)) => {
                !self.is_fapi(&client.client) && self.is_secret_of(&client, &secret)
            }
            (Authentication::PrivateKeyJwt { .. }, Presented::Assertion(assertion)) => {
                self.check_assertion(&client.client, assertion, call).await?
            }
            (Authentication::TlsClientAuth { name }, Presented::Nothing) => {
                certificate.is_some_and(|certificate| certificate.trusted && name.is_of(&certificate.der))
            }
            (Authentication::SelfSignedTls { thumbprints }, Presented::Nothing) => {
                certificate.is_some_and(|certificate| thumbprints.contains(&certificate_thumbprint(&certificate.der)))
            }
            (
                Authentication::None
                | Authentication::SecretBasic
                | Authentication::SecretPost
                | Authentication::PrivateKeyJwt { .. }
                | Authentication::TlsClientAuth { .. }
                | Authentication::SelfSignedTls { .. },
                _,
            ) => false,
        };
        if !proved {
            return Err(refused(call));
        }
        Ok(Authenticated {
            client,
            certificate: certificate.map(|certificate| certificate_thumbprint(&certificate.der)),
        })
    }

    fn is_secret_of(&self, client: &StoredClient, secret: &str) -> bool {
        let now = self.clock.now();
        let Some(digest) = Digest::of_secret(Purpose::Client, secret) else { return false };
        client.secrets.iter().any(|(known, end)| *known == digest && end.is_none_or(|end| end > now))
    }
}

/// The client's id and what it shows, in one way only (RFC 6749 §2.3).
fn presented(call: &Call) -> Answer<(Cow<'_, str>, Presented<'_>)> {
    let parameter = |name| call.parameters.get(name);
    let (id, secret) = (parameter("client_id"), parameter("client_secret"));
    let mut fields = call.headers.get_all(header::AUTHORIZATION).iter();
    let basic = match (fields.next(), fields.next()) {
        (None, _) => None,
        (Some(value), None) => Some(basic(value.as_bytes()).ok_or_else(|| refused(call))?),
        (Some(_), Some(_)) => return Err(Problem::invalid_request("the Authorization field is given twice")),
    };
    let assertion = match (parameter("client_assertion_type"), parameter("client_assertion")) {
        (None, None) => None,
        (Some(JWT_BEARER), Some(assertion)) => Some(assertion),
        _ => return Err(Problem::invalid_request("a client assertion needs its type, jwt-bearer (RFC 7523)")),
    };
    let ways = usize::from(basic.is_some()) + usize::from(secret.is_some()) + usize::from(assertion.is_some());
    if ways > 1 {
        return Err(Problem::invalid_request("a client authenticates in one way only"));
    }
    if let Some((named, secret)) = basic {
        if id.is_some_and(|id| id != named) {
            return Err(Problem::invalid_request("client_id is another than in the Authorization field"));
        }
        return Ok((named.into(), Presented::Secret(secret.into())));
    }
    if let Some(assertion) = assertion {
        // Not believed before its signature is checked: it says whose keys to check it with.
        let named = id.map(Cow::Borrowed).or_else(|| super::assertion::subject_hint(assertion).map(Cow::Owned));
        return Ok((named.ok_or_else(|| refused(call))?, Presented::Assertion(assertion)));
    }
    let id = id.ok_or_else(|| refused(call))?;
    Ok((id.into(), secret.map_or(Presented::Nothing, |secret| Presented::Secret(secret.into()))))
}

/// Name and secret, each encoded like a form's values (RFC 6749 §2.3.1).
fn basic(value: &[u8]) -> Option<(String, String)> {
    let value = std::str::from_utf8(value).ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        let pair = format!("{text}=");
        form_urlencoded::parse(pair.as_bytes()).next().map(|(name, _)| name.into_owned())
    };
    Some((plain(id)?, plain(secret)?))
}

/// `invalid_client`; a 401 names the scheme that was tried, or Basic (RFC 6749 §5.2).
fn refused(call: &Call) -> Problem {
    let mut problem = Problem::new(Code::InvalidClient, "the client is unknown or did not prove who it is");
    problem.challenge = call.headers.contains_key(header::AUTHORIZATION).then_some("Basic");
    problem
}
