//! Paths folded into templates, in bounded memory whatever is asked for.
//!
//! A segment that looks like an identifier counts as `{}` at once. Others get a branch each until there are too many
//! under one parent: then they were values too, and become one.

use std::collections::HashMap;

/// Branches under one parent before they count as values.
const MAX_BRANCHES: usize = 24;
/// Branches in all.
const MAX_NODES: usize = 4_096;
/// Deeper segments are folded into the last one.
const MAX_DEPTH: usize = 12;
/// Longer segments are no words.
const MAX_WORD: usize = 48;

/// What is counted at a template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts(pub(super) HashMap<(&'static str, u16), u64>);

/// A tree of segments.
#[derive(Debug, Default)]
pub(super) struct Fold {
    root: Node,
    nodes: usize,
}

#[derive(Debug, Default)]
struct Node {
    words: HashMap<Box<str>, Node>,
    value: Option<Box<Node>>,
    /// There were too many words: all are values.
    joined: bool,
    counts: Counts,
}

impl Fold {
    /// Counts an answer to a path.
    pub(super) fn count(&mut self, path: &str, method: &'static str, status: u16) {
        let Self { root, nodes } = self;
        let mut node = root;
        for segment in path.split('/').filter(|segment| !segment.is_empty()).take(MAX_DEPTH) {
            node = node.below(segment, nodes);
        }
        *node.counts.0.entry((method, status)).or_default() += 1;
    }

    /// Each template with what was counted there.
    pub(super) fn templates(&self) -> Vec<(String, &Counts)> {
        let mut found = Vec::new();
        self.root.gather("", &mut found);
        found
    }

    #[cfg(test)]
    fn size(&self) -> usize {
        self.root.size()
    }
}

impl Node {
    fn below(&mut self, segment: &str, nodes: &mut usize) -> &mut Node {
        let is_word = !self.joined && !looks_like_value(segment);
        if is_word && self.words.len() >= MAX_BRANCHES && !self.words.contains_key(segment) {
            self.join(nodes);
        }
        let has_room = *nodes < MAX_NODES;
        if is_word && !self.joined && (has_room || self.words.contains_key(segment)) {
            return self.words.entry(segment.into()).or_insert_with(|| {
                *nodes += 1;
                Node::default()
            });
        }
        if self.value.is_none() && !has_room {
            return self;
        }
        self.value.get_or_insert_with(|| {
            *nodes += 1;
            Box::default()
        })
    }

    /// Makes one of all branches.
    fn join(&mut self, nodes: &mut usize) {
        let mut value = self.value.take().unwrap_or_else(|| {
            *nodes += 1;
            Box::default()
        });
        for (_, node) in self.words.drain() {
            *nodes = nodes.saturating_sub(1);
            value.absorb(node, nodes);
        }
        self.joined = true;
        self.value = Some(value);
    }

    fn absorb(&mut self, other: Node, nodes: &mut usize) {
        for (key, count) in other.counts.0 {
            *self.counts.0.entry(key).or_default() += count;
        }
        self.joined |= other.joined;
        for (word, node) in other.words {
            match self.words.get_mut(&word) {
                Some(known) => {
                    *nodes = nodes.saturating_sub(1);
                    known.absorb(node, nodes);
                }
                None => drop(self.words.insert(word, node)),
            }
        }
        match (&mut self.value, other.value) {
            (Some(value), Some(other)) => {
                *nodes = nodes.saturating_sub(1);
                value.absorb(*other, nodes);
            }
            (value @ None, Some(other)) => *value = Some(other),
            (_, None) => {}
        }
        if self.words.len() > MAX_BRANCHES || (self.joined && !self.words.is_empty()) {
            self.join(nodes);
        }
    }

    fn gather<'n>(&'n self, path: &str, found: &mut Vec<(String, &'n Counts)>) {
        if !self.counts.0.is_empty() {
            found.push((if path.is_empty() { "/".to_owned() } else { path.to_owned() }, &self.counts));
        }
        for (word, node) in &self.words {
            node.gather(&format!("{path}/{word}"), found);
        }
        if let Some(value) = &self.value {
            value.gather(&format!("{path}/{{}}"), found);
        }
    }

    #[cfg(test)]
    fn size(&self) -> usize {
        1 + self.words.values().map(Node::size).sum::<usize>() + self.value.as_ref().map_or(0, |value| value.size())
    }
}

/// Numbers, UUIDs, hashes, dates, addresses, tokens.
fn looks_like_value(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let is_version = bytes.len() <= 3 && segment.starts_with(['v', 'V']) && digits + 1 == bytes.len();
    if is_version {
        return false;
    }
    let is_hex = bytes.len() >= 8 && bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
    let is_odd = bytes.iter().any(|b| !b.is_ascii_alphanumeric() && !b"-_.".contains(b));
    bytes.len() > MAX_WORD || is_odd || (digits > 0 && (digits * 2 >= bytes.len() || is_hex || bytes.len() >= 16))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn templates(fold: &Fold) -> Vec<String> {
        let mut names: Vec<String> = fold.templates().into_iter().map(|(name, _)| name).collect();
        names.sort();
        names
    }

    #[test]
    fn identifiers_become_parameters() {
        let mut fold = Fold::default();
        for path in [
            "/v1/orders/17",
            "/v1/orders/18/lines/3",
            "/v1/users/0b9d6a10-7a3e-4b57-9c55-0f1d3a7c9e11",
            "/v1/files/2024-01-31",
            "/v1/users/a@example.com",
            "/v2/orders/17",
            "/v1/orders/19",
        ] {
            fold.count(path, "GET", 200);
        }
        assert_eq!(
            templates(&fold),
            ["/v1/files/{}", "/v1/orders/{}", "/v1/orders/{}/lines/{}", "/v1/users/{}", "/v2/orders/{}"]
        );
        let orders =
            fold.templates().into_iter().find(|(name, _)| name == "/v1/orders/{}").map(|(_, counts)| counts.clone());
        assert_eq!(orders.and_then(|counts| counts.0.get(&("GET", 200)).copied()), Some(2));
    }

    #[test]
    fn too_many_words_were_values() {
        let mut fold = Fold::default();
        let letters = |n: u8| format!("name-{}{}", char::from(b'a' + n / 26), char::from(b'a' + n % 26));
        for n in 0..100 {
            fold.count(&format!("/people/{}/pets", letters(n)), "GET", 200);
            fold.count("/shop/open", "GET", 200);
        }
        assert_eq!(templates(&fold), ["/people/{}/pets", "/shop/open"]);
        let all: u64 = fold.templates().iter().flat_map(|(_, counts)| counts.0.values()).sum();
        assert_eq!(all, 200);
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_nothing_is_lost(seed in any::<u64>(), depth in 1usize..6) {
            let mut fold = Fold::default();
            let mut state = seed | 1;
            for _ in 0..20_000 {
                let mut path = String::new();
                for _ in 0..depth {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let letter = |shift: u32| char::from(b'a' + u8::try_from((state >> shift) % 26).unwrap_or_default());
                    path.extend(['/', letter(20), letter(30), letter(40)]);
                }
                fold.count(&path, "GET", 200);
            }
            prop_assert!(fold.size() <= MAX_NODES + MAX_DEPTH + 1, "{}", fold.size());
            let all: u64 = fold.templates().iter().flat_map(|(_, counts)| counts.0.values()).sum();
            prop_assert_eq!(all, 20_000);
        }
    }
}
