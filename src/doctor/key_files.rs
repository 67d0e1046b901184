//! Files with secrets that others than their owner and group can read, or that more than the owner can write.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use config::Config;

use super::Finding;

/// Nothing for others, no writing for the group, no execution: 0600 and 0640, or stricter.
const TOO_OPEN: u32 = 0o7137;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    config.secret_files.iter().filter_map(|path| exposed(path)).collect()
}

fn exposed(path: &Path) -> Option<Finding> {
    let shown = path.display();
    // The mode that counts is that of the file behind a symbolic link.
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return Some(Finding::new(format!("{shown}: {error}"), "Put the file back.")),
    };
    let mode = metadata.permissions().mode() & 0o7777;
    (mode & TOO_OPEN != 0).then(|| {
        let owner = metadata.uid();
        Finding::new(
            format!("{shown} holds a secret and has mode {mode:04o} (owner {owner})"),
            format!("chmod 0600 '{shown}', or 0640 for a group; if others could read it, replace the secret."),
        )
    })
}
