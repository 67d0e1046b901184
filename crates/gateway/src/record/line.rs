//! A line of JSON (RFC 8259), written member by member at the end of a buffer.
//!
//! A serializer looks at each byte of each text, names of members among them. Most texts of a log have nothing that JSON
//! escapes, which is seen many bytes at a time, and are copied as they are; the others are the serializer's all the same.

use serde::Serialize;

/// A line that is being written. It ends when it is dropped, so that none runs into the next.
pub(super) struct Line<'b> {
    buffer: &'b mut Vec<u8>,
    has_members: bool,
}

impl<'b> Line<'b> {
    pub(super) fn begin(buffer: &'b mut Vec<u8>) -> Self {
        buffer.push(b'{');
        Self { buffer, has_members: false }
    }

    /// Adds a text, if there is one.
    pub(super) fn text<'t>(&mut self, name: &'static str, value: impl Into<Option<&'t str>>) {
        let Some(value) = value.into() else { return };
        if !is_plain(value.as_bytes()) {
            return self.member(name, value);
        }
        self.name(name, value.len() + 2);
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(value.as_bytes());
        self.buffer.push(b'"');
    }

    /// Adds a whole number.
    pub(super) fn number(&mut self, name: &'static str, value: u64) {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(value).as_bytes();
        self.name(name, digits.len());
        self.buffer.extend_from_slice(digits);
    }

    /// Adds whatever else JSON has a form for.
    pub(super) fn member(&mut self, name: &'static str, value: impl Serialize) {
        self.name(name, 0);
        let begin = self.buffer.len();
        if serde_json::to_writer(&mut *self.buffer, &value).is_err() {
            self.buffer.truncate(begin);
            self.buffer.extend_from_slice(b"null");
        }
    }

    /// Names are the program's own and have nothing to escape. Makes room for so many bytes behind it.
    fn name(&mut self, name: &'static str, room: usize) {
        self.buffer.reserve(name.len() + room + 4);
        if self.has_members {
            self.buffer.push(b',');
        }
        self.buffer.push(b'"');
        self.buffer.extend_from_slice(name.as_bytes());
        self.buffer.extend_from_slice(b"\":");
        self.has_members = true;
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.buffer.extend_from_slice(b"}\n");
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
        line.text("first", "a");
        line.text("none", None);
        line.number("number", u64::MAX);
        line.member("list", ["b", "c"]);
        line.member("fails", std::collections::BTreeMap::from([((), 1)]));
        drop(line);
        drop(Line::begin(&mut buffer));
        assert_eq!(
            String::from_utf8(buffer).unwrap(),
            "{\"first\":\"a\",\"number\":18446744073709551615,\"list\":[\"b\",\"c\"],\"fails\":null}\n{}\n"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was(text in any::<String>(), other in "[ -~\u{0}-\u{1f}\u{7f}é]{0,40}") {
            for text in [text, other] {
                let mut buffer = Vec::new();
                Line::begin(&mut buffer).text("text", text.as_str());
                prop_assert_eq!(buffer.iter().position(|byte| *byte == b'\n'), Some(buffer.len() - 1));
                prop_assert_eq!(serde_json::from_slice::<Value>(&buffer).unwrap(), json!({ "text": text }));
            }
        }
    }
}
