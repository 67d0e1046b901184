//! Addresses as `htu` compares them: without query and fragment, after the normalisations of RFC 3986 §6.2.2 and §6.2.3
//! that RFC 9449 §4.3 asks for.

/// A web address in its normal form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target(String);

impl Target {
    /// Reads an absolute `http` or `https` address. One with user information, white space or controls is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'\\') {
            return None;
        }
        let text = text.split(['?', '#']).next()?;
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = authority.to_ascii_lowercase();
        let authority = authority.strip_suffix(default_port).or(authority.strip_suffix(':')).unwrap_or(&authority);
        if authority.is_empty() || authority.contains(['@', '%']) {
            return None;
        }
        Some(Self(format!("{scheme}://{authority}{}", normal_path(path)?)))
    }

    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A path without dot segments, its escapes in upper case and only where one is needed.
fn normal_path(path: &str) -> Option<String> {
    let path = normal_escapes(path)?;
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    Some(format!("/{}", kept.join("/")))
}

/// Escapes of unreserved characters (RFC 3986 §2.3) are undone; an escape that is none makes no address.
fn normal_escapes(path: &str) -> Option<String> {
    let mut normal = String::with_capacity(path.len());
    let mut pieces = path.split('%');
    normal.push_str(pieces.next()?);
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            normal.push(char::from(byte));
        } else {
            normal.push('%');
            normal.push_str(&digits.to_ascii_uppercase());
        }
        normal.push_str(rest);
    }
    Some(normal)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(text: &str) -> Option<String> {
        Target::parse(text).map(|target| target.as_str().to_owned())
    }

    #[test]
    fn addresses_that_mean_the_same_are_the_same() {
        for (text, expected) in [
            ("https://a.example/x", "https://a.example/x"),
            ("HTTPS://A.Example:443/x?q=1#f", "https://a.example/x"),
            ("http://a.example:80", "http://a.example/"),
            ("http://a.example:443/", "http://a.example:443/"),
            ("https://a.example:8443/%7ex/%2fy", "https://a.example:8443/~x/%2Fy"),
            ("https://a.example/b/./c/../d/%2e%2e/e/", "https://a.example/b/e/"),
            ("https://a.example/b/..", "https://a.example/"),
            ("https://[::1]:8443/x", "https://[::1]:8443/x"),
            ("https://a.example?q", "https://a.example/"),
        ] {
            assert_eq!(normal(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_web_address_is_refused() {
        for text in [
            "",
            "/x",
            "a.example/x",
            "https:///x",
            "ftp://a.example/x",
            "https://u@a.example/x",
            "https://a.example@evil.example/x",
            "https://a.example/%zz",
            "https://a.example/%2",
            "https://a.example/%é",
            "https://a.example/a b",
            "https://a.example\\@evil.example/",
            "https://a%2eexample/",
        ] {
            assert_eq!(normal(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form(path in "[a-z./%0-9A-F~?#-]{0,24}") {
            if let Some(once) = normal(&format!("https://a.example/{path}")) {
                prop_assert_eq!(normal(&once), Some(once.clone()));
                prop_assert!(!once.split('/').any(|segment| segment == "." || segment == ".."));
            }
        }

        #[test]
        fn no_text_is_too_strange_to_be_looked_at(text in ".{0,64}") {
            let _ = Target::parse(&text);
        }
    }
}
