//! The XML file of one picture.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli::dataset::voc;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(annotation) = voc::parse(Path::new("a.xml"), &text) {
        assert!(annotation.objects.iter().all(|object| object.line > 0 && !object.label.is_empty()));
    }
    voc::is_class_list(&text);
});
