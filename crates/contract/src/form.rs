//! Names and values of `application/x-www-form-urlencoded`, which queries use as well.

use std::borrow::Cow;

use strict_json::{Bounds, Tree, read};

use crate::{pointer::percent_decode, schema::Types};

/// Pairs in their order, still encoded.
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// A name or a value without its encoding; nothing if it is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    percent_decode(&text.replace('+', " ")).map(Cow::Owned)
}

/// A text as the first of the types that it can be; else as text, which the schema then refuses.
pub(crate) fn typed(text: Cow<'_, str>, types: Types) -> Tree<'_> {
    if types.has(Types::FLAG) && matches!(text.as_ref(), "true" | "false") {
        return Tree::Flag(text == "true");
    }
    // White space around a number is JSON, but no number.
    if types.has(Types::NUMBER)
        && text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && let Ok(Tree::Number(number)) = read(text.as_bytes(), Bounds { depth: 1, values: 1 })
    {
        return Tree::Number(number);
    }
    Tree::Text(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_its_schema_asks() {
        let (number, flag) = (Types::NUMBER, Types::FLAG);
        assert!(matches!(typed("12".into(), number), Tree::Number(_)));
        assert!(matches!(typed("1e3".into(), number), Tree::Number(_)));
        for text in ["", " 1", "1 ", "0x1", "01", "+1", "1_000", "true", "99999999999999999999"] {
            assert!(matches!(typed(text.into(), number), Tree::Text(_)), "{text:?}");
        }
        assert_eq!(typed("true".into(), flag), Tree::Flag(true));
        assert!(matches!(typed("TRUE".into(), flag), Tree::Text(_)));
        assert!(matches!(typed("12".into(), Types::NONE), Tree::Text(_)));
    }

    #[test]
    fn names_and_values_are_decoded() {
        let decoded: Vec<_> =
            pairs("a=1&&b%20c=x+y&d").map(|(n, v)| (decode(n).unwrap(), decode(v).unwrap())).collect();
        assert_eq!(decoded, [("a".into(), "1".into()), ("b c".into(), "x y".into()), ("d".into(), "".into())]);
        assert_eq!(decode("%ff"), None);
        assert_eq!(decode("%2"), None);
    }
}
