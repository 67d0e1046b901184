//! The configuration: a text that can be run, or findings with a place each.

use std::{path::Path, sync::LazyLock};

use config::Config;

/// When certificates must be valid, in Unix seconds.
const NOW: u64 = 1_700_000_000;

/// A folder without files, so that what a text names is not there.
static NOWHERE: LazyLock<&Path> = LazyLock::new(|| Path::new("/nonexistent"));

/// A configuration, or a report that can be shown; the same each time.
pub fn hold(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // An absolute path could name a terminal.
    if text.contains("/dev") || text.contains("/proc") || text.contains("/sys") {
        return;
    }
    let load = || config::load_str_at(text, Path::new("portcullis.yaml"), &NOWHERE, NOW);
    match load() {
        Ok(config) => {
            let again = load().expect("it was one before");
            assert!(config::diff(&config, &again).is_empty(), "a file differs from itself");
            sound(&config);
        }
        Err(report) => {
            assert!(!report.findings().is_empty());
            for finding in report.findings() {
                assert!(finding.span.start <= text.len(), "{finding:?}");
                assert!(!finding.message.is_empty() && !finding.help.is_empty(), "{finding:?}");
            }
            let _ = report.render(false, 100);
            assert_eq!(report.to_json()["findings"].as_array().map(Vec::len), Some(report.findings().len()));
        }
    }
}

/// No route without credentials or a reason, no limit of none.
fn sound(config: &Config) {
    assert!(!config.listeners.is_empty());
    for route in config.apis.iter().flat_map(|api| &api.routes) {
        match &route.access {
            config::Access::Public { reason } => assert!(!reason.trim().is_empty()),
            config::Access::Authenticated { by, .. } => assert!(!by.is_empty()),
        }
        assert!(route.template.text.starts_with('/'));
    }
    assert!(config.limits.header_count > 0 && config.limits.connections > 0 && config.limits.token_bytes > 0);
}
