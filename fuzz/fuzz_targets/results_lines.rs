//! Ocelli's JSON lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::results::parse_lines;
use ocelli_fuzz::{CLASSES, DATASET};
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(results) = parse_lines(bytes, Path::new("dt.jsonl"), &DATASET, &CLASSES) {
        assert!(results.predictions.iter().all(|prediction| prediction.score.is_finite() && prediction.class < 3));
    }
});
