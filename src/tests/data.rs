//! Real pictures, weights and golden figures, which do not travel with the repository.

use std::path::PathBuf;

/// The folder that `OCELLI_TEST_DATA` names, `../shared/data` without it; `None`, said loudly, where it is absent.
pub(crate) fn folder() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("OCELLI_TEST_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    eprintln!("SKIPPED {test}: no test data at {} (set OCELLI_TEST_DATA)", folder.display());
    None
}
