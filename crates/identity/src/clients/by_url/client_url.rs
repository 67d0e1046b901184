//! A client id that is an address (draft-ietf-oauth-client-id-metadata-document §3).

const MAX_BYTES: usize = 512;

/// An https address that can be a client's id: a name in lower case, no port 443, a path without dot segments, and neither
/// user, query nor fragment. There is one spelling of each, since ids are compared character by character.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ClientUrl {
    text: String,
    authority: std::ops::Range<usize>,
}

impl ClientUrl {
    /// Reads an address; `None` if it cannot be a client's id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        const SCHEME: &str = "https://";
        let rest = text.strip_prefix(SCHEME)?;
        let plain = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{}|?#@*"#.contains(&byte);
        if text.len() > MAX_BYTES || !text.bytes().all(plain) {
            return None;
        }
        let (authority, path) = rest.split_at(rest.find('/')?);
        if !is_authority(authority) || !is_path(path) || text.parse::<http::Uri>().is_err() {
            return None;
        }
        Some(Self { text: text.to_owned(), authority: SCHEME.len()..SCHEME.len() + authority.len() })
    }

    /// The whole address.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Host, and port unless it is 443.
    pub(crate) fn authority(&self) -> &str {
        self.text.get(self.authority.clone()).unwrap_or_default()
    }
}

/// A DNS name, and perhaps a port. An address in numbers belongs to nobody for long.
fn is_authority(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(inside) && !label.starts_with('-') && !label.ends_with('-')
    };
    // Systems read a name whose last label is a number as an address: 127.1, 2130706433, 0x7f.1.
    let is_number = |label: &str| label.starts_with(|first: char| first.is_ascii_digit());
    let named = host.len() <= 253 && host.split('.').all(label) && !host.rsplit('.').next().is_some_and(is_number);
    let port = port.is_none_or(|port| {
        port.parse::<u16>().is_ok_and(|number| number != 443 && number != 0 && number.to_string() == port)
    });
    named && port
}

/// No dot segments, and none that become ones when they are decoded.
fn is_path(path: &str) -> bool {
    let decoded = path.to_ascii_lowercase().replace("%2e", ".");
    !decoded.contains("%2f") && !decoded.contains("%5c") && !decoded.split('/').any(|part| matches!(part, "." | ".."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_with_a_path_is_an_id() {
        for (text, authority) in [
            ("https://app.example/client.json", "app.example"),
            ("https://app.example/", "app.example"),
            ("https://localhost:8443/a/b;c=d", "localhost:8443"),
            ("https://xn--bcher-kva.example/%7Eme", "xn--bcher-kva.example"),
        ] {
            let url = ClientUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.authority()), (text, authority));
        }
    }

    #[test]
    fn other_spellings_and_other_things_are_not() {
        for text in [
            "https://app.example",
            "http://app.example/client.json",
            "HTTPS://app.example/client.json",
            "https://App.example/client.json",
            "https://app.example:443/client.json",
            "https://app.example:0443/client.json",
            "https://app.example:/client.json",
            "https://app.example./client.json",
            "https://user@app.example/client.json",
            "https://app.example/client.json#top",
            "https://app.example/client.json?a=b",
            "https://app.example/a/../client.json",
            "https://app.example/a/%2E%2e/client.json",
            "https://app.example/a%2f..%2fb",
            "https://app.example/a\\b",
            "https://app.example/a b",
            "https://127.0.0.1/client.json",
            "https://127.1/client.json",
            "https://2130706433/client.json",
            "https://0x7f.0.0.1/client.json",
            "https://10.0.0.0x1/client.json",
            "https://[::1]/client.json",
            "https:///client.json",
            "https://bücher.example/client.json",
            "a-client",
            "",
        ] {
            assert_eq!(ClientUrl::parse(text), None, "{text}");
        }
        assert_eq!(ClientUrl::parse(&format!("https://app.example/{}", "a".repeat(500))), None);
    }
}
