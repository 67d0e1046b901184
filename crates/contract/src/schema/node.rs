//! The validator's view of a [`Tree`]: it reads the borrowed text itself, without a copy of it.
//!
//! What the validator would put into its errors as "the value" is always null: a difference never holds what was sent.

use std::borrow::Cow;

use jsonschema::{
    JsonType,
    json::{Array, Json, Node, NodeIdentity, Object, cmp},
};
use serde_json::{Number, Value};
use strict_json::Tree;

/// JSON as [`strict_json`] reads it.
pub(crate) struct Strict;

type Members<'a> = [(Cow<'a, str>, Tree<'a>)];

impl Json for Strict {
    type Node<'a> = &'a Tree<'a>;
    type PreparedKey = String;
    type StringBuffer = ();

    // Members are searched one by one.
    const KEYS_PER_LOOKUP: usize = 4;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>((): &mut (), string: &str, f: impl FnOnce(Self::Node<'_>) -> T) -> T {
        f(&Tree::Text(Cow::Borrowed(string)))
    }
}

impl<'a> Node<'a, Strict> for &'a Tree<'a> {
    type Object = &'a Members<'a>;
    type Array = &'a [Tree<'a>];
    type Number = &'a Number;

    fn as_object(&self) -> Option<&'a Members<'a>> {
        if let Tree::Object(members) = self { Some(members) } else { None }
    }

    fn as_array(&self) -> Option<&'a [Tree<'a>]> {
        if let Tree::List(items) = self { Some(items) } else { None }
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        if let Tree::Text(text) = self { Some(Cow::Borrowed(text)) } else { None }
    }

    fn as_number(&self) -> Option<&'a Number> {
        if let Tree::Number(number) = self { Some(number) } else { None }
    }

    fn as_boolean(&self) -> Option<bool> {
        if let Tree::Flag(flag) = self { Some(*flag) } else { None }
    }

    fn is_null(&self) -> bool {
        matches!(self, Tree::Null)
    }

    fn json_type(&self) -> JsonType {
        match self {
            Tree::Null => JsonType::Null,
            Tree::Flag(_) => JsonType::Boolean,
            Tree::Number(_) => JsonType::Number,
            Tree::Text(_) => JsonType::String,
            Tree::List(_) => JsonType::Array,
            Tree::Object(_) => JsonType::Object,
        }
    }

    fn string_length_within(&self, min: u64, max: u64) -> Option<bool> {
        let Tree::Text(text) = self else { return None };
        let length = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        // A code point takes one to four bytes; most texts need not be counted.
        let (bytes, fewest) = (length(text.len()), length(text.len().div_ceil(4)));
        if bytes < min || fewest > max {
            return Some(false);
        }
        if min <= fewest && bytes <= max {
            return Some(true);
        }
        Some((min..=max).contains(&length(text.chars().count())))
    }

    fn equals_value(&self, expected: &Value) -> bool {
        same_as_value(self, expected)
    }

    fn to_value(&self) -> Cow<'a, Value> {
        Cow::Owned(Value::Null)
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref::<Tree<'a>>(self).addr()))
    }
}

impl<'a> Object<'a, Strict> for &'a Members<'a> {
    type Node = &'a Tree<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        <Members<'a>>::len(self)
    }

    fn get(&self, key: &String) -> Option<&'a Tree<'a>> {
        self.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter(self.iter())
    }
}

/// Members in their order.
pub(crate) struct MembersIter<'a>(std::slice::Iter<'a, (Cow<'a, str>, Tree<'a>)>);

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, &'a Tree<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name.as_ref(), value))
    }
}

impl<'a> Array<'a, Strict> for &'a [Tree<'a>] {
    type Node = &'a Tree<'a>;
    type ElementsIter = std::slice::Iter<'a, Tree<'a>>;

    fn len(&self) -> usize {
        <[Tree<'a>]>::len(self)
    }

    fn elements(&self) -> std::slice::Iter<'a, Tree<'a>> {
        self.iter()
    }

    fn is_unique(&self) -> bool {
        let values: Vec<Value> = self.iter().map(Tree::to_value).collect();
        jsonschema::json::unique::is_unique(&values)
    }
}

/// Equality of JSON Schema: numbers by their value, objects without order.
fn same_as_value(tree: &Tree<'_>, value: &Value) -> bool {
    match (tree, value) {
        (Tree::Null, Value::Null) => true,
        (Tree::Flag(one), Value::Bool(other)) => one == other,
        (Tree::Number(one), Value::Number(other)) => cmp::equal_numbers(&one, other),
        (Tree::Text(one), Value::String(other)) => one == other,
        (Tree::List(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_as_value(one, other))
        }
        (Tree::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name.as_ref()).is_some_and(|v| same_as_value(value, v)))
        }
        (Tree::Null | Tree::Flag(_) | Tree::Number(_) | Tree::Text(_) | Tree::List(_) | Tree::Object(_), _) => false,
    }
}
