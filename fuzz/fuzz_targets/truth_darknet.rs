//! A Darknet `.data` file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::darknet;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    drop(darknet::parse(Path::new("a.data"), &text));
});
