//! Results as the Pascal VOC devkit wants them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::results::parse_voc;
use ocelli_fuzz::{CLASSES, DATASET};
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(results) = parse_voc(bytes, Path::new("comp4_det_test_dog.txt"), &DATASET, &CLASSES) {
        assert!(results.predictions.iter().all(|prediction| prediction.score.is_finite() && prediction.class == 1));
    }
});
