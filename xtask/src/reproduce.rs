//! Two release builds of the same commit, in two folders, byte by byte.

use std::{fs, path::Path};

use crate::step::step;

/// Clones the newest commit twice beside the other build output, builds both, and compares the binaries.
pub(crate) fn run_reproduce() -> Result<(), String> {
    let folder = Path::new("target/reproduce");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    let mut binaries = Vec::new();
    for name in ["one", "other-folder"] {
        let clone = folder.join(name);
        let place = clone.display().to_string();
        step("git", &["clone", "--quiet", ".", &place])?;
        let (manifest, output) = (format!("{place}/Cargo.toml"), format!("{place}/target"));
        let arguments = ["build", "--release", "--locked", "--manifest-path", &manifest, "--target-dir", &output];
        step("cargo", &arguments)?;
        binaries.push(fs::read(clone.join("target/release/portcullis")).map_err(failed)?);
    }
    match binaries.as_slice() {
        [one, other] if one == other => {
            eprintln!("identical: {} bytes", one.len());
            Ok(())
        }
        _ => Err("the two builds differ".to_owned()),
    }
}
