//! A document at a client's id, read into a client.

use http::{HeaderMap, header};
use serde_json::{Map, Value};
use strict_json::Bounds;

use super::{ClientUrl, ClientsByUrl, NoDocument};
use crate::clients::{Client, ClientId, ClientKind, GrantType, RedirectUri, Registration};

const BOUNDS: Bounds = Bounds { depth: 8, values: 500 };
/// Ways to authenticate without a secret that two know.
const METHODS: [&str; 2] = ["none", "private_key_jwt"];
/// What such a client may do. A device's code would be allowed without the user seeing where it leads.
const GRANTS: [GrantType; 2] = [GrantType::AuthorizationCode, GrantType::RefreshToken];

/// The client that a document describes.
pub(super) fn read(
    url: &ClientUrl,
    fields: &HeaderMap,
    body: &[u8],
    rules: &ClientsByUrl,
) -> Result<Client, NoDocument> {
    let members = members(fields, body)?;
    if members.get("client_id").and_then(Value::as_str) != Some(url.as_str()) {
        return Err(NoDocument::OtherClient);
    }
    check_secrets(&members)?;
    let described: Registration = serde_json::from_value(Value::Object(members)).map_err(|_| NoDocument::Metadata)?;
    let named = described.client_name.clone();
    let says_scopes = described.scope.is_some();
    let id = ClientId(url.as_str().to_owned());
    let client = as_agent(described).into_client(id, |scope| rules.scopes.contains(scope));
    let mut client = client.map_err(|_| NoDocument::Metadata)?;
    if !says_scopes {
        client.scopes.clone_from(&rules.scopes);
    }
    client.name = shown(url, named.as_deref());
    Ok(client)
}

