//! A Python environment with other implementations, which the tests make for themselves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What is installed, with the versions that the figures were checked with.
const PACKAGES: [&str; 4] = ["numpy==2.4.6", "onnxruntime==1.32.0", "pillow==13.0.0", "pycocotools==2.0.11"];

/// The interpreter of a virtual environment with [`PACKAGES`]; made once, and kept between runs.
pub(crate) fn python() -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    PYTHON.get_or_init(make_environment).clone()
}

fn make_environment() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let python = folder.join("bin/python");
    let stamp = folder.join("packages");
    if std::fs::read_to_string(&stamp).is_ok_and(|found| found == PACKAGES.join("\n")) {
        return Some(python);
    }
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    };
    let made = run(Command::new("python3").arg("-m").arg("venv").arg(&folder))
        .and_then(|()| run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES)));
    match made {
        Ok(()) => {
            std::fs::write(&stamp, PACKAGES.join("\n")).expect("a stamp");
            Some(python)
        }
        // On the project's own CI nothing may be skipped.
        Err(error) if std::env::var_os("CI").is_some() => panic!("no Python environment: {error}"),
        Err(error) => {
            eprintln!("SKIPPED comparisons with Python peers: {error}");
            None
        }
    }
}

/// Runs a script of `src/tests/peers/`, and returns what it printed.
pub(crate) fn script(python: &Path, name: &str, arguments: &[&Path]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/peers").join(name);
    let output = Command::new(python).arg(script).args(arguments).output().expect("python runs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
