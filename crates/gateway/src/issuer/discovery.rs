//! Finding an issuer's key document (`OpenID` Connect Discovery 1.0 §4, RFC 8414 §3).

use http::Uri;
use serde::Deserialize;

use super::fetch::FetchError;

/// What is read of a discovery document.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

/// Where the document may be: `OpenID`'s place, then RFC 8414's.
pub(super) fn places(issuer: &Uri) -> Vec<String> {
    let origin =
        format!("{}://{}", issuer.scheme_str().unwrap_or("https"), issuer.authority().map_or("", |a| a.as_str()));
    let path = issuer.path().trim_end_matches('/');
    vec![
        format!("{origin}{path}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
    ]
}

/// The `jwks_uri` of a document that says it is this issuer's.
pub(super) fn jwks_uri(document: &[u8], issuer: &str) -> Result<Uri, FetchError> {
    let metadata: Metadata = serde_json::from_slice(document).map_err(|_| FetchError::NotMetadata)?;
    if metadata.issuer != issuer {
        return Err(FetchError::OtherIssuer(metadata.issuer));
    }
    metadata.jwks_uri.parse().map_err(|_| FetchError::NotMetadata)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_are_looked_for_where_the_standards_put_them() {
        let places = places(&"https://login.example.com/tenant".parse().unwrap());
        assert_eq!(
            places,
            [
                "https://login.example.com/tenant/.well-known/openid-configuration",
                "https://login.example.com/.well-known/oauth-authorization-server/tenant",
            ]
        );
    }

    #[test]
    fn a_document_of_another_issuer_is_refused() {
        let document = br#"{"issuer":"https://evil.example","jwks_uri":"https://evil.example/keys"}"#;
        assert!(matches!(jwks_uri(document, "https://login.example.com"), Err(FetchError::OtherIssuer(_))));
        assert!(jwks_uri(document, "https://evil.example").is_ok());
    }
}
