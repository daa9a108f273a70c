//! COCO data sets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::coco;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(dataset) = coco::parse(bytes, Path::new("gt.json")) {
        for truth in &dataset.truths {
            assert!((truth.image as usize) < dataset.images.len() && (truth.class as usize) < dataset.labels.len());
        }
    }
});
