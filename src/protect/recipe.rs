//! The configuration that `protect` runs and saves.

use std::{net::SocketAddr, path::Path};

use http::{Uri, uri::Scheme};

use super::certificates::{CERTIFICATE_FILE, KEY_FILE};
use crate::failure::Failure;

/// The API behind the gateway: scheme, host, port.
pub(crate) struct Upstream {
    /// `http://127.0.0.1:9000`.
    pub(crate) url: String,
    /// Name or IP literal, without brackets.
    pub(crate) host: String,
    /// Port, also where the URL leaves it out.
    pub(crate) port: u16,
}

impl Upstream {
    /// Reads a URL that is nothing but an origin.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::Usage(format!("URL: {why}; expected something like http://127.0.0.1:9000"));
        let uri: Uri = text.parse().map_err(|error| wrong(&format!("not a URL ({error})")))?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => false,
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(_) | None => return Err(wrong("its scheme is neither http nor https")),
        };
        let authority = uri.authority().ok_or_else(|| wrong("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it holds a user or password"));
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(wrong("it has a path or query, and the gateway passes on the caller's own"));
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let scheme = if tls { "https" } else { "http" };
        Ok(Self { url: format!("{scheme}://{authority}"), host, port })
    }
}

/// What a saved configuration is made of.
pub(crate) struct Recipe<'a> {
    pub(crate) listen: SocketAddr,
    pub(crate) upstream: &'a Upstream,
    pub(crate) data: &'a Path,
}

impl Recipe<'_> {
    /// The file. Paths are quoted as JSON strings, which YAML reads as they are.
    pub(crate) fn to_yaml(&self) -> String {
        let quoted = |text: String| serde_json::Value::String(text).to_string();
        let path = |name: &str| self.data.join(name).display().to_string();
        format!(
            r#"listeners:
  - address: {listen}
    tls: {{ certificate: {certificate}, key: {key} }}
data: {data}
apis:
  - name: api
    path: /
    upstream: {upstream}
    authenticate: [api_key]
    routes:
      - {{ match: "* /{{rest*}}" }}
"#,
            listen = quoted(self.listen.to_string()),
            certificate = quoted(path(CERTIFICATE_FILE)),
            key = quoted(format!("file:{}", path(KEY_FILE))),
            data = quoted(self.data.display().to_string()),
            upstream = quoted(self.upstream.url.clone()),
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Upstream;

    #[test]
    fn an_origin_is_read_with_the_port_of_its_scheme() {
        for (text, url, host, port) in [
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000", "127.0.0.1", 9000),
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000", "127.0.0.1", 9000),
            ("https://api.example.com", "https://api.example.com", "api.example.com", 443),
            ("http://[::1]", "http://[::1]", "::1", 80),
        ] {
            let upstream = Upstream::parse(text).unwrap();
            assert_eq!((upstream.url.as_str(), upstream.host.as_str(), upstream.port), (url, host, port));
        }
    }

    #[test]
    fn anything_but_an_origin_is_wrong_usage() {
        for text in [
            "127.0.0.1:9000",
            "ftp://a.example",
            "http://",
            "http://u:p@a.example",
            "http://a.example/x",
            "http://a.example?x",
        ] {
            assert!(Upstream::parse(text).is_err(), "{text}");
        }
    }
}
