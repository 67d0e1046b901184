//! The crate `oauth2`: every grant that it knows and this server has.

use std::{thread, time::Duration};

use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl, IntrospectionUrl,
    PkceCodeChallenge, RedirectUrl, RevocationUrl, Scope, StandardDeviceAuthorizationResponse,
    TokenIntrospectionResponse, TokenResponse, TokenUrl,
    basic::{BasicClient, BasicTokenResponse, BasicTokenType},
    url::Url,
};
use serde_json::Value;

use crate::{
    Wrong,
    person::{End, Person},
    told::{Registered, Told},
    wire,
};

/// Makes a client. A macro, since the type says which endpoints are known.
macro_rules! client {
    ($server:expr, $registered:expr) => {{
        let client = BasicClient::new(ClientId::new($registered.id.clone()))
            .set_auth_uri(AuthUrl::new($server.endpoint("authorization_endpoint")?)?)
            .set_token_uri(TokenUrl::new($server.endpoint("token_endpoint")?)?)
            .set_device_authorization_url(DeviceAuthorizationUrl::new(
                $server.endpoint("device_authorization_endpoint")?,
            )?)
            .set_introspection_url(IntrospectionUrl::new($server.endpoint("introspection_endpoint")?)?)
            .set_revocation_url(RevocationUrl::new(wire::secure(&$server.endpoint("revocation_endpoint")?))?);
        match &$registered.secret {
            Some(secret) => client.set_client_secret(ClientSecret::new(secret.clone())),
            None => client,
        }
    }};
}

/// The server's metadata (RFC 8414), which this crate does not read by itself.
struct Server(Value);

impl Server {
    fn read(told: &Told) -> Result<Self, Wrong> {
        let address = format!("{}/.well-known/oauth-authorization-server", told.issuer);
        let text = wire::agent().get(&address).call()?.body_mut().read_to_string()?;
        let metadata: Value = serde_json::from_str(&text)?;
        assert_eq!(metadata["issuer"], told.issuer.as_str());
        Ok(Self(metadata))
    }

    fn endpoint(&self, name: &str) -> Result<String, Wrong> {
        Ok(self.0[name].as_str().ok_or_else(|| format!("no {name}"))?.to_owned())
    }
}

pub fn flows(told: &Told) -> Result<(), Wrong> {
    let server = Server::read(told)?;
    code(told, &server)?;
    println!("code, PKCE, refresh, introspection, revocation");
    credentials(&server, &told.service)?;
    println!("client credentials");
    device(told, &server)?;
    println!("device");
    Ok(())
}

