//! Path templates of a document, and the tree in which a request's path finds its own.

use std::collections::HashMap;

/// A path template: literal segments, and parameters that fill a segment each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As it stands in the configuration of routes: `/orders/{id}`.
    pub text: String,
    /// Its segments.
    pub segments: Vec<Segment>,
}

/// A segment of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// These bytes, in the canonical form of URIs.
    Literal(String),
    /// Any one segment that is not empty.
    Parameter(String),
}

impl Template {
    /// The template, or what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix('/') else { return Err(format!("`{text}` does not start with `/`")) };
        let parts = path.split('/').filter(|_| !path.is_empty());
        let segments = parts.map(segment).collect::<Result<Vec<_>, _>>()?;
        let names: Vec<_> = segments.iter().filter_map(Segment::parameter).collect();
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|n| n == *name)) {
            return Err(format!("the parameter `{}` is there twice", twice.1));
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    /// Names of its parameters, left to right.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(Segment::parameter)
    }
}

impl Segment {
    fn parameter(&self) -> Option<&str> {
        match self {
            Self::Parameter(name) => Some(name),
            Self::Literal(_) => None,
        }
    }
}

fn segment(part: &str) -> Result<Segment, String> {
    if let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        if name.is_empty() || name.contains(['{', '}']) {
            return Err(format!("`{part}` is not one parameter"));
        }
        return Ok(Segment::Parameter(name.to_owned()));
    }
    match part {
        "" => Err("there is an empty segment: `//`, or a `/` at the end".into()),
        "." | ".." => Err(format!("the segment `{part}` never reaches an operation")),
        _ if part.contains(['{', '}']) => Err(format!("in `{part}` a parameter does not fill the whole segment")),
        // What the canonical form of a path leaves alone (RFC 3986 §3.3, without escapes).
        _ if part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&b)) => {
            Ok(Segment::Literal(part.to_owned()))
        }
        _ => Err(format!("`{part}` holds characters that a path has only in escaped form")),
    }
}

/// Templates, a level a segment. A literal comes before a parameter.
#[derive(Debug)]
pub(crate) struct Tree<T> {
    literals: HashMap<String, Tree<T>>,
    parameter: Option<Box<Tree<T>>>,
    here: Option<T>,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self { literals: HashMap::new(), parameter: None, here: None }
    }
}

impl<T> Tree<T> {
    /// What stands at a template.
    pub(crate) fn at(&mut self, segments: &[Segment]) -> &mut Option<T> {
        match segments.split_first() {
            None => &mut self.here,
            Some((Segment::Literal(text), below)) => self.literals.entry(text.clone()).or_default().at(below),
            Some((Segment::Parameter(_), below)) => self.parameter.get_or_insert_default().at(below),
        }
    }

    /// What stands at the most specific template of a path, and the segments that its parameters take.
    pub(crate) fn find<'p>(&self, path: &'p str) -> Option<(&T, Vec<&'p str>)> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let mut values = Vec::new();
        let found = self.descend(Some(path).filter(|path| !path.is_empty()), &mut values)?;
        Some((found, values))
    }

    fn descend<'p>(&self, remaining: Option<&'p str>, values: &mut Vec<&'p str>) -> Option<&T> {
        let Some(remaining) = remaining else { return self.here.as_ref() };
        let (segment, below) = match remaining.split_once('/') {
            Some((segment, below)) => (segment, Some(below)),
            None => (remaining, None),
        };
        if let Some(found) = self.literals.get(segment).and_then(|tree| tree.descend(below, values)) {
            return Some(found);
        }
        let tree = self.parameter.as_ref().filter(|_| !segment.is_empty())?;
        values.push(segment);
        let found = tree.descend(below, values);
        if found.is_none() {
            values.pop();
        }
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_comes_before_a_parameter_and_both_are_tried() {
        let mut tree = Tree::default();
        for text in ["/a/{x}", "/a/b/c", "/{y}/b/{z}", "/"] {
            *tree.at(&Template::parse(text).unwrap().segments) = Some(text);
        }
        assert_eq!(tree.find("/a/b/c"), Some((&"/a/b/c", vec![])));
        assert_eq!(tree.find("/a/b"), Some((&"/a/{x}", vec!["b"])));
        assert_eq!(tree.find("/a/b/d"), Some((&"/{y}/b/{z}", vec!["a", "d"])));
        assert_eq!(tree.find("/"), Some((&"/", vec![])));
        assert_eq!(tree.find("/a/b/"), None);
        assert_eq!(tree.find("/a"), None);
    }

    #[test]
    fn templates_that_no_path_could_have_are_refused() {
        for text in ["a", "/a//b", "/a/", "/{a}/{a}", "/{a}.{b}", "/ä", "/a/../b", "/{}"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
