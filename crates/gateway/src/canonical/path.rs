//! Canonical paths (RFC 3986 §6.2.2): decoded once, without dot segments or empty segments.

/// Why a path has no canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// It does not begin with `/`.
    #[error("the path does not begin with a slash")]
    NoLeadingSlash,
    /// `%` without two hexadecimal digits after it.
    #[error("a percent sign is not followed by two hexadecimal digits")]
    BadEscape,
    /// A byte that a path may not hold, raw or encoded: controls, backslash, `#`, bytes outside ASCII when raw.
    #[error("the path holds a character that is not allowed there")]
    ForbiddenByte,
    /// The decoded bytes are not UTF-8.
    #[error("the decoded path is not UTF-8")]
    NotUtf8,
    /// A segment that some servers read as `.` or `..`, such as `..;x`.
    #[error("a segment hides a dot segment")]
    HiddenDotSegment,
}

/// A path in its one canonical form. Parsing its text again gives the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalPath {
    text: String,
    encoded_slash: bool,
}

impl CanonicalPath {
    /// Canonicalises a path: unreserved characters are decoded, other escapes get upper-case digits, `.` and `..`
    /// segments are resolved, empty segments removed.
    pub fn parse(raw: &str) -> Result<Self, NotCanonical> {
        if !raw.starts_with('/') {
            return Err(NotCanonical::NoLeadingSlash);
        }
        if is_plain(raw.as_bytes()) {
            return Ok(Self { text: raw.to_owned(), encoded_slash: false });
        }
        let (decoded, encoded_slash) = decode_once(raw.as_bytes())?;
        let text = resolve(&decoded)?;
        if encoded_slash && hides_traversal(&text) {
            return Err(NotCanonical::HiddenDotSegment);
        }
        Ok(Self { text, encoded_slash })
    }

    /// The path as text, always with a leading slash.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a segment holds `%2F`, which only routes that opt in accept.
    pub fn has_encoded_slash(&self) -> bool {
        self.encoded_slash
    }
}

/// Whether a path is canonical as it stands: the common case, found in one pass.
fn is_plain(raw: &[u8]) -> bool {
    let mut previous = 0;
    for &byte in raw {
        if !is_path_byte(byte) || byte == b';' || (previous == b'/' && matches!(byte, b'/' | b'.')) {
            return false;
        }
        previous = byte;
    }
    true
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `pchar` without escapes, and the slash (RFC 3986 §3.3).
fn is_path_byte(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@'
        )
}

fn decode_once(raw: &[u8]) -> Result<(String, bool), NotCanonical> {
    let (mut text, mut bytes) = (String::with_capacity(raw.len()), Vec::with_capacity(raw.len()));
    let mut encoded_slash = false;
    let mut rest = raw.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            if !is_path_byte(byte) {
                return Err(NotCanonical::ForbiddenByte);
            }
            text.push(char::from(byte));
            bytes.push(byte);
            continue;
        }
        let value = escape(rest.next(), rest.next()).ok_or(NotCanonical::BadEscape)?;
        match value {
            0..=0x1F | 0x7F | b'\\' => return Err(NotCanonical::ForbiddenByte),
            _ if is_unreserved(value) => text.push(char::from(value)),
            _ => push_escape(&mut text, value),
        }
        encoded_slash |= value == b'/';
        bytes.push(value);
    }
    std::str::from_utf8(&bytes).map_err(|_| NotCanonical::NotUtf8)?;
    Ok((text, encoded_slash))
}

fn escape(high: Option<&u8>, low: Option<&u8>) -> Option<u8> {
    let digit = |d: &u8| char::from(*d).to_digit(16).and_then(|v| u8::try_from(v).ok());
    Some(digit(high?)? << 4 | digit(low?)?)
}

fn push_escape(text: &mut String, value: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    for nibble in [value >> 4, value & 15] {
        text.push(char::from(DIGITS.get(usize::from(nibble)).copied().unwrap_or(b'0')));
    }
}

/// Removes empty and dot segments (RFC 3986 §5.2.4). A path cannot climb above its root.
fn resolve(path: &str) -> Result<String, NotCanonical> {
    let mut kept: Vec<&str> = Vec::new();
    let mut directory = false;
    for segment in path.split('/').skip(1) {
        directory = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            _ if looks_like_dots(segment) => return Err(NotCanonical::HiddenDotSegment),
            _ => kept.push(segment),
        }
    }
    let mut text = String::with_capacity(path.len());
    for segment in &kept {
        text.push('/');
        text.push_str(segment);
    }
    if directory || kept.is_empty() {
        text.push('/');
    }
    Ok(text)
}

