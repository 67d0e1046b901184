//! Programs and packages of others: Debian's programs, and packages of npm, `PyPI` and crates.io that are pinned and kept in
//! the target folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Mutex,
};

/// One installation at a time: two tests may want the same.
static INSTALLING: Mutex<()> = Mutex::new(());

/// A folder with the packages that a `package.json` names, and the scripts beside it.
pub fn npm(name: &str, scripts: &str) -> PathBuf {
    let _turn = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    let wanted = fs::read_to_string(format!("{scripts}/package.json")).unwrap();
    for entry in fs::read_dir(scripts).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|kind| kind == "mjs") {
            fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
        }
    }
    let done = folder.join("installed.json");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return folder;
    }
    fs::write(folder.join("package.json"), &wanted).unwrap();
    let mut npm = Command::new(program("npm", "npm"));
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]).current_dir(&folder);
    run(&mut npm);
    fs::write(done, wanted).unwrap();
    folder
}

/// A folder with the packages that a `requirements.txt` names, for `PYTHONPATH`.
pub fn pip(name: &str, requirements: &str) -> PathBuf {
    let _turn = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-python"));
    let wanted = fs::read_to_string(requirements).unwrap();
    let done = folder.join("installed.txt");
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return folder;
    }
    let mut pip = Command::new(program("python3", "python3-pip"));
    pip.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"]).arg(&folder).args(["-r", requirements]);
    run(&mut pip);
    fs::write(done, wanted).unwrap();
    folder
}

/// The program of a package of Rust that is none of this workspace's, built with the versions of its lock file.
pub fn cargo(name: &str, package: &str) -> PathBuf {
    let _turn = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-rust"));
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--locked", "--quiet", "--target-dir"]).arg(&folder).current_dir(package);
    run(&mut cargo);
    folder.join("debug").join(name)
}

/// A program on the path; installed as a Debian package if it is missing.
pub fn program(name: &str, package: &str) -> PathBuf {
    found(name).unwrap_or_else(|| {
        run(Command::new("apt-get").args(["install", "--yes", "--no-install-recommends", package]));
        found(name).unwrap_or_else(|| panic!("the Debian package {package} has no program {name}"))
    })
}

fn found(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}", told());
    output
}
