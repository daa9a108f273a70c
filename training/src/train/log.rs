//! The log of a training in JSON lines, one event a line.

use super::Event;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Why the log could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct LogError {
    /// The file.
    pub path: PathBuf,
    /// What the system said, or what is wrong with a line.
    pub reason: String,
}

/// The log of a training.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log of a training that has done `step` steps. Lines of later steps, which a crash left behind, are dropped.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn open(path: &Path, step: usize) -> Result<Self, LogError> {
        let failed = |error: std::io::Error| LogError { path: path.into(), reason: error.to_string() };
        let kept: String = match std::fs::read_to_string(path) {
            Ok(text) => {
                text.lines().filter(|line| step_of(line).is_some_and(|s| s <= step)).map(|l| format!("{l}\n")).collect()
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error)),
        };
        crate::weights::write_whole(path, kept.as_bytes()).map_err(failed)?;
        let file = File::options().append(true).open(path).map_err(failed)?;
        Ok(Self { path: path.into(), file })
    }

    /// Appends an event, if it is one that is logged.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn write(&mut self, event: &Event) -> Result<(), LogError> {
        let failed = |reason: String| LogError { path: self.path.clone(), reason };
        if matches!(event, Event::Evaluating { .. } | Event::Checkpoint { .. }) {
            return Ok(());
        }
        let mut line = serde_json::to_string(event).map_err(|e| failed(e.to_string()))?;
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(|e| failed(e.to_string()))
    }

    /// Reads a log's lines.
    ///
    /// # Errors
    /// [`LogError`] with the number of a line that is no JSON.
    pub fn read(path: &Path) -> Result<Vec<Value>, LogError> {
        let failed = |reason: String| LogError { path: path.into(), reason };
        let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
        let parse = |(index, line)| serde_json::from_str(line).map_err(|e| failed(format!("line {}: {e}", index + 1)));
        text.lines().enumerate().map(parse).collect()
    }
}

/// The step of a line, if it is whole.
fn step_of(line: &str) -> Option<usize> {
    let value: Value = serde_json::from_str(line).ok()?;
    usize::try_from(value.get("step")?.as_u64()?).ok()
}