fn code(told: &Told, server: &Server) -> Result<(), Wrong> {
    let client = client!(server, told.web).set_redirect_uri(RedirectUrl::new(told.callback.clone())?);
    let mut person = Person::new(told);
    let mut authorize = || -> Result<(String, oauth2::PkceCodeVerifier), Wrong> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let request = client.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
        let scopes = ["offline_access", "orders:read"].map(|scope| Scope::new(scope.to_owned()));
        let (url, state) = request.add_scopes(scopes).url();
        let back = person.sent_back(url)?;
        assert_eq!(parameter(&back, "state").as_deref(), Some(state.secret().as_str()));
        Ok((parameter(&back, "code").ok_or_else(|| format!("no code: {back}"))?, verifier))
    };
    let (code, _) = authorize()?;
    let (_, other) = PkceCodeChallenge::new_random_sha256();
    let stolen = client.exchange_code(AuthorizationCode::new(code)).set_pkce_verifier(other).request(&wire::plain);
    stolen.err().ok_or("a code was taken with another verifier")?;

    let (code, verifier) = authorize()?;
    let untyped = wire::spoiled("/token", |text| text.replacen("\"token_type\"", "\"type\"", 1));
    let kept = oauth2::PkceCodeVerifier::new(verifier.secret().clone());
    let spoilt = client.exchange_code(AuthorizationCode::new(code.clone())).set_pkce_verifier(kept).request(&untyped);
    spoilt.err().ok_or("tokens of no type were taken")?;
    let twice = client.exchange_code(AuthorizationCode::new(code)).set_pkce_verifier(verifier).request(&wire::plain);
    twice.err().ok_or("a code was taken twice")?;

    let (code, verifier) = authorize()?;
    let request = client.exchange_code(AuthorizationCode::new(code)).set_pkce_verifier(verifier);
    let tokens: BasicTokenResponse = request.request(&wire::plain)?;
    assert_eq!(*tokens.token_type(), BasicTokenType::Bearer);
    assert!(tokens.expires_in().is_some_and(|left| left <= Duration::from_secs(600)));
    let refresh = tokens.refresh_token().ok_or("no refresh token")?;
    let next: BasicTokenResponse = client.exchange_refresh_token(refresh).request(&wire::plain)?;
    assert_ne!(next.access_token().secret(), tokens.access_token().secret());
    let known = client.introspect(next.access_token()).request(&wire::plain)?;
    assert!(known.active());
    assert_eq!(known.client_id().map(|id| id.as_str()), Some(told.web.id.as_str()));
    assert!(known.scopes().is_some_and(|scopes| scopes.iter().any(|scope| scope.as_str() == "orders:read")));
    client.revoke_token(refresh.clone().into())?.request(&wire::plain)?;
    assert!(!client.introspect(next.access_token()).request(&wire::plain)?.active());
    client.exchange_refresh_token(refresh).request(&wire::plain).err().ok_or("a revoked token gave tokens")?;
    Ok(())
}

fn credentials(server: &Server, service: &Registered) -> Result<(), Wrong> {
    let client = client!(server, service);
    let scope = Scope::new("orders:read".to_owned());
    let tokens: BasicTokenResponse = client.exchange_client_credentials().add_scope(scope).request(&wire::plain)?;
    let scopes: Vec<_> = tokens.scopes().into_iter().flatten().map(|scope| scope.as_str()).collect();
    assert_eq!(scopes, ["orders:read"]);
    assert!(tokens.refresh_token().is_none());
    let wrong = Registered { id: service.id.clone(), secret: Some("wrong".to_owned()) };
    let refused = client!(server, wrong).exchange_client_credentials().request(&wire::plain);
    refused.err().ok_or("a wrong secret was taken")?;
    client.revoke_token(tokens.access_token().clone().into())?.request(&wire::plain)?;
    assert!(!client.introspect(tokens.access_token()).request(&wire::plain)?.active());
    Ok(())
}

/// The person answers between two polls, so that the crate sees `authorization_pending` first.
fn device(told: &Told, server: &Server) -> Result<(), Wrong> {
    let client = client!(server, told.native);
    let request = client.exchange_device_code().add_scope(Scope::new("orders:read".to_owned()));
    let started: StandardDeviceAuthorizationResponse = request.request(&wire::plain)?;
    let complete = started.verification_uri_complete().ok_or("no verification_uri_complete")?.secret().clone();
    let pauses = std::cell::Cell::new(0);
    let pause = |wait: Duration| {
        if pauses.replace(pauses.get() + 1) == 0 {
            let url = Url::parse(&complete).expect("an address");
            let end = Person::new(told).visit(url).expect("a page that asks");
            assert!(matches!(end, End::Page(_)), "a device has nowhere to send anybody");
        }
        thread::sleep(wait);
    };
    let tokens = client.exchange_device_access_token(&started).request(&wire::plain, pause, None)?;
    assert_eq!(pauses.get(), 1, "pending once, and granted when asked again in time");
    assert!(tokens.refresh_token().is_some());
    let again = client.exchange_device_access_token(&started).request(&wire::plain, |_| {}, None);
    again.err().ok_or("a device's code was taken twice")?;
    Ok(())
}

fn parameter(url: &Url, wanted: &str) -> Option<String> {
    url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}
