//! JSON pointers (RFC 6901) within one document, and references that are nothing else.

use serde_json::Value;

/// A pointer one step longer.
pub(crate) fn join(pointer: &str, token: &str) -> String {
    if token.contains(['~', '/']) {
        format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
    } else {
        format!("{pointer}/{token}")
    }
}

/// The last token, without its escapes.
pub(crate) fn last(pointer: &str) -> String {
    let token = pointer.rsplit('/').next().unwrap_or_default();
    token.replace("~1", "/").replace("~0", "~")
}

/// The pointer that a `$ref` holds; an error says why it is none.
pub(crate) fn of_reference(reference: &str) -> Result<String, String> {
    let Some(fragment) = reference.strip_prefix('#') else {
        return Err(format!("`{reference}` leads out of the document"));
    };
    if !fragment.is_empty() && !fragment.starts_with('/') {
        return Err(format!("`{reference}` is no JSON pointer"));
    }
    percent_decode(fragment).ok_or_else(|| format!("`{reference}` is not encoded as a URI fragment is"))
}

/// Percent-decoding (RFC 3986 §2.1) to UTF-8.
pub(crate) fn percent_decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || char::from(bytes.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            decoded.push(u8::try_from(value).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

/// References on the way from one value to the one that is meant.
const MAX_HOPS: usize = 16;

/// Follows `$ref` from an object that may be one, to what it means and where that stands.
pub(crate) fn follow<'d>(
    document: &'d Value,
    pointer: &str,
    value: &'d Value,
) -> Result<(String, &'d Value), (String, String)> {
    let (mut pointer, mut value) = (pointer.to_owned(), value);
    for _ in 0..MAX_HOPS {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok((pointer, value)) };
        let place = join(&pointer, "$ref");
        let target = of_reference(reference).map_err(|message| (place.clone(), message))?;
        value = document.pointer(&target).ok_or((place, format!("`{reference}` leads to nothing")))?;
        pointer = target;
    }
    Err((pointer, format!("more than {MAX_HOPS} references follow each other, or they go in a circle")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_stay_within_the_document() {
        assert_eq!(of_reference("#/a/b%20c").unwrap(), "/a/b c");
        for reference in ["other.yaml#/a", "https://example.com/a", "a", "#a", "#/%ff"] {
            assert!(of_reference(reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn a_circle_of_references_ends() {
        let document = json!({ "a": { "$ref": "#/b" }, "b": { "$ref": "#/a" }, "c": { "$ref": "#/d~1e" }, "d/e": 1 });
        assert!(follow(&document, "/a", &document["a"]).is_err());
        assert_eq!(follow(&document, "/c", &document["c"]).unwrap().1, 1);
    }

    #[test]
    fn tokens_are_escaped() {
        assert_eq!(join("", "a/b~c"), "/a~1b~0c");
        assert_eq!(last(&join("/x", "a/b~c")), "a/b~c");
    }
}
