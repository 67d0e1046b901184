//! Client metadata (RFC 7591 §2): a client as it describes itself, checked into one that the server knows.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    Authentication, CertificateName, Client, ClientId, ClientKind, DistinguishedName, GrantType, RedirectUri,
    TokenFormat,
};
use crate::{
    problem::{Answer, Code, Problem},
    scopes,
};

const MAX_REDIRECTS: usize = 20;
const MAX_NAME: usize = 128;

/// What a client says of itself. Members that are not known are passed over (RFC 7591 §2).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of its own in the registry of client metadata")]
pub(crate) struct Registration {
    /// Human-readable name.
    pub(crate) client_name: Option<String>,
    /// Page about it.
    pub(crate) client_uri: Option<String>,
    /// `web`, `native` or, as an extension, `browser`, `service` or `agent`.
    pub(crate) application_type: Option<String>,
    /// Where users may be sent back to.
    pub(crate) redirect_uris: Vec<String>,
    /// Where users may be sent after logging out.
    pub(crate) post_logout_redirect_uris: Vec<String>,
    /// Where it is told that a session ended.
    pub(crate) backchannel_logout_uri: Option<String>,
    /// Whether it needs to be told which one.
    pub(crate) backchannel_logout_session_required: bool,
    /// How it authenticates.
    pub(crate) token_endpoint_auth_method: Option<String>,
    /// How it comes by tokens.
    pub(crate) grant_types: Option<Vec<String>>,
    /// `code`.
    pub(crate) response_types: Option<Vec<String>>,
    /// Scopes, separated by spaces.
    pub(crate) scope: Option<String>,
    /// Its public keys.
    pub(crate) jwks: Option<Value>,
    /// Subject of its certificate (RFC 8705 §2.1.2).
    pub(crate) tls_client_auth_subject_dn: Option<String>,
    /// Name in its certificate (RFC 8705 §2.1.2).
    pub(crate) tls_client_auth_san_dns: Option<String>,
    /// Name in its certificate.
    pub(crate) tls_client_auth_san_uri: Option<String>,
    /// Whether its tokens are bound to a DPoP key.
    pub(crate) dpop_bound_access_tokens: bool,
    /// Whether its tokens are bound to its certificate.
    pub(crate) tls_client_certificate_bound_access_tokens: bool,
    /// Whether it pushes every authorization request.
    pub(crate) require_pushed_authorization_requests: bool,
    /// What its ID tokens are signed with.
    pub(crate) id_token_signed_response_alg: Option<String>,
}

impl Registration {
    /// A client as it described itself, as far as the server has that. A registered client is always a third party.
    pub(crate) fn into_client(self, id: ClientId, knows_scope: impl Fn(&str) -> bool) -> Answer<Client> {
        let kind = self.kind()?;
        let name = self.client_name.clone().filter(|name| !name.trim().is_empty()).unwrap_or_else(|| id.0.clone());
        if name.chars().count() > MAX_NAME || name.chars().any(is_unseen) {
            return Err(wrong(
                "client_name has at most 128 characters, and none that is not seen or turns text around",
            ));
        }
        let mut client = Client::new(id, name, kind);
        client.authentication = self.authentication(kind)?;
        if let Some(asked) = &self.grant_types {
            client.grants = asked.iter().map(|name| grant(name, kind)).collect::<Answer<_>>()?;
        }
        if self.response_types.as_ref().is_some_and(|types| types.iter().any(|kind| kind != "code")) {
            return Err(wrong("response_types has `code` alone"));
        }
        client.redirect_uris = redirects(&self.redirect_uris, kind)?;
        client.post_logout_redirect_uris = redirects(&self.post_logout_redirect_uris, kind)?;
        if client.grants.contains(&GrantType::AuthorizationCode) && client.redirect_uris.is_empty() {
            return Err(redirect_problem("redirect_uris is missing"));
        }
        let asked = self.scope.as_deref().map(scopes::read).transpose()?;
        client.scopes = asked.unwrap_or_default().into_iter().filter(|scope| knows_scope(scope)).collect();
        client.backchannel_logout_uri = self.backchannel_logout_uri.map(|uri| https(&uri)).transpose()?;
        client.backchannel_logout_session_required = self.backchannel_logout_session_required;
        client.uri = self.client_uri.map(|uri| https(&uri)).transpose()?;
        client.dpop_bound = self.dpop_bound_access_tokens;
        client.certificate_bound = self.tls_client_certificate_bound_access_tokens;
        client.require_par = self.require_pushed_authorization_requests;
        if let Some(name) = self.id_token_signed_response_alg {
            let known = crate::keys::ALGORITHMS.into_iter().find(|algorithm| algorithm.name() == name);
            client.id_token_algorithm =
                known.ok_or_else(|| wrong("id_token_signed_response_alg is ES256, EdDSA or RS256"))?;
        }
        Ok(client)
    }

