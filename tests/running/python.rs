//! Programs of other people's libraries, in Python, with their packages pinned and kept in the target folder.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
};

const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers");

/// A server that is gone when dropped.
pub struct Server {
    pub port: u16,
    child: Child,
}

impl Server {
    /// Starts a script that prints its port first.
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let mut child = python(script).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        Self { port: line.trim().parse().unwrap(), child }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a module that must succeed; what it printed. What it leaves behind is left among the build's own files.
pub fn module(name: &str, arguments: &[&str]) -> String {
    let mut python = interpreter();
    python.current_dir(env!("CARGO_TARGET_TMPDIR"));
    let output = python.args(["-m", name]).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Runs a script that must succeed; what it printed.
pub fn run(script: &str, arguments: &[&str]) -> String {
    let output = python(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Python, with the packages on its path.
pub fn interpreter() -> Command {
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", packages());
    python
}

fn python(script: &str) -> Command {
    let mut python = interpreter();
    python.arg(PathBuf::from(PEERS).join(script));
    python
}

/// Installs what the scripts need, once for each list of requirements.
fn packages() -> PathBuf {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _turn = INSTALLING.lock().unwrap();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let requirements = PathBuf::from(PEERS).join("requirements.txt");
    let (done, wanted) = (folder.join("installed"), fs::read_to_string(&requirements).unwrap());
    if fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return folder;
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"]).arg(&folder).arg("-r").arg(&requirements);
    let output = pip.output().unwrap();
    assert!(output.status.success(), "{pip:?}: {}", String::from_utf8_lossy(&output.stderr));
    fs::write(done, wanted).unwrap();
    folder
}
