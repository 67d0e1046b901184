//! The canonical form: one text for each request, which means what the raw one meant, and means it again.

use gateway::workbench::{Head, canonical};
use http::{HeaderName, HeaderValue, Request};

const KEY_PREFIX: &str = "pck_live_";

/// A first line `METHOD TARGET`, then lines `name: value`; what the HTTP library would not take is passed over.
pub fn hold(bytes: &[u8]) {
    let Some(request) = request(bytes) else { return };
    let raw = request.uri().clone();
    match canonical(request, KEY_PREFIX) {
        Err(status) => assert!(matches!(status, 400 | 401 | 414 | 431), "refused with {status}"),
        Ok(head) => {
            check_host(&head.host);
            check_path(&head.path);
            check_target(&head, raw.query());
            check_fields(&head);
            same_meaning(raw.path(), &head);
            again(&head);
        }
    }
}

fn request(bytes: &[u8]) -> Option<Request<()>> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let space = first.iter().position(|byte| *byte == b' ')?;
    let (method, target) = (&first[..space], &first[space + 1..]);
    let mut request = Request::builder().method(method).uri(target);
    for line in lines.filter(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = line[colon + 1..].trim_ascii();
        request = request.header(name, HeaderValue::from_bytes(value).ok()?);
    }
    request.body(()).ok()
}

fn check_host(host: &str) {
    assert!(!host.is_empty() && host.len() <= 255 && !host.ends_with('.'), "{host:?}");
    let sound = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'[' | b']' | b':');
    assert!(host.bytes().all(sound), "{host:?}");
    assert!(host.starts_with('[') || !host.contains([':', '[', ']']), "{host:?}");
}

fn check_path(path: &str) {
    let inner = path.strip_prefix('/').expect("it begins with a slash");
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    assert!(inner.is_empty() || inner.split('/').all(|segment| !matches!(segment, "" | "." | "..")), "{path:?}");
    assert!(path.bytes().all(|byte| matches!(byte, b'!'..=b'~') && !b"\\#?".contains(&byte)), "{path:?}");
    for escape in path.split('%').skip(1) {
        let digits = escape.get(..2).expect("two digits");
        assert!(digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')), "{path:?}");
        let value = u8::from_str_radix(digits, 16).unwrap();
        let unreserved = value.is_ascii_alphanumeric() || b"-._~".contains(&value);
        assert!(!unreserved && !value.is_ascii_control() && value != b'\\', "{path:?} holds %{digits}");
    }
}

fn check_target(head: &Head, raw_query: Option<&str>) {
    assert_eq!(head.target.path(), head.path, "what is sent is not what was routed");
    assert_eq!(head.target.query(), raw_query);
    let text = head.target.to_string();
    assert!(text.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'#'), "{text:?}");
    assert!(!text.contains(KEY_PREFIX), "a key in the target");
}

/// Fields that mean something to the connection, or to whoever believes a proxy, do not go on.
fn check_fields(head: &Head) {
    for (name, value) in &head.fields {
        let text = name.as_str();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "{text}");
        let ends_here = ["connection", "te", "trailer", "transfer-encoding", "upgrade", "keep-alive", "forwarded"];
        assert!(!ends_here.contains(&text), "{text}");
        assert!(!text.starts_with("x-forwarded-") && !text.starts_with("portcullis-"), "{text}");
        assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{text}");
    }
    for single in ["host", "authorization", "content-length", "content-type", "x-api-key"] {
        assert!(head.fields.get_all(single).iter().count() <= 1, "{single} twice");
    }
}

/// Decoding first and removing dot segments then gives the same as the canonical form decoded, unless there are encoded
/// slashes, which no other reading has to agree with.
fn same_meaning(raw: &str, head: &Head) {
    let decoded = decode(raw);
    if !head.encoded_slash {
        assert_eq!(resolve(&decoded), decode(&head.path), "{raw:?} became {:?}", head.path);
    }
}

fn decode(path: &str) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::new(), path.as_bytes());
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(value.unwrap_or(*byte));
        rest = &after[if value.is_some() { 2 } else { 0 }..];
    }
    decoded
}

/// Another way to do RFC 3986 §5.2.4 than the gateway's: on bytes, from a list of segments.
fn resolve(path: &[u8]) -> Vec<u8> {
    let mut segments: Vec<&[u8]> = Vec::new();
    let raw: Vec<&[u8]> = path.split(|byte| *byte == b'/').skip(1).collect();
    for segment in &raw {
        match *segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut resolved = Vec::new();
    for segment in &segments {
        resolved.push(b'/');
        resolved.extend_from_slice(segment);
    }
    let directory = matches!(raw.last(), None | Some(&(b"" | b"." | b"..")));
    if directory || segments.is_empty() {
        resolved.push(b'/');
    }
    resolved
}

/// The canonical form is its own canonical form.
fn again(head: &Head) {
    let mut request = Request::builder().uri(head.target.clone()).body(()).unwrap();
    *request.headers_mut() = head.fields.clone();
    request.headers_mut().insert(http::header::HOST, head.host.parse().unwrap());
    let again = canonical(request, KEY_PREFIX).expect("what is canonical is accepted");
    assert_eq!((&again.host, &again.path, &again.target), (&head.host, &head.path, &head.target));
}