/// The members of a document with one meaning.
fn members(fields: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, NoDocument> {
    let kind = fields.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // Not what somebody put on another's site as plain text.
    if kind != "application/json" && !(kind.starts_with("application/") && kind.ends_with("+json")) {
        return Err(NoDocument::Form);
    }
    strict_json::read(body, BOUNDS).map_err(|_| NoDocument::Form)?;
    serde_json::from_slice(body).map_err(|_| NoDocument::Form)
}

/// Everybody reads the document, so what it holds is no secret. Private keys in `jwks` are refused where that is read.
fn check_secrets(members: &Map<String, Value>) -> Result<(), NoDocument> {
    let holds = ["client_secret", "client_secret_expires_at"].into_iter().any(|name| members.contains_key(name));
    let method = members.get("token_endpoint_auth_method");
    let without = method.is_none_or(|method| method.as_str().is_some_and(|method| METHODS.contains(&method)));
    if holds || !without { Err(NoDocument::Secret) } else { Ok(()) }
}

/// What is taken of a description that is written for many servers: what an agent may have here, and nothing by which the
/// server would send somebody, or itself, to where a stranger says.
fn as_agent(described: Registration) -> Registration {
    let allowed = |name: &String| GRANTS.iter().any(|grant| grant.as_str() == name);
    let fits = |uri: &String| RedirectUri::parse(uri, ClientKind::Agent).is_ok();
    Registration {
        application_type: Some("agent".to_owned()),
        grant_types: described.grant_types.map(|names| names.into_iter().filter(allowed).collect()),
        redirect_uris: described.redirect_uris.into_iter().filter(fits).collect(),
        post_logout_redirect_uris: Vec::new(),
        backchannel_logout_uri: None,
        client_uri: None,
        ..described
    }
}

/// The host first: it is the one thing that is known.
fn shown(url: &ClientUrl, name: Option<&str>) -> String {
    match name.map(str::trim).filter(|name| !name.is_empty()) {
        Some(name) => format!("{} (“{name}”)", url.authority()),
        None => url.authority().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::clients::Authentication;

    const ID: &str = "https://app.example/client.json";

    fn document(more: &Value) -> Value {
        let mut document = json!({ "client_id": ID, "redirect_uris": ["https://app.example/back"] });
        document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        document
    }

    fn read_as(kind: &'static str, body: &str) -> Result<Client, NoDocument> {
        let mut fields = HeaderMap::new();
        fields.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        let scopes = ["openid", "orders:read"].map(str::to_owned).into();
        let rules = ClientsByUrl { hosts: Vec::new(), scopes };
        read(&ClientUrl::parse(ID).unwrap(), &fields, body.as_bytes(), &rules)
    }

    fn read_json(more: &Value) -> Result<Client, NoDocument> {
        read_as("application/json", &document(more).to_string())
    }

    #[test]
    fn a_document_is_an_agent_of_nobody_known_with_the_scopes_of_the_operator() {
        let client = read_json(&json!({
            "client_name": "Shop", "application_type": "service", "scope": "openid admin",
            "grant_types": ["authorization_code", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code"],
            "post_logout_redirect_uris": ["https://app.example/bye"],
            "backchannel_logout_uri": "https://internal.example/", "first_party": true, "unknown": 1,
        }));
        let client = client.unwrap();
        assert_eq!((client.kind, client.authentication), (ClientKind::Agent, Authentication::None));
        assert_eq!(client.name, "app.example (“Shop”)");
        assert_eq!(client.scopes, ["openid".to_owned()].into());
        assert_eq!(client.grants, [GrantType::AuthorizationCode].into());
        assert!(client.post_logout_redirect_uris.is_empty() && client.backchannel_logout_uri.is_none());
        assert!(!client.first_party && client.require_pkce);
        let client = read_json(&json!({})).unwrap();
        assert_eq!(client.name, "app.example");
        assert_eq!(client.scopes, ["openid", "orders:read"].map(str::to_owned).into());
        assert!(client.grants.contains(&GrantType::RefreshToken));
    }

    #[test]
    fn keys_may_be_public_ones_only() {
        let key = jose::SigningKey::generate(jose::Algorithm::Es256).unwrap();
        let with = |jwk: Value| json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": [jwk] } });
        let client = read_json(&with(key.public_jwk())).unwrap();
        assert!(client.authentication.keys().is_some());
        let mut private = key.public_jwk();
        private["d"] = "c2VjcmV0".into();
        assert_eq!(read_json(&with(private)), Err(NoDocument::Metadata));
        let address =
            json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://app.example/keys" });
        assert_eq!(read_json(&address), Err(NoDocument::Metadata));
    }

    #[test]
    fn what_is_not_one_clients_document_is_refused() {
        let redirect = |uri: &str| json!({ "redirect_uris": [uri] });
        let named = |name: &str| json!({ "client_name": name });
        for (more, why) in [
            (json!({ "client_id": "https://app.example/Client.json" }), NoDocument::OtherClient),
            (json!({ "client_id": 1 }), NoDocument::OtherClient),
            (json!({ "client_secret": "x" }), NoDocument::Secret),
            (json!({ "client_secret_expires_at": 0 }), NoDocument::Secret),
            (json!({ "token_endpoint_auth_method": "client_secret_basic" }), NoDocument::Secret),
            (json!({ "token_endpoint_auth_method": "client_secret_jwt" }), NoDocument::Secret),
            (redirect("http://app.example/back"), NoDocument::Metadata),
            (redirect("https://app.example/*"), NoDocument::Metadata),
            (json!({ "redirect_uris": [] }), NoDocument::Metadata),
            (json!({ "redirect_uris": "https://app.example/back" }), NoDocument::Metadata),
            (named("Shop\u{202e}"), NoDocument::Metadata),
            (named("Shop\n"), NoDocument::Metadata),
        ] {
            assert_eq!(read_json(&more), Err(why), "{more}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let twice = format!("{{\"client_id\": \"https://evil.example/\", \"client_id\": \"{ID}\"}}");
        assert_eq!(read_as("application/json", &twice), Err(NoDocument::Form));
        let good = document(&json!({})).to_string();
        assert_eq!(read_as("text/plain", &good), Err(NoDocument::Form));
        assert_eq!(read_as("text/html; application/json", &good), Err(NoDocument::Form));
        assert!(read_as("Application/OAuth-Client+JSON; charset=utf-8", &good).is_ok());
    }
}
