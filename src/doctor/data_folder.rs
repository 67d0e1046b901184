//! The data folder: the server's own, closed to others, writable.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use config::Config;
use rustix::fs::{Access, access};

use super::Finding;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let path = config.data.as_path();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => existing(path, &metadata),
        Ok(_) => vec![Finding::new(
            format!("{} is not a folder", path.display()),
            "Move it away, or name another folder as `data`.",
        )],
        Err(error) if error.kind() == io::ErrorKind::NotFound => missing(path).into_iter().collect(),
        Err(error) => vec![Finding::new(
            format!("{}: {error}", path.display()),
            "Let this user enter the folders above it, or name another folder as `data`.",
        )],
    }
}

fn existing(path: &Path, metadata: &fs::Metadata) -> Vec<Finding> {
    let shown = path.display();
    let mode = metadata.permissions().mode() & 0o7777;
    let open = (mode & 0o077 != 0).then(|| {
        Finding::new(
            format!("{shown} has mode {mode:04o}, so others can reach the API keys' database"),
            format!("chmod 0700 '{shown}'"),
        )
    });
    let me = rustix::process::geteuid();
    let foreign = (metadata.uid() != me.as_raw()).then(|| {
        Finding::new(
            format!("{shown} belongs to user {}, and this is user {}", metadata.uid(), me.as_raw()),
            format!("Run as that user, or chown -R {} '{shown}'.", me.as_raw()),
        )
    });
    open.into_iter().chain(foreign).chain(read_only(path)).collect()
}

/// The server makes the folder; that takes a folder above that it can write to.
fn missing(path: &Path) -> Option<Finding> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.ancestors().find(|ancestor| ancestor.exists()).and_then(read_only)
}

fn read_only(folder: &Path) -> Option<Finding> {
    let error = access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).err()?;
    let cause = format!("{} cannot be written to: {}", folder.display(), io::Error::from(error));
    Some(Finding::new(cause, "Give the folder to this user, or name another one as `data`."))
}
