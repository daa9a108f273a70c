//! The program as people run it.

use serde_json::Value;
use std::process::Command;
use tempfile::TempDir;

/// What came of a program.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) said: String,
}

impl Ended {
    /// Checks the exit code, and that all of this was said on standard error.
    #[track_caller]
    pub(crate) fn assert(&self, code: i32, sentences: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.said);
        for sentence in sentences {
            assert!(self.said.contains(sentence), "{sentence:?} is not in:\n{}", self.said);
        }
    }

    /// The JSON that a program printed which went well.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        self.assert(0, &[]);
        serde_json::from_str(&self.out).expect("JSON")
    }
}

/// Runs `ocelli` in a folder, with arguments that have no spaces in them.
pub(crate) fn ocelli(folder: &TempDir, arguments: &str) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
    let output = command.args(arguments.split_whitespace()).current_dir(folder).output().expect("ocelli runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ended { code: output.status.code(), out: text(output.stdout), said: text(output.stderr) }
}
