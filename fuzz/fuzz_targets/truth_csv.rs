//! Truths as comma-separated values.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::csv;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(rows) = csv::parse(Path::new("a.csv"), &text) {
        assert!(rows.iter().flatten().all(|row| !row.picture.is_empty()));
    }
});
