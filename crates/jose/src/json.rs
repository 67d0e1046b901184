//! JSON without duplicate members (RFC 7515 §4, RFC 7519 §4) and without depth that could exhaust the stack.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting that is read (limits: JSON depth).
const MAX_DEPTH: usize = 32;
const DUPLICATE: &str = "duplicate member";

/// Why a text is not taken as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotJson {
    /// It is not JSON, nested too deep, or not an object where one is wanted.
    Malformed,
    /// An object has two members of one name.
    Duplicate,
}

/// Reads one object, nested at most 32 deep.
pub fn object(text: &[u8]) -> Result<Map<String, Value>, NotJson> {
    match value(text)? {
        Value::Object(map) => Ok(map),
        _ => Err(NotJson::Malformed),
    }
}

/// Reads one value, nested at most 32 deep.
pub fn value(text: &[u8]) -> Result<Value, NotJson> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Depth(MAX_DEPTH).deserialize(&mut reader).map_err(|error| kind(&error))?;
    reader.end().map_err(|error| kind(&error))?;
    Ok(value)
}

fn kind(error: &serde_json::Error) -> NotJson {
    if error.to_string().starts_with(DUPLICATE) { NotJson::Duplicate } else { NotJson::Malformed }
}

/// Levels that may still be opened.
#[derive(Clone, Copy)]
struct Depth(usize);

impl Depth {
    fn below<E: Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut map = Map::new();
        while let Some(Name(name)) = members.next_key()? {
            let value = members.next_value_seed(below)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(map))
    }
}

struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_members_are_refused_at_any_depth() {
        assert_eq!(object(br#"{"a":1,"a":2}"#), Err(NotJson::Duplicate));
        assert_eq!(object(br#"{"a":[{"b":1,"\u0062":2}]}"#), Err(NotJson::Duplicate));
    }

    #[test]
    fn depth_and_surplus_text_are_refused() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(40), "]".repeat(40));
        assert_eq!(object(deep.as_bytes()), Err(NotJson::Malformed));
        assert_eq!(object(b"{} {}"), Err(NotJson::Malformed));
        assert_eq!(object(b"[]"), Err(NotJson::Malformed));
        assert_eq!(object(br#"{"a":1e400}"#), Err(NotJson::Malformed));
    }
}
