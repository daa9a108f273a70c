//! onnxruntime, in one Python process that all tests share.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// What is installed, with the versions that the figures were checked with.
const PACKAGES: [&str; 2] = ["numpy==2.4.6", "onnxruntime==1.32.0"];

struct Worker {
    /// Ends when its input is closed, which is when the tests end.
    _child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// The largest error of onnxruntime on the model and cases of a folder; `None`, said loudly, where there is no Python.
pub(super) fn compare(folder: &Path) -> Option<Result<f32, String>> {
    static WORKER: OnceLock<Option<Mutex<Worker>>> = OnceLock::new();
    let mut worker = WORKER.get_or_init(start).as_ref()?.lock().unwrap();
    writeln!(worker.input, "{}", folder.display()).unwrap();
    let mut answer = String::new();
    worker.output.read_line(&mut answer).unwrap();
    Some(answer.trim().parse().map_err(|_| answer))
}

fn start() -> Option<Mutex<Worker>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/export/compare.py");
    let mut command = Command::new(python()?);
    let mut child = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    Some(Mutex::new(Worker { _child: child, input, output }))
}

fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers-training");
    let (python, stamp) = (folder.join("bin/python"), folder.join("packages"));
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
            std::fs::write(&stamp, PACKAGES.join("\n")).unwrap();
            Some(python)
        }
        // On the project's own CI nothing may be skipped.
        Err(error) if std::env::var_os("CI").is_some() => panic!("no Python environment: {error}"),
        Err(error) => {
            eprintln!("SKIPPED comparisons with onnxruntime: {error}");
            None
        }
    }
}
