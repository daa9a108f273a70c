//! What can be wrong with training data.

use ocelli::dataset::DatasetError;
use std::path::PathBuf;

/// Why there are no samples.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The data set could not be read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A picture could not be read or decoded.
    #[error("{path}: {reason}")]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing to train on.
    #[error("{path}: {reason}")]
    Empty {
        /// The data set.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A data set has objects of a class that the first one does not know.
    #[error("{path}: the class {class:?} is none of the first data set's ({known})")]
    UnknownClass {
        /// The data set.
        path: PathBuf,
        /// The class.
        class: String,
        /// The first data set's classes.
        known: String,
    },
    /// A setting is out of its range.
    #[error("{0}")]
    Settings(String),
}
