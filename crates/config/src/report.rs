//! All the mistakes of one run, for people and for machines.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, Severity, SourceCode};

use policy::Source;

use crate::codes::{self, diagnostics};

/// A place in the file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Number of bytes.
    pub length: usize,
}

/// One mistake.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What kind of mistake it is.
    pub code: &'static codes::Entry,
    /// The file it is in, where that is not the configuration itself.
    pub file: Option<Arc<Source>>,
    /// Where it is.
    pub span: Span,
    /// The cause. Holds no secret.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// All mistakes of a configuration, or all that it is warned of, in the order of the file. Never empty.
#[derive(Debug)]
pub struct Report {
    severity: Severity,
    path: PathBuf,
    source: String,
    findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn new(path: &Path, source: &str, mut findings: Vec<Finding>) -> Self {
        findings.sort_by(|a, b| (&a.file, a.span, a.code.id).cmp(&(&b.file, b.span, b.code.id)));
        findings
            .dedup_by(|a, b| a.file == b.file && a.span == b.span && a.code.id == b.code.id && a.message == b.message);
        let source = hide_secrets(source, &findings);
        Self { severity: Severity::Error, path: path.to_owned(), source, findings }
    }

    /// Findings that do not keep the file from being used; none is no report.
    pub(crate) fn warnings(path: &Path, source: &str, findings: Vec<Finding>) -> Option<Self> {
        let some = Some(findings).filter(|findings| !findings.is_empty())?;
        Some(Self { severity: Severity::Warning, ..Self::new(path, source, some) })
    }

    /// The mistakes, in the order of the file; then those of the files it names.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Every mistake with file, line, column, the line itself, cause and fix; `width` in columns.
    pub fn render(&self, color: bool, width: usize) -> String {
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler =
            GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(1);
        let own = NamedSource::new(self.path.display().to_string(), self.source.clone());
        let mut out = String::new();
        for finding in &self.findings {
            let other = finding.file.as_ref().map(|file| NamedSource::new(&file.name, file.text.clone()));
            let source = other.as_ref().unwrap_or(&own);
            if handler.render_report(&mut out, &Shown { finding, source, severity: self.severity }).is_err() {
                // Formatting into a `String` does not fail; were it to, the cause must still be seen.
                out.push_str(&finding.message);
            }
            out.push('\n');
        }
        out
    }

    /// `{"findings": [{"code", "title", "file", "line", "column", "message", "help"}]}`; line and column from 1.
    pub fn to_json(&self) -> serde_json::Value {
        let findings: Vec<_> = self.findings.iter().map(|f| self.finding_json(f)).collect();
        serde_json::json!({ "findings": findings })
    }

    fn finding_json(&self, finding: &Finding) -> serde_json::Value {
        let (name, source) = match &finding.file {
            Some(file) => (file.name.clone(), file.text.as_str()),
            None => (self.path.display().to_string(), self.source.as_str()),
        };
        let before = source.get(..finding.span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        serde_json::json!({
            "code": finding.code.id,
            "title": finding.code.title,
            "file": name,
            "line": before.matches('\n').count() + 1,
            "column": before.get(line_start..).unwrap_or_default().chars().count() + 1,
            "message": finding.message,
            "help": finding.help,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false, 100))
    }
}

impl std::error::Error for Report {}

/// A literal secret must not travel from the file into logs and terminals, so its bytes are blotted out.
fn hide_secrets(source: &str, findings: &[Finding]) -> String {
    let mut bytes = source.as_bytes().to_vec();
    for finding in findings.iter().filter(|f| f.code.id == diagnostics::LITERAL_SECRET.id) {
        let end = finding.span.start.saturating_add(finding.span.length).min(bytes.len());
        for byte in bytes.get_mut(finding.span.start..end).into_iter().flatten() {
            if *byte != b'\n' {
                *byte = b'*';
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Shown<'a> {
    finding: &'a Finding,
    source: &'a NamedSource<String>,
    severity: Severity,
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
    fn code(&self) -> Option<Box<dyn fmt::Display + '_>> {
        Some(Box::new(self.finding.code.id))
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help(&self) -> Option<Box<dyn fmt::Display + '_>> {
        if self.finding.help.is_empty() { None } else { Some(Box::new(&self.finding.help)) }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Span { start, length } = self.finding.span;
        let label = self.finding.code.title.to_lowercase();
        Some(Box::new(std::iter::once(LabeledSpan::new(Some(label), start, length))))
    }
}
