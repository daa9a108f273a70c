//! `data.yaml`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::yolo;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    drop(yolo::parse_config(Path::new("data.yaml"), &text));
});
