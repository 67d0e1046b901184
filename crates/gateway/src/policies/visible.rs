//! JSON without some of its members. Everything else stays byte for byte: numbers keep their digits, members their order.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Error, value::RawValue};

/// The text without the members at `hidden`: names from the outermost on, where `*` is every item of a list. The text is
/// known to be JSON without duplicate members and of bounded depth.
pub(super) fn without(text: &[u8], hidden: &[&[String]]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(text.len());
    write(serde_json::from_slice(text)?, hidden, &mut out)?;
    Ok(out)
}

fn write(value: &RawValue, hidden: &[&[String]], out: &mut Vec<u8>) -> Result<(), Error> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'{') if !hidden.is_empty() => write_object(text, hidden, out),
        Some(b'[') if !hidden.is_empty() => write_list(text, hidden, out),
        _ => {
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
}

fn write_object(text: &str, hidden: &[&[String]], out: &mut Vec<u8>) -> Result<(), Error> {
    let Members(members) = serde_json::from_str(text)?;
    out.push(b'{');
    let mut is_first = true;
    for (name, value) in members {
        if hidden.iter().any(|path| matches!(path, [last] if *last == name)) {
            continue;
        }
        if !is_first {
            out.push(b',');
        }
        is_first = false;
        serde_json::to_writer(&mut *out, &name)?;
        out.push(b':');
        write(value, &below(hidden, &name), out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_list(text: &str, hidden: &[&[String]], out: &mut Vec<u8>) -> Result<(), Error> {
    let items: Vec<&RawValue> = serde_json::from_str(text)?;
    let every = hidden.iter().any(|path| matches!(path, [last] if last == "*"));
    let below = below(hidden, "*");
    out.push(b'[');
    for (at, item) in items.into_iter().filter(|_| !every).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, &below, out)?;
    }
    out.push(b']');
    Ok(())
}

/// What is hidden below a member.
fn below<'h>(hidden: &[&'h [String]], name: &str) -> Vec<&'h [String]> {
    let one = |path: &&'h [String]| path.split_first().filter(|(first, _)| *first == name).map(|(_, rest)| rest);
    hidden.iter().filter_map(one).filter(|rest| !rest.is_empty()).collect()
}

/// Members in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cut(text: &str, hidden: &[&str]) -> String {
        let paths: Vec<Vec<String>> =
            hidden.iter().map(|path| path.split('/').skip(1).map(str::to_owned).collect()).collect();
        let paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
        String::from_utf8(without(text.as_bytes(), &paths).unwrap()).unwrap()
    }

    #[test]
    fn hidden_members_are_gone_and_others_as_they_were() {
        let text = r#"{"b":1.10, "a":{"x":123456789012345678901234567890,"y":[1,2]},"c":null}"#;
        assert_eq!(cut(text, &["/a/y"]), r#"{"b":1.10,"a":{"x":123456789012345678901234567890},"c":null}"#);
        assert_eq!(cut(text, &["/b", "/c"]), r#"{"a":{"x":123456789012345678901234567890,"y":[1,2]}}"#);
        assert_eq!(cut(text, &["/nothing"]), text.replace(", ", ","));
    }

    #[test]
    fn items_of_lists_are_reached() {
        let text = r#"[{"id":1,"cost":5},{"id":2,"lines":[{"cost":7}]}]"#;
        assert_eq!(cut(text, &["/*/cost"]), r#"[{"id":1},{"id":2,"lines":[{"cost":7}]}]"#);
        assert_eq!(cut(text, &["/*/lines/*/cost"]), r#"[{"id":1,"cost":5},{"id":2,"lines":[{}]}]"#);
        assert_eq!(cut(text, &["/*"]), "[]");
    }

    #[test]
    fn an_escaped_name_is_the_name() {
        assert_eq!(cut(r#"{"\u0063ost":5,"id":1}"#, &["/cost"]), r#"{"id":1}"#);
    }
}
