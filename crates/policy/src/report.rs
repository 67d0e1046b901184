//! All the problems of one run, each with its place, cause and fix.

use std::{fmt, sync::Arc};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};

/// A text that people wrote, and where it is from.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The name to show, usually a path relative to the configuration.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A text called `name`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }
}

/// A part of a [`Source`], in bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The text.
    pub source: Arc<Source>,
    /// Offset of the first byte.
    pub start: usize,
    /// Number of bytes.
    pub length: usize,
}

impl Place {
    /// Line and column in characters, both from 1.
    pub fn line_and_column(&self) -> (usize, usize) {
        let before = self.source.text.get(..self.start).unwrap_or(&self.source.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (before.matches('\n').count() + 1, column)
    }

    /// The first place of `text` in this one; the whole if it is not there.
    pub(crate) fn find(&self, text: &str) -> Self {
        let own = self.source.text.get(self.start..self.start.saturating_add(self.length)).unwrap_or_default();
        let Some(at) = own.find(text) else { return self.clone() };
        Self { source: Arc::clone(&self.source), start: self.start + at, length: text.len() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.source.name, self.line_and_column().0)
    }
}

/// A value and, where it was written by people, its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands; nothing for values that come from no file.
    pub place: Option<Place>,
}

impl<T> From<T> for Located<T> {
    fn from(value: T) -> Self {
        Self { value, place: None }
    }
}

impl From<&str> for Located<String> {
    fn from(value: &str) -> Self {
        Self::from(value.to_owned())
    }
}

/// Kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Problem {
    /// The description of the APIs cannot be put into a schema.
    Model,
    /// A file of roles or cases is not what it should be.
    Yaml,
    /// Two things have the same name.
    Duplicate,
    /// A role that is nowhere declared.
    UnknownRole,
    /// A group that is nowhere declared.
    UnknownGroup,
    /// A permission for something that no API has.
    UnknownOperation,
    /// Roles inherit from each other in a circle.
    Circle,
    /// A permission is bound to a tenant or an owner that the operation does not have.
    NothingToMatch,
    /// Text that is not Cedar.
    Syntax,
    /// A policy that breaks the schema.
    Schema,
    /// A link that does not fit its template.
    Link,
    /// A policy that can never apply. A warning.
    NeverApplies,
    /// Text that looks like something else. A warning.
    Misleading,
}

impl Problem {
    /// A few words for the heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Model => "API description without a schema",
            Self::Yaml => "Not the expected YAML",
            Self::Duplicate => "Name given twice",
            Self::UnknownRole => "Unknown role",
            Self::UnknownGroup => "Unknown group",
            Self::UnknownOperation => "Unknown operation",
            Self::Circle => "Roles inherit in a circle",
            Self::NothingToMatch => "No tenant or owner to match",
            Self::Syntax => "Not Cedar",
            Self::Schema => "Policy breaks the schema",
            Self::Link => "Link does not fit",
            Self::NeverApplies => "Policy never applies",
            Self::Misleading => "Misleading text",
        }
    }

    /// Whether nothing is loaded because of it.
    pub fn is_error(self) -> bool {
        match self {
            Self::NeverApplies | Self::Misleading => false,
            Self::Model
            | Self::Yaml
            | Self::Duplicate
            | Self::UnknownRole
            | Self::UnknownGroup
            | Self::UnknownOperation
            | Self::Circle
            | Self::NothingToMatch
            | Self::Syntax
            | Self::Schema
            | Self::Link => true,
        }
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Where it is; nothing for what comes from no file.
    pub place: Option<Place>,
    /// What kind of problem it is.
    pub problem: Problem,
    /// The cause.
    pub message: String,
    /// What to do about it; empty where only the writer can know.
    pub help: String,
}

/// All problems of a run, by file and place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort();
        findings.dedup();
        Self { findings }
    }

    /// The problems.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Every problem with file, line, column, the line itself, cause and fix; `width` in columns.
    pub fn render(&self, color: bool, width: usize) -> String {
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler =
            GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(1);
        let mut out = String::new();
        for finding in &self.findings {
            if handler.render_report(&mut out, &Shown::new(finding)).is_err() {
                // Formatting into a `String` does not fail; were it to, the cause must still be seen.
                out.push_str(&finding.message);
            }
            out.push('\n');
        }
        out
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false, 100))
    }
}

impl std::error::Error for Report {}

/// Collects problems while a run goes on.
#[derive(Default)]
pub(crate) struct Findings(pub(crate) Vec<Finding>);

impl Findings {
    pub(crate) fn add(&mut self, problem: Problem, place: Option<&Place>, message: String, help: impl Into<String>) {
        self.0.push(Finding { place: place.cloned(), problem, message, help: help.into() });
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.0.iter().any(|finding| finding.problem.is_error())
    }
}

struct Shown<'a> {
    finding: &'a Finding,
    source: Option<NamedSource<String>>,
}

impl<'a> Shown<'a> {
    fn new(finding: &'a Finding) -> Self {
        let source =
            finding.place.as_ref().map(|place| NamedSource::new(&place.source.name, place.source.text.clone()));
        Self { finding, source }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.finding.fmt(f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(if self.finding.problem.is_error() { Severity::Error } else { Severity::Warning })
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        if self.finding.help.is_empty() { None } else { Some(Box::new(&self.finding.help)) }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let place = self.finding.place.as_ref()?;
        let label = self.finding.problem.title().to_lowercase();
        Some(Box::new(std::iter::once(LabeledSpan::new(Some(label), place.start, place.length))))
    }
}
