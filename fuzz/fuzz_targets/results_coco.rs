//! COCO's list of results.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::results::parse_coco;
use ocelli_fuzz::{CLASSES, DATASET};
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(results) = parse_coco(bytes, Path::new("dt.json"), &DATASET, &CLASSES) {
        assert!(results.predictions.iter().all(|prediction| prediction.score.is_finite() && prediction.class < 3));
    }
});
