//! A JSON text as a tree that borrows from it.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// A JSON value. Members keep their order, and no two of an object have one name.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree<'t> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A number that 64 bits hold: an integer exactly, another as a finite double.
    Number(Number),
    /// A string without its escapes.
    Text(Cow<'t, str>),
    /// An array.
    List(Vec<Tree<'t>>),
    /// An object.
    Object(Vec<(Cow<'t, str>, Tree<'t>)>),
}

impl Tree<'_> {
    /// The same value, owned.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text.clone().into_owned()),
            Self::List(items) => Value::Array(items.iter().map(Tree::to_value).collect()),
            Self::Object(members) => Value::Object(members_to_map(members)),
        }
    }

    /// The members of an object, owned; nothing for another value.
    pub fn to_map(&self) -> Option<Map<String, Value>> {
        match self {
            Self::Object(members) => Some(members_to_map(members)),
            Self::Null | Self::Flag(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }
}

fn members_to_map(members: &[(Cow<'_, str>, Tree<'_>)]) -> Map<String, Value> {
    members.iter().map(|(name, value)| (name.clone().into_owned(), value.to_value())).collect()
}

impl serde::Serialize for Tree<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}
