use std::path::{Path, PathBuf};

/// Why a data set or a file of results could not be read at all. Faults of single records are
/// [`Findings`](super::Findings).
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what its format asks for.
    #[error("{path}{}: {reason}", .line.map_or_else(String::new, |line| format!(", line {line}")))]
    Malformed {
        /// Which.
        path: PathBuf,
        /// The line, from 1, where one is at fault.
        line: Option<usize>,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// The path is no data set.
    #[error("{path}: {reason}")]
    Unrecognised {
        /// Which.
        path: PathBuf,
        /// What was looked for and not found.
        reason: String,
    },
    /// A data set is not written over other files.
    #[error("{0}: the folder is not empty; name a new one")]
    Occupied(PathBuf),
}

impl DatasetError {
    /// What the system said of a path.
    pub(crate) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }

    /// What is wrong with a file.
    pub(crate) fn malformed(path: &Path, line: Option<usize>, reason: impl Into<String>) -> Self {
        Self::Malformed { path: path.to_owned(), line, reason: reason.into() }
    }
}
