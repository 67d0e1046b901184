//! Reads a text into a tree within bounds.

use std::{borrow::Cow, cell::Cell, collections::HashSet, fmt};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::Tree;

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Levels of arrays and objects within each other.
    pub depth: usize,
    /// Values in all: members, items and the whole.
    pub values: usize,
}

/// Why a text is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotJson {
    /// Not JSON (RFC 8259), not UTF-8, or followed by more.
    Malformed,
    /// An object has two members of one name.
    Duplicate,
    /// More levels than the bounds allow.
    TooDeep,
    /// More values than the bounds allow.
    TooMany,
    /// A number that readers understand differently: a whole number past 64 bits, or one past a double's range.
    Number,
}

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not JSON",
            Self::Duplicate => "two members of one name",
            Self::TooDeep => "too many levels",
            Self::TooMany => "too many values",
            Self::Number => "a number past 64 bits",
        })
    }
}

impl std::error::Error for NotJson {}

/// Values after which a reader of a long text gives its processor to whoever waits for it: some 50 µs. The system alone
/// would let it go on for a millisecond.
const TURN: usize = 1024;

/// Reads one JSON text; white space around it is allowed. A text of more than a thousand values is read in turns with other
/// threads.
///
/// # Errors
/// The first thing that two readers could read differently, or that is past the bounds.
pub fn read(text: &[u8], bounds: Bounds) -> Result<Tree<'_>, NotJson> {
    if has_more_values(text, bounds.values) {
        return Err(NotJson::TooMany);
    }
    // Checked once as a whole, which is faster than string by string.
    let text = str::from_utf8(text).map_err(|_| NotJson::Malformed)?;
    let state = State { left: Cell::new(bounds.values), reason: Cell::new(NotJson::Malformed), usual: Cell::new(0) };
    let mut reader = serde_json::Deserializer::from_str(text);
    let tree = Reader { state: &state, depth: bounds.depth }.deserialize(&mut reader);
    let tree = tree.map_err(|error| reason(&state, &error))?;
    reader.end().map_err(|_| NotJson::Malformed)?;
    Ok(tree)
}

/// Whether a text has more commas between values than that: a tree of so many would cost far more than its text.
fn has_more_values(text: &[u8], most: usize) -> bool {
    // A value and its comma are two bytes at least, so most texts are too short to look at.
    text.len() / 2 > most && separators(text).inspect(in_turns()).nth(most).is_some()
}

/// Counts, and lets other threads have their turn.
fn in_turns() -> impl FnMut(&usize) {
    let mut count = 0_usize;
    move |_| {
        count += 1;
        if count.is_multiple_of(4 * TURN) {
            std::thread::yield_now();
        }
    }
}

/// Places of commas outside of strings.
fn separators(text: &[u8]) -> impl Iterator<Item = usize> {
    let mut place = 0;
    std::iter::from_fn(move || {
        loop {
            let found = place + memchr::memchr2(b',', b'"', text.get(place..)?)?;
            place = found + 1;
            if text.get(found) == Some(&b',') {
                return Some(found);
            }
            place = string_end(text, place)?;
        }
    })
}

/// Where the string that began before `place` is over.
fn string_end(text: &[u8], mut place: usize) -> Option<usize> {
    loop {
        let found = place + memchr::memchr2(b'\\', b'"', text.get(place..)?)?;
        if text.get(found) == Some(&b'"') {
            return Some(found + 1);
        }
        // An escape and the character after it.
        place = found + 2;
    }
}

fn reason(state: &State, error: &serde_json::Error) -> NotJson {
    // serde_json's own word for a number past a double's range, which no visitor gets to see.
    let past_range = error.to_string().starts_with("number out of range");
    if past_range { NotJson::Number } else { state.reason.get() }
}

/// Whole numbers from here on are past 64 bits; `serde_json` hands them over as doubles.
const PAST_64_BITS: f64 = 18_446_744_073_709_551_616.0;

/// Members from which on names are compared by their hash, not one by one.
const MANY_MEMBERS: usize = 16;

struct State {
    left: Cell<usize>,
    reason: Cell<NotJson>,
    /// Members of the last object.
    usual: Cell<usize>,
}

impl State {
    fn refuse<E: Error>(&self, reason: NotJson) -> E {
        self.reason.set(reason);
        E::custom(reason)
    }
}

#[derive(Clone, Copy)]
struct Reader<'s> {
    state: &'s State,
    depth: usize,
}

impl Reader<'_> {
    fn below<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| self.state.refuse(NotJson::TooDeep))?;
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Tree<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree<'de>, D::Error> {
        let left = self.state.left.get().checked_sub(1).ok_or_else(|| self.state.refuse(NotJson::TooMany))?;
        self.state.left.set(left);
        if left.is_multiple_of(TURN) {
            std::thread::yield_now();
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Flag(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree<'de>, E> {
        // Past 2^53 every double is whole. Between there and 64 bits it was written with a point or an exponent.
        if value.abs() >= PAST_64_BITS {
            return Err(self.state.refuse(NotJson::Number));
        }
        Number::from_f64(value).map(Tree::Number).ok_or_else(|| self.state.refuse(NotJson::Number))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree<'de>, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree<'de>, A::Error> {
        let below = self.below()?;
        // Objects side by side are alike. One that is not wastes no more room than the one before it filled.
        let mut object: Vec<(Cow<'de, str>, Tree<'de>)> = Vec::with_capacity(self.state.usual.get());
        let mut names: HashSet<Cow<'de, str>, foldhash::quality::RandomState> = HashSet::default();
        while let Some(Name(name)) = members.next_key()? {
            let is_new = if object.len() < MANY_MEMBERS {
                object.iter().all(|(known, _)| *known != name)
            } else {
                if names.is_empty() {
                    names.extend(object.iter().map(|(known, _)| known.clone()));
                }
                names.insert(name.clone())
            };
            if !is_new {
                return Err(self.state.refuse(NotJson::Duplicate));
            }
            object.push((name, members.next_value_seed(below)?));
        }
        self.state.usual.set(object.len().min(MANY_MEMBERS));
        Ok(Tree::Object(object))
    }
}

struct Name<'t>(Cow<'t, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(value.to_owned())))
    }
}
