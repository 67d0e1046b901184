//! The matrix as text, CSV and HTML.

use std::fmt::{self, Write};

use super::{Cell, Matrix, Outcome, Term};

/// Columns of `allow`.
const LONGEST_OUTCOME: usize = 5;

impl fmt::Display for Matrix {
    /// Operations down, subjects across, then what the conditional cells depend on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subjects: Vec<String> = self.subjects.iter().map(ToString::to_string).collect();
        let first = self.actions.iter().map(|action| width(action)).max().unwrap_or(0);
        let padded = |text: &str, wide: usize| format!("{text}{:1$}", "", wide.saturating_sub(width(text)));
        let heading: Vec<String> = subjects.iter().map(|subject| padded(subject, LONGEST_OUTCOME)).collect();
        writeln!(f, "{}", [padded("", first), heading.join("  ")].join("  ").trim_end())?;
        for (at, action) in self.actions.iter().enumerate() {
            let outcomes = self.cells.iter().map(|row| row.get(at).map_or(Outcome::Deny, |cell| cell.outcome));
            let cells = outcomes.zip(&heading).map(|(outcome, subject)| padded(&outcome.to_string(), width(subject)));
            let line: Vec<String> = std::iter::once(padded(action, first)).chain(cells).collect();
            writeln!(f, "{}", line.join("  ").trim_end())?;
        }
        for (subject, action, cell) in self.all().filter(|(_, _, cell)| cell.outcome == Outcome::Conditional) {
            writeln!(f, "\n{subject}, {action}:")?;
            for term in &cell.terms {
                writeln!(f, "  {}", words(term))?;
            }
        }
        Ok(())
    }
}

impl Matrix {
    /// One line a cell: `subject,action,outcome,policies`, with a heading; RFC 4180.
    pub fn csv(&self) -> String {
        let mut out = String::from("subject,action,outcome,policies\r\n");
        for (subject, action, cell) in self.all() {
            let terms: Vec<String> = cell.terms.iter().map(words).collect();
            let fields = [subject, action.to_owned(), cell.outcome.to_string(), terms.join("; ")];
            let _ = write!(out, "{}\r\n", fields.map(|field| csv_field(&field)).join(","));
        }
        out
    }

    /// A page of its own, without script. The policies of a cell show as its title.
    pub fn html(&self) -> String {
        let mut out = String::from(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Who may call what</title>\n<style>\n\
             body { font: 1rem/1.4 sans-serif }\ntable { border-collapse: collapse }\n\
             th, td { border: 1px solid #888; padding: 0.2em 0.6em; text-align: left }\n\
             .allow { background: #cfe8cf }\n.if { background: #fbeec2 }\n.deny { background: #eee }\n</style>\n\
             <table>\n<thead><tr><th scope=\"col\">Operation</th>",
        );
        for subject in &self.subjects {
            let _ = write!(out, "<th scope=\"col\">{}</th>", escape(&subject.to_string()));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for (at, action) in self.actions.iter().enumerate() {
            let _ = write!(out, "<tr><th scope=\"row\">{}</th>", escape(action));
            for cell in self.cells.iter().filter_map(|row| row.get(at)) {
                let terms: Vec<String> = cell.terms.iter().map(words).collect();
                let outcome = cell.outcome;
                let _ = write!(out, "<td class=\"{outcome}\" title=\"{}\">{outcome}</td>", escape(&terms.join("\n")));
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>\n</table>\n</html>\n");
        out
    }

    fn all(&self) -> impl Iterator<Item = (String, &str, &Cell)> {
        let rows = self.subjects.iter().zip(&self.cells);
        rows.flat_map(|(subject, row)| {
            self.actions.iter().zip(row).map(move |(action, cell)| (subject.to_string(), action.as_str(), cell))
        })
    }
}

/// `permit role:reader#1 if CONDITION`.
pub(super) fn words(term: &Term) -> String {
    let effect = if term.rule.permits { "permit" } else { "forbid" };
    let mut out = format!("{effect} {}", term.rule.id);
    if let Some(condition) = &term.condition {
        let _ = write!(out, " if {condition}");
    }
    if term.may_fail {
        out.push_str(" (may fail, and then denies)");
    }
    out
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Quoted where commas, quotes or line ends would split it. A first character that a spreadsheet would take for a formula
/// gets an apostrophe before it.
fn csv_field(text: &str) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