    fn kind(&self) -> Answer<ClientKind> {
        let public = self.token_endpoint_auth_method.as_deref() == Some("none");
        match self.application_type.as_deref() {
            None | Some("web") if public => Ok(ClientKind::Browser),
            None | Some("web") => Ok(ClientKind::Web),
            Some("native") => Ok(ClientKind::Native),
            Some("browser") => Ok(ClientKind::Browser),
            Some("service") => Ok(ClientKind::Service),
            Some("agent") => Ok(ClientKind::Agent),
            Some(_) => Err(wrong("application_type is web, native, browser, service or agent")),
        }
    }

    fn authentication(&self, kind: ClientKind) -> Answer<Authentication> {
        let jwks = || self.jwks.clone().ok_or_else(|| wrong("jwks is missing"));
        let checked = |authentication: Authentication| {
            if authentication.keys().is_some() {
                Ok(authentication)
            } else {
                Err(wrong("jwks holds no usable public key"))
            }
        };
        match self.token_endpoint_auth_method.as_deref() {
            None | Some("client_secret_basic") if kind.is_confidential() => Ok(Authentication::SecretBasic),
            Some("none") if kind == ClientKind::Service => Err(wrong("a service authenticates")),
            None | Some("none") => Ok(Authentication::None),
            Some("client_secret_post") if kind.is_confidential() => Ok(Authentication::SecretPost),
            Some("private_key_jwt") => checked(Authentication::PrivateKeyJwt { jwks: jwks()? }),
            Some("tls_client_auth") => Ok(Authentication::TlsClientAuth { name: self.certificate_name()? }),
            Some(_) => Err(wrong("token_endpoint_auth_method is not one that a client of this type can have")),
        }
    }
}

impl Registration {
    /// The one name of its certificate (RFC 8705 §2.1.2).
    fn certificate_name(&self) -> Answer<CertificateName> {
        let alternative = [&self.tls_client_auth_san_dns, &self.tls_client_auth_san_uri];
        let mut alternatives = alternative.into_iter().flatten().filter(|name| !name.is_empty());
        match (&self.tls_client_auth_subject_dn, alternatives.next(), alternatives.next()) {
            (None, Some(name), None) => Ok(CertificateName::Alternative(name.clone())),
            (Some(subject), None, None) => {
                let parsed = DistinguishedName::parse(subject);
                parsed
                    .map(CertificateName::Subject)
                    .map_err(|_| wrong("tls_client_auth_subject_dn is not as in RFC 4514"))
            }
            _ => Err(wrong(
                "one of tls_client_auth_subject_dn, tls_client_auth_san_dns and tls_client_auth_san_uri is needed",
            )),
        }
    }
}

