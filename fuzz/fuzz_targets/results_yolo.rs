//! Results of YOLO tools.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::results::parse_yolo;
use ocelli_fuzz::DATASET;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(results) = parse_yolo(bytes, Path::new("a.txt"), &DATASET) {
        assert!(results.predictions.iter().all(|prediction| prediction.score.is_finite() && prediction.image == 0));
    }
});
