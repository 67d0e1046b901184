//! The crate `openidconnect`: from discovery to logout, and everything that it must refuse on the way.

use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, IssuerUrl, LogoutProviderMetadata, LogoutRequest, Nonce, NonceVerifier, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadata, RedirectUrl, RevocationUrl, Scope,
    SubjectIdentifier, TokenResponse,
    core::{
        CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod, CoreGrantType, CoreIdToken,
        CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode,
        CoreResponseType, CoreSubjectIdentifierType, CoreTokenResponse, CoreUserInfoClaims,
    },
    url::Url,
};
use serde::{Deserialize, Serialize};

use crate::{Wrong, person::Person, told::Told, wire};

/// What the server says of itself beyond OpenID Connect Discovery.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Beyond {
    revocation_endpoint: RevocationUrl,
}

impl AdditionalProviderMetadata for Beyond {}

type Metadata = ProviderMetadata<
    LogoutProviderMetadata<Beyond>,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Makes a client of what was discovered. A macro, since the type says which endpoints are known.
macro_rules! client {
    ($told:expr, $metadata:expr, $id:expr) => {{
        let secret = ClientSecret::new($told.web.secret());
        let revocation = &$metadata.additional_metadata().additional_metadata.revocation_endpoint;
        let revocation = RevocationUrl::new(wire::secure(revocation.as_str()))?;
        CoreClient::from_provider_metadata($metadata.clone(), ClientId::new($id), Some(secret))
            .set_redirect_uri(RedirectUrl::new($told.callback.clone())?)
            .set_revocation_url(revocation)
    }};
}

pub fn flows(told: &Told) -> Result<(), Wrong> {
    let issuer = IssuerUrl::new(told.issuer.clone())?;
    let metadata = discovery(&issuer)?;
    println!("discovery");
    let client = client!(told, metadata, told.web.id.clone());
    let mut person = Person::new(told);
    let started = Started::new();
    let (url, state, nonce) = client
        .authorize_url(
            AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        )
        .add_scopes(["profile", "email", "offline_access", "orders:read"].map(|scope| Scope::new(scope.to_owned())))
        .set_pkce_challenge(started.challenge)
        .url();
    let code = returned(&person.sent_back(url)?, state.secret(), &told.issuer)?;
    let request = client.exchange_code(AuthorizationCode::new(code))?;
    let tokens: CoreTokenResponse = request.set_pkce_verifier(started.verifier).request(&wire::plain)?;
    let id_token = tokens.id_token().ok_or("no ID token")?;
    let verifier = client.id_token_verifier();
    let claims = id_token.claims(&verifier, &nonce)?;
    let hash = claims.access_token_hash().ok_or("the ID token does not name its access token")?;
    let signing = (id_token.signing_alg()?, id_token.signing_key(&verifier)?);
    let made = AccessTokenHash::from_token(tokens.access_token(), signing.0, signing.1)?;
    assert_eq!(made, *hash);
    println!("code, PKCE, nonce, ID token");
    refuses_other_tokens(told, &metadata, id_token, &nonce)?;
    println!("ID tokens that are not for this client are noticed");

    let subject = claims.subject().clone();
    let asked = client.user_info(tokens.access_token().clone(), Some(subject.clone()))?;
    let user: CoreUserInfoClaims = asked.request(&wire::plain)?;
    assert_eq!(user.preferred_username().map(|name| name.as_str()), Some(told.name.as_str()));
    assert_eq!(user.email().map(|email| email.as_str()), Some("anna@example.com"));
    let other = SubjectIdentifier::new("somebody-else".to_owned());
    let asked = client.user_info(tokens.access_token().clone(), Some(other))?;
    let refused: Result<CoreUserInfoClaims, _> = asked.request(&wire::plain);
    refused.err().ok_or("userinfo of somebody else was taken")?;
    println!("userinfo");

    let refresh = tokens.refresh_token().ok_or("no refresh token")?;
    let next: CoreTokenResponse = client.exchange_refresh_token(refresh)?.request(&wire::plain)?;
    assert_ne!(next.access_token().secret(), tokens.access_token().secret());
    if let Some(id_token) = next.id_token() {
        // OpenID Connect Core §12.2: of the same user, and without a new nonce.
        let claims = id_token.claims(&verifier, |said: Option<&Nonce>| same_or_none(said, &nonce))?;
        assert_eq!(*claims.subject(), subject);
    }
    println!("refresh");

    client.revoke_token(next.refresh_token().unwrap_or(refresh).clone().into())?.request(&wire::plain)?;
    let again: Result<CoreTokenResponse, _> = client.exchange_refresh_token(refresh)?.request(&wire::plain);
    let refusal = again.err().ok_or("a revoked refresh token gave tokens")?.to_string();
    assert!(format!("{refusal:?}").contains("error response"), "{refusal}");
    let asked = client.user_info(next.access_token().clone(), None)?;
    let dead: Result<CoreUserInfoClaims, _> = asked.request(&wire::plain);
    dead.err().ok_or("a revoked access token gave claims")?;
    println!("revocation");

    logout(told, &metadata, id_token, &mut person)?;
    println!("logout");
    Ok(())
}

