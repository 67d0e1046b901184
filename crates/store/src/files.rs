//! The data folder and the database file: for the server's user only.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::error::StoreError;

/// Makes the folder (0700) and an empty database (0600) where there are none. `SQLite` gives the files beside the
/// database the database's mode.
pub(crate) fn prepare(dir: &Path, database: &str) -> Result<PathBuf, StoreError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| files(dir, error))?;
    let mode = fs::metadata(dir).map_err(|error| files(dir, error))?.permissions().mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(StoreError::Exposed { path: dir.to_owned(), mode });
    }
    let path = dir.join(database);
    let file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| files(&path, error))?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(|error| files(&path, error))?;
    Ok(path)
}

fn files(path: &Path, source: io::Error) -> StoreError {
    StoreError::Files { path: path.to_owned(), source }
}
