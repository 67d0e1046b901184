//! From a path or a text to a configuration.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use policy::Source;

use crate::{
    Config,
    codes::diagnostics,
    decode::{self, Context},
    report::{Finding, Report, Span},
    yaml,
};

/// Largest file that is read, in bytes. Bundles of all authorities in the world have less than one MiB.
const LARGEST: u64 = 8 << 20;

/// Reads the file and every file it names; relative paths start at its folder.
///
/// # Errors
/// All mistakes found, at least one.
pub fn load(path: &Path) -> Result<Config, Report> {
    load_with(path, Cases::Run)
}

/// What becomes of the test cases of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cases {
    /// A case that fails is a mistake.
    Run,
    /// They are read and left to the caller.
    Keep,
}

/// Like [`load`]; says what becomes of the test cases of policies.
///
/// # Errors
/// All mistakes found, at least one.
pub fn load_with(path: &Path, cases: Cases) -> Result<Config, Report> {
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    match bounded(path).and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other)) {
        Ok(text) => read(&text, path, base, now(), cases),
        Err(error) => {
            let finding = Finding {
                code: &diagnostics::UNREADABLE,
                file: None,
                span: Span::default(),
                message: format!("`{}` cannot be read: {error}", path.display()),
                help: "Name the file with `-c FILE`, and let this user read it.".into(),
            };
            Err(Report::new(path, "", vec![finding]))
        }
    }
}

/// The bytes of a file. A device or a pipe may have no end, and this must have one before the gateway can start.
pub(crate) fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    // All at once: a buffer that grows would leave copies of a secret behind.
    let expected = file.metadata()?.len().min(LARGEST);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default() + 1);
    let count = file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if u64::try_from(count).is_ok_and(|count| count <= LARGEST) {
        Ok(bytes)
    } else {
        Err(io::Error::from(io::ErrorKind::FileTooLarge))
    }
}

/// Like [`load`], for a text: `path` is only shown, `base_dir` is where relative paths start.
///
/// # Errors
/// All mistakes found, at least one.
pub fn load_str(text: &str, path: &Path, base_dir: &Path) -> Result<Config, Report> {
    load_str_at(text, path, base_dir, now())
}

/// A clock before 1970 makes every certificate "not valid yet", which is refused.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Like [`load_str`], with the time in unix seconds at which certificates must be valid.
///
/// # Errors
/// All mistakes found, at least one.
pub fn load_str_at(text: &str, path: &Path, base_dir: &Path, now: u64) -> Result<Config, Report> {
    read(text, path, base_dir, now, Cases::Run)
}

fn read(text: &str, path: &Path, base_dir: &Path, now: u64, cases: Cases) -> Result<Config, Report> {
    let mut findings = Vec::new();
    let tree = yaml::parse(text, &mut findings);
    let source = Source::new(path.display().to_string(), text);
    let cx = Context::new(base_dir, now, source, cases, findings);
    let config = tree.and_then(|tree| decode::file(&cx, &tree));
    let warnings = Report::warnings(path, text, cx.take_warnings());
    let mut findings = cx.into_findings();
    match config {
        Some(config) if findings.is_empty() => Ok(Config { warnings, ..config }),
        _ => {
            if findings.is_empty() {
                // A decoder gave nothing without saying why. Refuse the file rather than run half of it.
                findings.push(Finding {
                    code: &diagnostics::UNREADABLE,
                    file: None,
                    span: Span::default(),
                    message: "the configuration could not be understood".into(),
                    help: "This is a fault of Portcullis; please report it with the file.".into(),
                });
            }
            Err(Report::new(path, text, findings))
        }
    }
}