/// `.;x` and `..;x`: servlet containers cut the parameter off and see a dot segment.
fn looks_like_dots(segment: &str) -> bool {
    let bare = segment.split(';').next().unwrap_or_default();
    let bare = bare.split("%3B").next().unwrap_or_default();
    bare.len() < segment.len() && matches!(bare, "." | "..")
}

fn hides_traversal(text: &str) -> bool {
    text.split('/')
        .flat_map(|segment| segment.split("%2F"))
        .any(|part| matches!(part, "." | "..") || looks_like_dots(part))
}

/// Checks a query: printable ASCII with whole escapes. It is passed on as it came.
pub(super) fn check_query(query: &str) -> Result<&str, NotCanonical> {
    let mut rest = query.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        match byte {
            b'%' => {
                escape(rest.next(), rest.next()).ok_or(NotCanonical::BadEscape)?;
            }
            b'#' | b'\\' | 0..=0x20 | 0x7F.. => return Err(NotCanonical::ForbiddenByte),
            _ => {}
        }
    }
    Ok(query)
}

/// Decodes escapes once for a search; what is not UTF-8 becomes U+FFFD.
pub(super) fn decode_lossy(query: &str) -> std::borrow::Cow<'_, str> {
    if !query.contains('%') {
        return query.into();
    }
    let mut bytes = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        bytes.push(if byte == b'%' { escape(rest.next(), rest.next()).unwrap_or(b'%') } else { byte });
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(raw: &str) -> String {
        CanonicalPath::parse(raw).unwrap().as_str().to_owned()
    }

    #[test]
    fn detours_lead_to_the_same_path() {
        for raw in
            ["/admin", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/x/%2e%2e/admin", "/../admin", "/%2E/admin"]
        {
            assert_eq!(canonical(raw), "/admin", "{raw}");
        }
    }

    #[test]
    fn an_escape_is_decoded_once_only() {
        assert_eq!(canonical("/%252e%252e%252fadmin"), "/%252e%252e%252fadmin");
    }

    #[test]
    fn a_trailing_slash_and_letter_case_are_kept() {
        assert_eq!(canonical("/admin/"), "/admin/");
        assert_eq!(canonical("/ADMIN"), "/ADMIN");
        assert_eq!(canonical("/x/.."), "/");
    }

    #[test]
    fn what_has_no_single_meaning_is_refused() {
        for raw in [
            "",
            "x",
            "/%",
            "/%0",
            "/%zz",
            "/%u002e",
            "/%00",
            "/a%0d%0ab",
            "/%5cadmin",
            "/a\\b",
            "/%c0%ae",
            "/%ff",
            "/é",
            "/a b",
            "/..;/admin",
            "/x/.;a/b",
            "/..%3b/admin",
            "/a%2f..%2fb",
        ] {
            assert!(CanonicalPath::parse(raw).is_err(), "{raw}");
        }
    }

    #[test]
    fn an_encoded_slash_is_kept_and_told() {
        let path = CanonicalPath::parse("/files/a%2fb").unwrap();
        assert_eq!(path.as_str(), "/files/a%2Fb");
        assert!(path.has_encoded_slash());
    }

    proptest! {
        #[test]
        fn canonicalisation_is_idempotent(raw in "/[a-zA-Z0-9/.%;~ -]{0,40}") {
            if let Ok(once) = CanonicalPath::parse(&raw) {
                let twice = CanonicalPath::parse(once.as_str()).unwrap();
                prop_assert_eq!(&once, &twice);
            }
        }

        #[test]
        fn a_canonical_path_has_no_dot_or_empty_segment(raw in "(/|\\.|%2e|%2F|a|;|%25){0,24}") {
            if let Ok(path) = CanonicalPath::parse(&format!("/{raw}")) {
                let inner = path.as_str().strip_prefix('/').unwrap();
                let inner = inner.strip_suffix('/').unwrap_or(inner);
                prop_assert!(inner.is_empty() || inner.split('/').all(|s| !matches!(s, "" | "." | "..")));
            }
        }

        #[test]
        fn any_text_is_parsed_without_a_panic(raw in ".*") {
            let _ = CanonicalPath::parse(&raw);
            let _ = check_query(&raw);
        }
    }
}
