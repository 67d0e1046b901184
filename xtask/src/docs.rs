//! Pages that are written from the code, so that they cannot say anything else.

use std::{fmt::Write, fs, path::Path};

use config::codes::{self, Entry};

const CODES: &str = "docs/codes.md";

/// Writes the pages.
pub(crate) fn write() -> Result<(), String> {
    fs::write(CODES, codes_page()).map_err(|error| format!("{CODES}: {error}"))
}

/// Refuses pages that are not what the code says.
pub(crate) fn check() -> Result<(), String> {
    let present = fs::read_to_string(CODES).map_err(|error| format!("{CODES}: {error}"))?;
    let is_current = present == codes_page();
    if is_current {
        Ok(())
    } else {
        Err(format!("{} is out of date; run `cargo xtask docs`", Path::new(CODES).display()))
    }
}

fn codes_page() -> String {
    let mut page = String::from(
        "# Codes\n\n\
         Every refusal carries a code in its problem+json (RFC 9457), every finding of `portcullis check` shows one. \
         `portcullis explain PC-0101` prints the same text.\n",
    );
    let (answers, findings): (Vec<&Entry>, Vec<&Entry>) = codes::all().partition(|entry| entry.status.is_some());
    let (warnings, findings): (Vec<&Entry>, Vec<&Entry>) =
        findings.into_iter().partition(|entry| codes::warnings::ALL.contains(entry));
    section(&mut page, "Answers to callers", &answers);
    section(&mut page, "Findings in configurations", &findings);
    section(&mut page, "Warnings about configurations", &warnings);
    page
}

fn section(page: &mut String, title: &str, entries: &[&Entry]) {
    page.push_str("\n## ");
    page.push_str(title);
    page.push('\n');
    for entry in entries {
        let status = entry.status.map_or_else(String::new, |status| format!(" (status {status})"));
        // Writing to a string cannot fail.
        let _ = write!(page, "\n### {}: {}{status}\n", entry.id, entry.title);
        for (whom, sentence) in [("caller", entry.caller), ("operator", entry.operator)] {
            if !sentence.is_empty() {
                let _ = write!(page, "\nFor the {whom}: {sentence}\n");
            }
        }
    }
}