/// A challenge and what answers it.
struct Started {
    challenge: PkceCodeChallenge,
    verifier: PkceCodeVerifier,
}

impl Started {
    fn new() -> Self {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        Self { challenge, verifier }
    }
}

/// The metadata, which the crate takes from its own issuer only.
fn discovery(issuer: &IssuerUrl) -> Result<Metadata, Wrong> {
    let lies = wire::spoiled("/openid-configuration", |text| {
        text.replacen(&format!("\"issuer\":\"{}\"", issuer.as_str()), "\"issuer\":\"http://localhost:1\"", 1)
    });
    Metadata::discover(issuer, &lies).err().ok_or("another issuer's metadata was taken")?;
    let lies = wire::spoiled("/jwks", |_| "{}".to_owned());
    Metadata::discover(issuer, &lies).err().ok_or("keys that are none were taken")?;
    Ok(Metadata::discover(issuer, &wire::plain)?)
}

/// What must hold of the address that the user comes back to (RFC 6749 §4.1.2, RFC 9207); the code.
fn returned(back: &Url, state: &str, issuer: &str) -> Result<String, Wrong> {
    let value = |wanted: &str| back.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned());
    assert_eq!(value("state").as_deref(), Some(state));
    assert_eq!(value("iss").as_deref(), Some(issuer));
    Ok(value("code").ok_or_else(|| format!("no code: {back}"))?)
}

/// The same token is refused with another nonce, for another client, and with any other signature.
fn refuses_other_tokens(told: &Told, metadata: &Metadata, token: &CoreIdToken, nonce: &Nonce) -> Result<(), Wrong> {
    let client = client!(told, metadata, told.web.id.clone());
    let verifier = client.id_token_verifier();
    token.claims(&verifier, &Nonce::new_random()).err().ok_or("another nonce was taken")?;
    let other = client!(told, metadata, told.native.id.clone());
    token.claims(&other.id_token_verifier(), nonce).err().ok_or("another client's token was taken")?;
    let text = token.to_string();
    let (signed, signature) = text.rsplit_once('.').ok_or("no signature")?;
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged: CoreIdToken = format!("{signed}.{first}{}", &signature[1..]).parse()?;
    forged.claims(&verifier, nonce).err().ok_or("a forged signature was taken")?;
    Ok(())
}

fn same_or_none(said: Option<&Nonce>, expected: &Nonce) -> Result<(), String> {
    match said {
        None => Ok(()),
        Some(_) => expected.verify(said),
    }
}

/// RP-Initiated Logout: with the ID token of this session the browser is sent back at once, with the state, and whoever
/// comes next is asked to log in.
fn logout(told: &Told, metadata: &Metadata, token: &CoreIdToken, person: &mut Person<'_>) -> Result<(), Wrong> {
    let endpoint = metadata.additional_metadata().end_session_endpoint.clone().ok_or("no end_session_endpoint")?;
    let state = CsrfToken::new_random();
    let request = LogoutRequest::from(endpoint).set_id_token_hint(token).set_state(state.clone());
    let elsewhere = PostLogoutRedirectUrl::new("https://elsewhere.example.net/".to_owned())?;
    let refused = LogoutRequest::from(metadata.additional_metadata().end_session_endpoint.clone().ok_or("gone")?);
    let refused = refused.set_id_token_hint(token).set_post_logout_redirect_uri(elsewhere).http_get_url();
    person.sent_back(refused).err().ok_or("sent to an address that nobody registered")?;
    let url = request.set_post_logout_redirect_uri(PostLogoutRedirectUrl::new(told.goodbye.clone())?).http_get_url();
    let back = person.sent_back(url)?;
    let mut expected = Url::parse(&told.goodbye)?;
    expected.query_pairs_mut().append_pair("state", state.secret());
    assert_eq!(back, expected);
    Ok(())
}
