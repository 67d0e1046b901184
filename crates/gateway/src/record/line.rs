//! A line of JSON (RFC 8259), written member by member at the end of a buffer.
//!
//! A serializer looks at each byte of each text, names of members among them. Most texts of a log have nothing that JSON
//! escapes, which is seen many bytes at a time, and are copied as they are; the others are the serializer's all the same.

use serde::Serialize;

/// The name of a member, as a line has it: behind a comma.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name(&'static str);

impl Name {
    /// Made by [`name!`] alone, at compile time.
    pub(crate) const fn punctuated(text: &'static str) -> Self {
        Self(text)
    }
}

/// A name that the program itself gives, with nothing to escape.
macro_rules! name {
    ($name:literal) => {
        $crate::record::Name::punctuated(concat!(",\"", $name, "\":"))
    };
}
pub(crate) use name;

/// Members that many lines have alike, written once.
#[derive(Debug)]
pub(crate) struct Members(Box<[u8]>);

impl Members {
    pub(crate) fn of<const COUNT: usize>(members: [(Name, &str); COUNT]) -> Self {
        let mut buffer = Vec::new();
        for (name, value) in members {
            text(&mut buffer, name, value);
        }
        Self(buffer.into())
    }
}

/// A line that is being written. It ends when it is dropped, so that none runs into the next.
pub(super) struct Line<'b> {
    buffer: &'b mut Vec<u8>,
    begin: usize,
}

impl<'b> Line<'b> {
    pub(super) fn begin(buffer: &'b mut Vec<u8>) -> Self {
        Self { begin: buffer.len(), buffer }
    }

    /// Adds a text, if there is one.
    pub(super) fn text<'t>(&mut self, name: Name, value: impl Into<Option<&'t str>>) {
        if let Some(value) = value.into() {
            text(self.buffer, name, value);
        }
    }

    /// Adds a whole number.
    pub(super) fn number(&mut self, name: Name, value: u64) {
        let mut digits = itoa::Buffer::new();
        self.buffer.extend_from_slice(name.0.as_bytes());
        self.buffer.extend_from_slice(digits.format(value).as_bytes());
    }

    /// Adds what was written before.
    pub(super) fn members(&mut self, members: &Members) {
        self.buffer.extend_from_slice(&members.0);
    }

    /// Adds whatever else JSON has a form for.
    pub(super) fn member(&mut self, name: Name, value: impl Serialize) {
        member(self.buffer, name, value);
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        // The comma before the first name is where the object begins.
        match self.buffer.get_mut(self.begin) {
            Some(comma) => *comma = b'{',
            None => self.buffer.push(b'{'),
        }
        self.buffer.extend_from_slice(b"}\n");
    }
}

fn text(buffer: &mut Vec<u8>, name: Name, value: &str) {
    if !is_plain(value.as_bytes()) {
        return member(buffer, name, value);
    }
    buffer.reserve(name.0.len() + value.len() + 2);
    buffer.extend_from_slice(name.0.as_bytes());
    buffer.push(b'"');
    buffer.extend_from_slice(value.as_bytes());
    buffer.push(b'"');
}

fn member(buffer: &mut Vec<u8>, name: Name, value: impl Serialize) {
    buffer.extend_from_slice(name.0.as_bytes());
    let begin = buffer.len();
    if serde_json::to_writer(&mut *buffer, &value).is_err() {
        buffer.truncate(begin);
        buffer.extend_from_slice(b"null");
    }
}

/// Whether JSON has these bytes of a text as they are. Eight are looked at at once; one that is taken for another costs
/// the way through the serializer, and nothing else.
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let (eights, rest) = text.as_chunks::<8>();
    let found = eights.iter().fold(0, |found, eight| {
        let word = u64::from_ne_bytes(*eight);
        let below = |word: u64, than: u8| word.wrapping_sub(ONES * u64::from(than)) & !word & HIGH;
        found
            | below(word, b' ')
            | below(word ^ (ONES * u64::from(b'"')), 1)
            | below(word ^ (ONES * u64::from(b'\\')), 1)
    });
    found == 0 && !rest.iter().any(|byte| matches!(byte, ..b' ' | b'"' | b'\\'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_line_is_one_object_with_what_there_is() {
        let mut buffer = Vec::new();
        let mut line = Line::begin(&mut buffer);
        line.text(name!("first"), "a");
        line.text(name!("none"), None);
        line.members(&Members::of([(name!("one"), "1"), (name!("two"), "\"")]));
        line.number(name!("number"), u64::MAX);
        line.member(name!("list"), ["b", "c"]);
        line.member(name!("fails"), std::collections::BTreeMap::from([((), 1)]));
        drop(line);
        drop(Line::begin(&mut buffer));
        assert_eq!(
            String::from_utf8(buffer).unwrap(),
            "{\"first\":\"a\",\"one\":\"1\",\"two\":\"\\\"\",\"number\":18446744073709551615,\"list\":[\"b\",\"c\"],\"fails\":null}\n{}\n"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(text in any::<String>(), other in "[ -~\u{0}-\u{1f}\u{7f}é]{0,40}") {
            for text in [text, other] {
                let mut buffer = Vec::new();
                Line::begin(&mut buffer).text(name!("text"), text.as_str());
                prop_assert_eq!(buffer.iter().position(|byte| *byte == b'\n'), Some(buffer.len() - 1));
                prop_assert_eq!(serde_json::from_slice::<Value>(&buffer).unwrap(), json!({ "text": text }));
            }
        }
    }
}
