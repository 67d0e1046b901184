//! APIs as protected resources (RFC 9728): the document that tells clients where to get tokens, and the pointer to it in
//! every refusal that a token would have prevented.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use bytes::Bytes;
use config::{Access, Issuer, IssuerKeys, IssuerName, Method, Methods, PathTemplate, Segment, Serves};
use http::{HeaderMap, HeaderValue, Response, header};
use serde_json::json;

use crate::body::Outbound;

/// Where a resource's metadata is, before the path of its identifier (RFC 9728 §3.1).
const PLACE: &str = "/.well-known/oauth-protected-resource";

/// What clients are told of an API that takes tokens.
#[derive(Debug)]
pub(crate) struct Resource {
    /// What tokens for it name as their audience.
    pub(crate) identifier: String,
    /// Path of its metadata.
    path: String,
    /// `, resource_metadata="…"`.
    pointer: String,
    document: Bytes,
    /// Clients learn from refusals which scopes to ask for.
    tells_scopes: bool,
}

impl Resource {
    /// `None` for an API that takes no tokens, or whose identifier nothing tells.
    pub(crate) fn of(
        api: &config::Api,
        issuers: &std::collections::BTreeMap<IssuerName, Arc<Issuer>>,
    ) -> Option<Arc<Self>> {
        let identifier = api.resource.clone()?;
        let accesses = || api.routes.iter().map(|route| &route.access);
        let named: BTreeSet<&IssuerName> = accesses().flat_map(issuers_of).collect();
        if named.is_empty() {
            return None;
        }
        let servers: Vec<&str> = named.into_iter().filter_map(|name| server(issuers.get(name)?)).collect();
        let scopes: BTreeSet<&str> = accesses().flat_map(scopes_of).collect();
        let (origin, path) = split(&identifier)?;
        let path = format!("{PLACE}{path}");
        let pointer = format!(", resource_metadata=\"{origin}{path}\"");
        let document = json!({
            "resource": identifier,
            "authorization_servers": servers,
            "bearer_methods_supported": ["header"],
            "scopes_supported": scopes,
            "dpop_signing_alg_values_supported": jose::dpop::ALGORITHMS.map(jose::Algorithm::name),
        });
        let document = Bytes::from(document.to_string());
        Some(Arc::new(Self { identifier, path, pointer, document, tells_scopes: api.mcp }))
    }

    /// The route of its metadata.
    pub(crate) fn rule(&self) -> config::Route {
        let segments = self.path.split('/').skip(1).map(|part| Segment::Literal(part.to_owned())).collect();
        config::Route {
            name: format!("GET {}", self.path),
            methods: Methods::These(vec![http::Method::GET, http::Method::HEAD]),
            template: PathTemplate { text: self.path.clone(), segments },
            access: Access::Public { reason: "says where tokens for the API come from (RFC 9728)".into() },
            max_body: 0,
            response_timeout: Duration::from_secs(30),
            encoded_slashes: false,
            websocket: None,
            policy: None,
            serves: Serves::ResourceMetadata,
            limits: Vec::new(),
            cost: 1,
            step_up: None,
        }
    }

    /// The metadata.
    pub(crate) fn metadata(&self) -> Response<Outbound> {
        let mut response = Response::new(Outbound::full(self.document.clone()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        response
    }

    /// Adds to a refusal's challenges where the metadata is (RFC 9728 §5.1), and, for clients that go by it, which scopes
    /// the route asks for.
    pub(crate) fn add_to_challenges(&self, route: &config::Route, headers: &mut HeaderMap) {
        let scopes: Vec<&str> = scopes_of(&route.access).collect();
        let told = |text: &str| {
            let scope = if self.tells_scopes && !scopes.is_empty() && !text.contains(" scope=\"") {
                format!(", scope=\"{}\"", scopes.join(" "))
            } else {
                String::new()
            };
            HeaderValue::try_from(format!("{text}{}{scope}", self.pointer)).ok()
        };
        let header::Entry::Occupied(mut challenges) = headers.entry(header::WWW_AUTHENTICATE) else { return };
        for challenge in challenges.iter_mut() {
            let text = challenge.to_str().unwrap_or_default();
            if (text.starts_with("Bearer ") || text.starts_with("DPoP "))
                && let Some(value) = told(text)
            {
                *challenge = value;
            }
        }
    }
}

/// Scheme with authority, and path; `/` alone counts as none.
fn split(identifier: &str) -> Option<(&str, &str)> {
    let (_, rest) = identifier.split_once("://")?;
    let authority = rest.find('/').unwrap_or(rest.len());
    let (origin, path) = identifier.split_at(identifier.len() - rest.len() + authority);
    Some((origin, path.trim_end_matches('/')))
}

fn issuers_of(access: &Access) -> impl Iterator<Item = &IssuerName> {
    let by = match access {
        Access::Public { .. } => &[][..],
        Access::Authenticated { by, .. } => by,
    };
    by.iter().filter_map(|method| match method {
        Method::Jwt(name) => Some(name),
        Method::ApiKey | Method::ClientCertificate => None,
    })
}

fn scopes_of(access: &Access) -> impl Iterator<Item = &str> {
    let scopes = match access {
        Access::Public { .. } => &[][..],
        Access::Authenticated { scopes, .. } => scopes,
    };
    scopes.iter().map(|scope| scope.0.as_str())
}

/// The identifier of an authorization server. Whoever shares a secret with the gateway is none.
fn server(issuer: &Arc<Issuer>) -> Option<&str> {
    match issuer.keys {
        IssuerKeys::Secret(_) => None,
        IssuerKeys::Discovery(_) | IssuerKeys::JwksUri(_) | IssuerKeys::Static(_) | IssuerKeys::Resident => {
            Some(issuer.validation.issuer.as_str()).filter(|text| text.starts_with("http"))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_between_host_and_path() {
        assert_eq!(split("https://a.example"), Some(("https://a.example", "")));
        assert_eq!(split("https://a.example/"), Some(("https://a.example", "")));
        assert_eq!(split("https://a.example:8443/x/y"), Some(("https://a.example:8443", "/x/y")));
    }
}
