//! From a path or a text to a configuration.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    Config,
    codes::diagnostics,
    decode::{self, Context},
    report::{Finding, Report, Span},
    yaml,
};

/// Reads the file and every file it names; relative paths start at its folder.
///
/// # Errors
/// All mistakes found, at least one.
pub fn load(path: &Path) -> Result<Config, Report> {
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    match std::fs::read_to_string(path) {
        Ok(text) => load_str(&text, path, base),
        Err(error) => {
            let finding = Finding {
                code: &diagnostics::UNREADABLE,
                span: Span::default(),
                message: format!("`{}` cannot be read: {error}", path.display()),
                help: "Name the file with `-c FILE`, and let this user read it.".into(),
            };
            Err(Report::new(path, "", vec![finding]))
        }
    }
}

/// Like [`load`], for a text: `path` is only shown, `base_dir` is where relative paths start.
///
/// # Errors
/// All mistakes found, at least one.
pub fn load_str(text: &str, path: &Path, base_dir: &Path) -> Result<Config, Report> {
    // A clock before 1970 makes every certificate "not valid yet", which is refused.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    load_str_at(text, path, base_dir, now)
}

/// Like [`load_str`], with the time in unix seconds at which certificates must be valid.
///
/// # Errors
/// All mistakes found, at least one.
pub fn load_str_at(text: &str, path: &Path, base_dir: &Path, now: u64) -> Result<Config, Report> {
    let mut findings = Vec::new();
    let tree = yaml::parse(text, &mut findings);
    let cx = Context::new(base_dir, now, findings);
    let config = tree.and_then(|tree| decode::file(&cx, &tree));
    let mut findings = cx.into_findings();
    match config {
        Some(config) if findings.is_empty() => Ok(config),
        _ => {
            if findings.is_empty() {
                // A decoder gave nothing without saying why. Refuse the file rather than run half of it.
                findings.push(Finding {
                    code: &diagnostics::UNREADABLE,
                    span: Span::default(),
                    message: "the configuration could not be understood".into(),
                    help: "This is a fault of Portcullis; please report it with the file.".into(),
                });
            }
            Err(Report::new(path, text, findings))
        }
    }
}
