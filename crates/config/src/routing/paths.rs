//! One path of each class of paths that a set of templates can tell apart.
//!
//! Which route decides depends only on which templates have the path. So the templates are walked side by side, a
//! segment at a time, and each set of positions that the walk reaches is one class: a literal that occurs at that place
//! in any template still in the race, a word that occurs nowhere, or nothing after a slash. As with an automaton made
//! deterministic, no path behaves differently from all of these.

use std::collections::{BTreeSet, HashSet, VecDeque};

use crate::{PathTemplate, Segment};

/// A canonical path, as segments; an empty last one stands for a slash at the end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path {
    segments: Vec<String>,
    /// Positions of words that are a literal of no template.
    fresh: BTreeSet<usize>,
}

impl Path {
    fn with(&self, segment: &str, fresh: bool) -> Self {
        let mut longer = self.clone();
        if fresh {
            longer.fresh.insert(longer.segments.len());
        }
        longer.segments.push(segment.to_owned());
        longer
    }

    /// A path of these segments.
    #[cfg(test)]
    pub(crate) fn of(segments: &[&str]) -> Self {
        Self { segments: segments.iter().map(|&segment| segment.to_owned()).collect(), fresh: BTreeSet::new() }
    }

    /// Its segments.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Whether it shows no more than a template says by itself: the template's literals, and fresh words elsewhere.
    pub fn is_plain(&self, template: &PathTemplate) -> bool {
        self.segments.iter().enumerate().all(|(at, segment)| match template.segments.get(at) {
            Some(Segment::Literal(text)) => text == segment,
            Some(Segment::Parameter(_) | Segment::Rest(_)) | None => self.fresh.contains(&at),
        })
    }

    /// As a request has it.
    pub fn text(&self) -> String {
        format!("/{}", self.segments.join("/"))
    }
}

/// A template still in the race, and how many of its segments are used up.
type Position = (usize, usize);

/// One path of each class; the shortest come first.
pub fn classes(templates: &[&PathTemplate]) -> Vec<Path> {
    let walk = Walk { templates, fresh: fresh_word(templates) };
    let start: Vec<Position> = (0..templates.len()).map(|at| (at, 0)).collect();
    let mut seen = HashSet::from([start.clone()]);
    let mut found = vec![Path::default()];
    let mut ahead = VecDeque::from([(Path::default(), start)]);
    while let Some((path, positions)) = ahead.pop_front() {
        for segment in walk.segments(&path, &positions) {
            let reached = walk.step(&positions, &segment);
            if !reached.is_empty() && seen.insert(reached.clone()) {
                let path = path.with(&segment, segment == walk.fresh);
                found.push(path.clone());
                // Nothing follows a slash at the end: canonical paths have no empty segments within.
                if !segment.is_empty() {
                    ahead.push_back((path, reached));
                }
            }
        }
    }
    found
}

struct Walk<'t> {
    templates: &'t [&'t PathTemplate],
    fresh: String,
}

impl<'t> Walk<'t> {
    /// Segments worth trying after a path: the fresh word, every literal at this place, and a slash at the end.
    fn segments(&self, path: &Path, positions: &[Position]) -> Vec<String> {
        let literals: BTreeSet<&str> = positions
            .iter()
            .filter_map(|position| match self.next(*position)? {
                Segment::Literal(text) => Some(text.as_str()),
                Segment::Parameter(_) | Segment::Rest(_) => None,
            })
            .collect();
        let slash = (!path.segments.is_empty()).then_some("");
        [self.fresh.as_str()].into_iter().chain(literals).chain(slash).map(str::to_owned).collect()
    }

    /// Templates that still can have the path after one more segment.
    fn step(&self, positions: &[Position], segment: &str) -> Vec<Position> {
        let goes_on = |&(template, used): &Position| match self.next((template, used))? {
            Segment::Literal(text) => (text == segment).then_some((template, used + 1)),
            Segment::Parameter(_) => (!segment.is_empty()).then_some((template, used + 1)),
            Segment::Rest(_) => Some((template, used)),
        };
        positions.iter().filter_map(goes_on).collect()
    }

    fn next(&self, (template, used): Position) -> Option<&'t Segment> {
        self.templates.get(template)?.segments.get(used)
    }
}

/// A word that is a literal in none of the templates.
fn fresh_word(templates: &[&PathTemplate]) -> String {
    let is_literal = |word: &str| {
        templates.iter().flat_map(|t| &t.segments).any(|segment| matches!(segment, Segment::Literal(l) if l == word))
    };
    let words = std::iter::once("any".to_owned()).chain((1_u64..).map(|number| format!("any{number}")));
    // The iterator has no end, and the templates do.
    words.into_iter().find(|word| !is_literal(word)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn texts(templates: &[&str]) -> Vec<String> {
        let parsed: Vec<_> = templates.iter().map(|text| template(text)).collect();
        classes(&parsed.iter().collect::<Vec<_>>()).iter().map(Path::text).collect()
    }

    fn template(text: &str) -> PathTemplate {
        let segments = text.split('/').skip(1).filter(|part| !part.is_empty()).map(|part| {
            let name = || part.trim_matches(['{', '}', '*']).to_owned();
            match part {
                _ if part.ends_with("*}") => Segment::Rest(name()),
                _ if part.starts_with('{') => Segment::Parameter(name()),
                _ => Segment::Literal(part.to_owned()),
            }
        });
        PathTemplate { text: text.to_owned(), segments: segments.collect() }
    }

    #[test]
    fn a_parameter_is_filled_with_a_fresh_word_and_with_every_literal_at_its_place() {
        assert_eq!(texts(&["/o/{id}", "/o/new", "/o/any"]), ["/", "/o", "/o/any1", "/o/any", "/o/new"]);
    }

    #[test]
    fn a_literal_deep_under_a_parameter_is_found() {
        assert!(texts(&["/{a}/x/{b}", "/o/{c}/y"]).contains(&"/o/x/y".to_owned()));
    }

    #[test]
    fn the_rest_is_nothing_a_slash_or_more() {
        let found = texts(&["/f/{rest*}", "/f/{id}"]);
        assert_eq!(found, ["/", "/f", "/f/any", "/f/"]);
    }
}
