//! YAML text as a tree in which every value knows its place. The only module that knows the YAML parser.
//!
//! Duplicate keys are findings, aliases are copied under one bound for the whole file, nesting is bounded, tags are
//! refused, and `<<` is a key like any other (and so an unknown one).

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Parser, ScalarStyle};

use crate::{
    codes::diagnostics,
    report::{Finding, Span},
};

/// How much is read of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Values, with those that aliases stand for.
    pub(crate) nodes: usize,
    /// Levels.
    pub(crate) depth: usize,
}

/// What a configuration needs, and far more.
const CONFIGURATION: Bounds = Bounds { nodes: 100_000, depth: 32 };

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    /// A scalar; `plain` if it stands without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) span: Span,
    pub(crate) text: String,
}

impl Node {
    /// The value of a key; nothing if this is no mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(k, _)| k.text == key).map(|(_, value)| value)
    }

    pub(crate) fn entries(&self) -> &[(Key, Node)] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// The items of a list; a single value counts as a list of one.
    pub(crate) fn items(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { std::slice::from_ref(self) }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Scalar { text, .. } = &self.value { Some(text) } else { None }
    }
}

/// Reads one document. `None` when no tree can be had; the findings then say why.
pub(crate) fn parse(text: &str, findings: &mut Vec<Finding>) -> Option<Node> {
    parse_within(text, CONFIGURATION, findings)
}

/// Like [`parse`], within other bounds.
pub(crate) fn parse_within(text: &str, bounds: Bounds, findings: &mut Vec<Finding>) -> Option<Node> {
    let parser = Parser::new_from_str(text);
    let mut reader = Reader { parser, bounds, anchors: HashMap::new(), nodes: 0, findings, text };
    match reader.document() {
        Ok(node) => Some(node),
        Err(finding) => {
            findings.push(finding);
            None
        }
    }
}

struct Reader<'t, 'f> {
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    bounds: Bounds,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    findings: &'f mut Vec<Finding>,
    text: &'t str,
}

impl<'t> Reader<'t, '_> {
    fn document(&mut self) -> Result<Node, Finding> {
        loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd | Event::DocumentEnd, span) => {
                    return Err(not_yaml(span, "the file is empty", "Start with `listeners:` and `apis:`."));
                }
                (event, span) => {
                    let node = self.node(event, span, 0)?;
                    return self.end().map(|()| node);
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Finding> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(..), span) => {
                    return Err(not_yaml(span, "the file holds a second document", "Keep one document in a file."));
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Finding> {
        let end = Span { start: self.text.len(), length: 0 };
        loop {
            match self.parser.next_event() {
                None => return Err(not_yaml(end, "the file ends too early", "Close what is open.")),
                Some(Ok((Event::Comment(..) | Event::Anchor(..), _))) => {}
                Some(Ok((event, span))) => {
                    let span = span.byte_range().map_or(end, |r| Span { start: r.start, length: r.len() });
                    return Ok((event, span));
                }
                Some(Err(error)) => return Err(self.scan_error(&error)),
            }
        }
    }

    fn scan_error(&self, error: &granit_parser::ScanError) -> Finding {
        let start = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
        if let Some(tab) = tab_in_indentation(self.text) {
            return Finding {
                file: None,
                code: &diagnostics::TAB,
                span: tab,
                message: "a line is indented with a tab".into(),
                help: "Replace the tab with spaces.".into(),
            };
        }
        let message = format!("this is not YAML: {}", error.info());
        not_yaml(Span { start, length: 0 }, &message, "Check indentation, quotes and brackets here and a line above.")
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Finding> {
        self.nodes += 1;
        if self.nodes > self.bounds.nodes || depth > self.bounds.depth {
            return Err(too_large(span, self.bounds));
        }
        if event.tag().is_some() {
            return Err(not_yaml(span, "tags are not used here", "Remove the `!` tag."));
        }
        let anchor = event.anchor_id();
        let node = match event {
            Event::Scalar(text, style, ..) => scalar(text.into_owned(), style, span),
            Event::SequenceStart(..) => self.list(span, depth)?,
            Event::MappingStart(..) => self.map(span, depth)?,
            Event::Alias(id) => self.alias(id, span, depth)?,
            _ => return Err(not_yaml(span, "this is not a value", "Write a value here.")),
        };
        if let Some(id) = anchor.filter(|id| *id != 0) {
            self.anchors.insert(id, node.clone());
        }
        Ok(node)
    }

    fn list(&mut self, span: Span, depth: usize) -> Result<Node, Finding> {
        let mut items: Vec<Node> = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => break,
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
        let span = items.first().map_or(span, |item| item.span);
        Ok(Node { span, value: Value::List(items) })
    }

    fn map(&mut self, span: Span, depth: usize) -> Result<Node, Finding> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut known: HashSet<String> = HashSet::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => break,
                (Event::Scalar(text, ..), span) => Key { span, text: text.into_owned() },
                (_, span) => return Err(not_yaml(span, "a key is not a plain word", "Use words as keys.")),
            };
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            if known.insert(key.text.clone()) {
                entries.push((key, value));
            } else {
                self.findings.push(Finding {
                    file: None,
                    code: &diagnostics::DUPLICATE_KEY,
                    span: key.span,
                    message: format!("`{}` is given twice in one mapping", key.text),
                    help: "Keep one of the two.".into(),
                });
            }
        }
        let span = entries.first().map_or(span, |(key, _)| key.span);
        Ok(Node { span, value: Value::Map(entries) })
    }

    fn alias(&mut self, id: usize, span: Span, depth: usize) -> Result<Node, Finding> {
        let Some(target) = self.anchors.get(&id) else {
            return Err(not_yaml(span, "the alias refers to itself or to nothing", "Write the value out."));
        };
        self.nodes = self.nodes.saturating_add(size(target));
        if self.nodes > self.bounds.nodes || depth + height(target) > self.bounds.depth {
            return Err(too_large(span, self.bounds));
        }
        let mut copy = target.clone();
        copy.span = span;
        Ok(copy)
    }
}

fn scalar(text: String, style: ScalarStyle, span: Span) -> Node {
    let plain = style == ScalarStyle::Plain;
    let null = plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
    Node { span, value: if null { Value::Null } else { Value::Scalar { text, plain } } }
}

fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Null | Value::Scalar { .. } => 0,
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(entries) => entries.iter().map(|(_, value)| size(value)).sum(),
    }
}

fn height(node: &Node) -> usize {
    match &node.value {
        Value::Null | Value::Scalar { .. } => 0,
        Value::List(items) => 1 + items.iter().map(height).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|(_, value)| height(value)).max().unwrap_or(0),
    }
}

fn tab_in_indentation(text: &str) -> Option<Span> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(at) = line.get(..indent).and_then(|blank| blank.find('\t')) {
            return Some(Span { start: start + at, length: 1 });
        }
        start += line.len();
    }
    None
}

fn not_yaml(span: Span, message: &str, help: &str) -> Finding {
    Finding { code: &diagnostics::NOT_YAML, file: None, span, message: message.into(), help: help.into() }
}

fn too_large(span: Span, bounds: Bounds) -> Finding {
    Finding {
        file: None,
        code: &diagnostics::TOO_LARGE,
        span,
        message: format!("the file expands past {} values or {} levels", bounds.nodes, bounds.depth),
        help: "Write values out instead of nesting aliases.".into(),
    }
}