impl Client {
    /// The client in the words of its metadata.
    pub(crate) fn metadata(&self) -> Map<String, Value> {
        let uris = |uris: &[RedirectUri]| uris.iter().map(RedirectUri::as_str).map(Value::from).collect::<Vec<_>>();
        let application_type = match self.kind {
            ClientKind::Web | ClientKind::Browser => "web",
            ClientKind::Native => "native",
            ClientKind::Service => "service",
            ClientKind::Agent => "agent",
        };
        let mut metadata = json!({
            "client_id": self.id.0,
            "client_name": self.name,
            "application_type": application_type,
            "redirect_uris": uris(&self.redirect_uris),
            "post_logout_redirect_uris": uris(&self.post_logout_redirect_uris),
            "token_endpoint_auth_method": self.authentication.as_str(),
            "grant_types": self.grants.iter().map(|grant| grant.as_str()).collect::<BTreeSet<_>>(),
            "response_types": if self.grants.contains(&GrantType::AuthorizationCode) { vec!["code"] } else { Vec::new() },
            "scope": scopes::text(&self.scopes),
            "dpop_bound_access_tokens": self.dpop_bound,
            "tls_client_certificate_bound_access_tokens": self.certificate_bound,
            "require_pushed_authorization_requests": self.require_par,
            "id_token_signed_response_alg": self.id_token_algorithm.name(),
            "backchannel_logout_session_required": self.backchannel_logout_session_required,
        });
        let mut members = metadata.as_object_mut().map(std::mem::take).unwrap_or_default();
        if let Authentication::PrivateKeyJwt { jwks } = &self.authentication {
            members.insert("jwks".to_owned(), jwks.clone());
        }
        if let Authentication::TlsClientAuth { name } = &self.authentication {
            let (member, value) = match name {
                CertificateName::Subject(subject) => ("tls_client_auth_subject_dn", String::from(subject.clone())),
                CertificateName::Alternative(name) if name.contains(':') => ("tls_client_auth_san_uri", name.clone()),
                CertificateName::Alternative(name) => ("tls_client_auth_san_dns", name.clone()),
            };
            members.insert(member.to_owned(), value.into());
        }
        for (name, value) in [("client_uri", &self.uri), ("backchannel_logout_uri", &self.backchannel_logout_uri)] {
            if let Some(value) = value {
                members.insert(name.to_owned(), value.as_str().into());
            }
        }
        if self.token_format == Some(TokenFormat::Opaque) {
            members.insert("access_token_format".to_owned(), "opaque".into());
        }
        members
    }
}

/// Characters that show nothing, or change how those around them are shown: a name must look like what it is.
fn is_unseen(c: char) -> bool {
    let is_format = matches!(c, '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}');
    c.is_control() || is_format
}

fn grant(name: &str, kind: ClientKind) -> Answer<GrantType> {
    let known = GrantType::ALL.into_iter().find(|grant| grant.as_str() == name);
    // Exchange and introspection are for APIs that the operator knows.
    let known = known.filter(|grant| kind.allows(*grant) && *grant != GrantType::TokenExchange);
    known.ok_or_else(|| wrong("one of grant_types is not for clients of this type"))
}

fn redirects(asked: &[String], kind: ClientKind) -> Answer<Vec<RedirectUri>> {
    if asked.len() > MAX_REDIRECTS {
        return Err(redirect_problem("there are more than 20 redirect URIs"));
    }
    let parse = |uri: &String| {
        RedirectUri::parse(uri, kind).map_err(|_| {
            redirect_problem(
                "a redirect URI is https without fragment, user or dot segments; native apps: loopback http too",
            )
        })
    };
    asked.iter().map(parse).collect()
}

fn https(uri: &str) -> Answer<String> {
    if is_https(uri) {
        Ok(uri.to_owned())
    } else {
        Err(wrong("client_uri and backchannel_logout_uri are https addresses"))
    }
}

/// An https address without user, fragment or dot segments.
pub(crate) fn is_https(uri: &str) -> bool {
    uri.starts_with("https://") && RedirectUri::parse(uri, ClientKind::Web).is_ok()
}

fn wrong(description: &'static str) -> Problem {
    Problem::new(Code::InvalidClientMetadata, description)
}

fn redirect_problem(description: &'static str) -> Problem {
    Problem::new(Code::InvalidRedirectUri, description)
}
