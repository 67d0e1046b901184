//! Origins of pages whose clients run in browsers: only they may call the token endpoint from a page.

use std::collections::BTreeSet;

use super::{ClientKind, RedirectUri};
use crate::{Identity, IdentityError};

impl Identity {
    /// Origins of the redirect URIs of all clients that run in browsers, if something changed since `seen`.
    ///
    /// # Errors
    /// The server cannot now.
    pub async fn browser_origins(&self, seen: &mut Option<i64>) -> Result<Option<BTreeSet<String>>, IdentityError> {
        let counter = self.0.database.change_counter().await?;
        if *seen == Some(counter) {
            return Ok(None);
        }
        let mut origins = BTreeSet::new();
        for id in self.0.database.client_ids().await? {
            let Some(stored) = self.0.database.client(&id).await? else { continue };
            if stored.client.kind == ClientKind::Browser && !stored.disabled {
                origins.extend(stored.client.redirect_uris.iter().map(RedirectUri::as_str).filter_map(origin));
            }
        }
        *seen = Some(counter);
        Ok(Some(origins))
    }
}

/// Scheme, host and port, as browsers write them (RFC 6454 §6.2).
fn origin(uri: &str) -> Option<String> {
    let uri: http::Uri = uri.parse().ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.host()?.to_ascii_lowercase());
    let default = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let port = uri.port_u16().filter(|port| *port != default);
    Some(port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_is_written_as_browsers_do() {
        for (uri, expected) in [
            ("https://App.Example/callback?x=1", Some("https://app.example")),
            ("https://app.example:443/", Some("https://app.example")),
            ("http://127.0.0.1:3000/cb", Some("http://127.0.0.1:3000")),
            ("com.example.app:/cb", None),
        ] {
            assert_eq!(origin(uri).as_deref(), expected, "{uri}");
        }
    }
}
